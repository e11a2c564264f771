"""What it is worth to know when services end: searches with and without the departure columns.

NSFNET with three classes that stay a day, a week and a month on the average, of which a share tells its end,
and with one exponential. Every arm lists the same candidates. Only what the two columns tell differs:
nothing; told ends and, of the others, the expected rest of life by a log; or a placebo, the ends and classes
of other requests, so far in the future that neither the right one nor the age of what stands can be told.

All is done anew several times, with other seeds: a first search without the columns, then from its result
one search for each arm, of equal budget, and a measurement on fresh traces that no search or log has met, the
same for every arm. The intervals are over these repetitions, so that they hold the luck of searching too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.observations import observe_under
from agents.search import MEANS_KEPT, new_search
from agents.spec import SearchSpec
from benchmarks.carried import LoadCurve
from envs.evaluation import interval, paired_difference
from envs.forecast import DemandForecast, forecast_from
from envs.heuristics import baseline
from envs.holding import ClassRest
from envs.lived_times import holding_of_trace, rests_of
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.search import linear_costs_on
from envs.settings import SETTINGS
from envs.trace import Trace
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from topologies.catalogue import load_topology

BASE = SETTINGS["deeprmsa-nsfnet"]
DAY_S = 86_400.0
STAYS_S = {"day": DAY_S, "week": 7 * DAY_S, "month": 30 * DAY_S}
TOLD_SHARES = (0.0, 0.5, 1.0)
TARGET_BLOCKING = 1e-2
START = "least_fragmentation"
POPULATION = 12
STEP_FROM_BEGUN = 0.2  # of a search that goes on from the first one's result
WARMUP_REQUESTS = 6000  # five times as many as arrive while a month's service stays
LOG_REQUESTS = 5000
LOG_SEED, SEARCH_SEED, MEASURED_SEED, SHUFFLE_SEED = 930_000, 940_000, 950_000, 7
FAR = 1e6  # times as long as a life: in the placebo a told end never comes, and no age counts
WITHOUT, WITH, PLACEBO = "without", "with", "placebo"


@dataclass(frozen=True)
class Sizes:
    """How much is spent.

    Attributes:
        repetitions: of everything, with other seeds.
        generations: of each search.
        requests: of each trace that a search meets, and counted of each that is measured on.
        traces: measured on, in each repetition.
        processes: that share the search for the load.
    """

    repetitions: int = 5
    generations: int = 12
    requests: int = 8000
    traces: int = 6
    processes: int = 1


@dataclass(frozen=True)
class DepartureArm:
    """What the columns tell in one case."""

    name: str
    plant: Plant
    traffic: PoissonTraffic
    tells: Callable[[Trace], Trace]


def traffic_of(classes: bool, told_share: float = 0.0) -> PoissonTraffic:
    """A day, a week and a month, or one exponential with their mean.

    A class has a share of the requests in inverse proportion to the root of its stay: shorter ones are more,
    and none is without weight in the load.
    """
    shares = {name: stays_s**-0.5 for name, stays_s in STAYS_S.items()}
    mean_s = sum(share * STAYS_S[name] for name, share in shares.items()) / sum(shares.values())
    named = tuple(LatencyClass(name, share, mean_holding_s=STAYS_S[name]) for name, share in shares.items())
    one = replace(BASE.traffic, mean_holding_s=mean_s, truncate_holding=False, told_share=told_share)
    return replace(one, classes=named) if classes else one


def figures(sizes: Sizes, on_progress: Callable[[str], None]) -> dict[str, object]:
    """Blocking in every case and arm; changes are relative to none told, with paired 95 % intervals."""
    plant = build_plant(load_topology(BASE.topology), replace(BASE.plant, departures_known=True))
    rows: dict[str, object] = {}
    for classes in (True, False):
        on_progress(f"{_called(classes, None)}: the load")
        curve = LoadCurve(plant, traffic_of(classes), baseline(START), 40_000, sizes.processes)
        load_erlang = round(curve.carried_erlang(TARGET_BLOCKING, 150.0, 1), 1)
        cases = {
            share: arms_of(plant, replace(traffic_of(classes, share), load_erlang=load_erlang))
            for share in (TOLD_SHARES if classes else TOLD_SHARES[:1])
        }
        measured: dict[tuple[float, str], list[float]] = {
            (share, arm.name): [] for share, arms in cases.items() for arm in arms
        }
        for repetition in range(sizes.repetitions):
            said = f"{_called(classes, None)}: repetition {repetition + 1} of {sizes.repetitions}"
            untold = cases[TOLD_SHARES[0]][0]
            on_progress(said)
            begun = searched(untold, sizes, repetition, baseline(START), None)
            blind = searched(untold, sizes, repetition, begun, STEP_FROM_BEGUN)
            for share, arms in cases.items():
                for arm in arms:
                    told = arm.name != WITHOUT
                    found = searched(arm, sizes, repetition, begun, STEP_FROM_BEGUN) if told else blind
                    measured[share, arm.name].append(measure(arm, sizes, repetition, found))
        for share in cases:
            without = np.array(measured[share, WITHOUT])
            figure = interval(without)
            row: dict[str, Any] = {
                "load_erlang": load_erlang,
                WITHOUT: {"request_blocking": figure.mean, "ci95": [figure.low, figure.high]},
            }
            for name in (WITH, PLACEBO):
                row[name] = _change(np.array(measured[share, name]), without)
            rows[_called(classes, share)] = row
    return {
        "topology": plant.topology.name,
        "start": START,
        "repetitions": sizes.repetitions,
        "requests_searched": sizes.repetitions * sizes.generations * POPULATION * sizes.requests,
        "requests_measured": sizes.repetitions * sizes.traces * sizes.requests,
        "cases": rows,
    }


def arms_of(plant: Plant, traffic: PoissonTraffic) -> tuple[DepartureArm, DepartureArm, DepartureArm]:
    """Nothing told, all that is known, and a placebo; the requests of all are the same."""
    log = make_trace(traffic, plant, LOG_REQUESTS, LOG_SEED)
    rests = rests_of(holding_of_trace(log))
    known, wrong = (
        plant.with_forecast(_lives_only(forecast_from(log, plant, rests=told)))
        for told in (rests, far(rests))
    )
    return (
        DepartureArm(WITHOUT, plant, traffic, lambda trace: replace(trace, told_s=None)),
        DepartureArm(WITH, known, traffic, lambda trace: trace),
        DepartureArm(PLACEBO, wrong, traffic, told_of_others),
    )


def far(rests: tuple[ClassRest, ...]) -> tuple[ClassRest, ...]:
    """The same lives, ``FAR`` times as long."""
    return tuple(
        replace(
            item,
            ages_s=tuple(FAR * age_s for age_s in item.ages_s),
            rest_s=tuple(FAR * rest_s for rest_s in item.rest_s),
        )
        for item in rests
    )


def told_of_others(trace: Trace) -> Trace:
    """Each request says another one's class, and the end that this one tells, ``FAR`` times as far away."""
    other = np.random.default_rng(SHUFFLE_SEED).permutation(trace.num_requests)
    told_s = None if trace.told_s is None else FAR * trace.told_s[other]
    return replace(trace, service_class=trace.service_class[other], told_s=told_s)


def measure(arm: DepartureArm, sizes: Sizes, repetition: int, policy: LinearPolicy) -> float:
    """Request blocking of a score on the fresh traces of a repetition, as the arm tells them."""
    first = MEASURED_SEED + 1000 * repetition
    traces = [
        arm.tells(make_trace(arm.traffic, arm.plant, WARMUP_REQUESTS + sizes.requests, first + row))
        for row in range(sizes.traces)
    ]
    return float(linear_costs_on(arm.plant, traces, np.array([policy.weights]), WARMUP_REQUESTS)[0])


def searched(
    arm: DepartureArm, sizes: Sizes, repetition: int, start: ScoringPolicy, step: float | None
) -> LinearPolicy:
    """The score that a search finds on what the arm's columns tell; ``step``: None is a first search's."""
    assert isinstance(start, LinearPolicy)
    seed = 2 * repetition + (step is not None)
    sample = observe_under(arm.plant, arm.traffic, start, WARMUP_REQUESTS, SEARCH_SEED + seed)
    state = new_search(SearchSpec(population=POPULATION), sample.spread_within_requests(), seed + 1, start)
    if step is not None:
        state.strategy.sigma = step
    first, warmup = SEARCH_SEED + 10_000 * (seed + 1), min(WARMUP_REQUESTS, sizes.requests // 2)
    for generation in range(sizes.generations):
        points = np.array(state.strategy.ask())
        trace = arm.tells(make_trace(arm.traffic, arm.plant, sizes.requests, first + generation))
        costs = linear_costs_on(arm.plant, [trace], state.weights(points), warmup)
        state.strategy.tell(list(points), list(costs))
        state.means = [*state.means[1 - MEANS_KEPT :], state.strategy.mean.copy()]
    return state.policy()


def _lives_only(forecast: DemandForecast) -> DemandForecast:
    """The lives of a forecast with equal demand: what is measured is what lives are worth."""
    return replace(forecast, weights=(1.0,) * len(forecast.weights))


def _called(classes: bool, told_share: float | None) -> str:
    name = "a day, a week, a month" if classes else "one exponential"
    return name if told_share is None else f"{name}; {told_share:.0%} tell their end"


def _change(values: np.ndarray, without: np.ndarray) -> dict[str, object]:
    """Relative: negative is fewer blocked."""
    found, mean = paired_difference(values, without), float(without.mean())
    return {
        "request_blocking": float(values.mean()),
        "change": found.mean / mean,
        "change_ci95": [found.low / mean, found.high / mean],
    }
