"""What continuous training is worth: traffic shifts, and each way to answer it is measured on fresh requests.

Arms, on the same requests run by run: the best simple rule, also one that weighs node pairs by the demand
forecast; the champion as it was; the champion with the new forecast; the champion trained on; the same with
ten times the budget; and a placebo, the champion with the forecast and every weight changed at random. What
was forgotten is told on the traffic of before, with a forecast of that traffic.

No request of the log that is learned from, nor of those that the rule is chosen on, is among those measured.
Not here: what a forecast alone is worth under wrong forecasts (``forecast.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.artefact import load_policy
from agents.lessons import Lessons, Start
from agents.spec import SearchSpec, TrainSpec
from agents.train import train
from benchmarks.carried import LoadCurve
from benchmarks.compare import PLACEBO_SPREAD, changed
from benchmarks.forecast import change_row, figure_row
from benchmarks.forecast import shifts as forecast_shifts
from envs.evaluation import replay
from envs.forecast import forecast_from
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.settings import SETTINGS, agent_plant
from envs.simulation import simulate
from envs.sndlib import MatrixTraffic, trace_from_demands
from envs.sndlib_files import Demands, read_demands
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace
from tasks.traffic import traffic_like
from topologies.catalogue import load_topology

BASE = SETTINGS["deeprmsa-nsfnet"]
TARGET_BLOCKING = 1e-2  # of the champion, which sets the load
LOG_SEED, CHOICE_SEED, MEASURED_SEED, PLACEBO_SEED = 1_910_000, 1_930_000, 1_920_000, 17
NUM_RUNS = 20
WARMUP_REQUESTS = 3000
CHOSEN_ON = 0.1  # of the requests, to find the load and the best rule
FORECAST_RULE = "least_capacity_loss"  # the rule that can weigh node pairs by the forecast
SCORING_RULES = ("ksp_ff", "ff_ksp", FORECAST_RULE)  # can be replayed on a given trace
RULES = (*SCORING_RULES, "ksp_mscl")
WITH_FORECAST = " with the forecast"
LONG = 10  # times the budget
SEARCH_SHARE = 0.8  # of a budget; PPO has the rest
ABILENE = "Abilene, second week"
Measure = Callable[[Plant, "str | ScoringPolicy", int, int], np.ndarray]  # plant, policy, seed, requests


@dataclass(frozen=True)
class ShiftedCase:
    """Traffic that has shifted.

    Attributes:
        plant: without a forecast.
        log: what the network lived through since, and is learned from.
        traffic: of the same load and kind as the log's, for the record.
        before: what arrived before, which may be forgotten.
        blocking: (runs,) request blocking on requests like those of the log, drawn anew from a seed.
        rules: the simple rules that ``blocking`` can follow.
    """

    name: str
    plant: Plant
    log: Trace
    load_erlang: float
    before: PoissonTraffic
    blocking: Measure
    rules: tuple[str, ...] = RULES


def figures(
    champion: LinearPolicy,
    num_requests: int,
    log_requests: int,
    budget_s: float,
    work: Path,
    on_progress: Callable[[str], None],
    processes: int = 1,
    demands: Path | None = None,
    only: str = "",
) -> dict[str, object]:
    """Every shift with every arm.

    Args:
        champion: in service when the traffic shifts.
        num_requests: counted requests of each arm and shift.
        log_requests: that are learned from.
        budget_s: of the training; the long one has ``LONG`` times as much. 0: nothing is trained.
        work: folder for the trainings.
        on_progress: told what is done next.
        processes: that share the measuring.
        demands: SNDlib matrices of Abilene, two weeks; None: left out.
        only: the shift of this name alone; empty: all.

    Raises:
        ValueError: no shift of that name.
        SndlibError: the matrices cannot be read.
    """
    few = max(int(CHOSEN_ON * num_requests), 2000)
    makers = _makers(champion, few, log_requests, processes, demands)
    if only and only not in makers:
        raise ValueError(f"no shift {only!r}; known: {', '.join(makers)}")
    rows: dict[str, object] = {}
    for name, make in makers.items():
        if only in ("", name):
            on_progress(f"{name}: the load at which the champion blocks {TARGET_BLOCKING:.0%}")
            say = _prefixed(on_progress, name)
            rows[name] = _row(make(), champion, num_requests, few, budget_s, work, say, processes)
    return {
        "policy": champion.name,
        "requests": num_requests,
        "runs": NUM_RUNS,
        "log_requests": log_requests,
        "budget_s": budget_s,
        "shifts": rows,
    }


def _makers(
    champion: LinearPolicy, few: int, log_requests: int, processes: int, demands: Path | None
) -> Mapping[str, Callable[[], ShiftedCase]]:
    topology = load_topology(BASE.topology)
    plant = build_plant(topology, agent_plant(BASE))

    def poisson(name: str, traffic: PoissonTraffic, seed: int) -> ShiftedCase:
        traffic = _loaded(traffic, plant, champion, few, processes)

        def blocking(seen: Plant, policy: str | ScoringPolicy, seed: int, num_requests: int) -> np.ndarray:
            return _simulated(seen, traffic, policy, seed, num_requests, processes)

        log = make_trace(traffic, plant, log_requests, LOG_SEED + seed)
        before = replace(BASE.traffic, load_erlang=BASE.training_load_erlang)
        return ShiftedCase(name, plant, log, traffic.load_erlang, before, blocking)

    makers: dict[str, Callable[[], ShiftedCase]] = {}
    for row, shift in enumerate(forecast_shifts(topology.num_nodes)):
        makers[shift.name] = lambda shift=shift, row=row: poisson(shift.name, shift.traffic, row)  # type: ignore[misc]
    if demands is not None:
        weeks = read_demands(demands)
        makers[ABILENE] = lambda: _abilene(weeks, champion, few, processes)
    return makers


def _abilene(demands: Demands, champion: LinearPolicy, few: int, processes: int) -> ShiftedCase:
    """The first week is what arrived before, the second what is measured; its requests are drawn anew."""
    plant = build_plant(load_topology("abilene"), agent_plant(BASE))
    first, second = (demands.select(7 * week + 1, 7) for week in (0, 1))

    def drawn(week: Demands, load_erlang: float, seed: int) -> Trace:
        traffic = MatrixTraffic(
            load_erlang=load_erlang, truncate_holding=True, bit_rates_gbps=BASE.traffic.bit_rates_gbps
        )
        return trace_from_demands(week, traffic, plant, seed)

    like = traffic_like(drawn(first, 130.0, LOG_SEED), plant)
    load_erlang = _loaded(like, plant, champion, few, processes).load_erlang

    def blocking(seen: Plant, policy: str | ScoringPolicy, seed: int, num_requests: int) -> np.ndarray:
        traces = [drawn(second, load_erlang, seed + run) for run in range(NUM_RUNS)]
        scored = baseline(policy) if isinstance(policy, str) else policy
        return np.array([found.request_blocking for found in replay(seen, traces, scored, WARMUP_REQUESTS)])

    log, old = drawn(second, load_erlang, LOG_SEED + 1), drawn(first, load_erlang, LOG_SEED + 2)
    return ShiftedCase(ABILENE, plant, log, load_erlang, traffic_like(old, plant), blocking, SCORING_RULES)


def _row(
    case: ShiftedCase,
    champion: LinearPolicy,
    num_requests: int,
    few: int,
    budget_s: float,
    work: Path,
    say: Callable[[str], None],
    processes: int,
) -> dict[str, Any]:
    plant, seen = case.plant, case.plant.with_forecast(forecast_from(case.log, case.plant))
    say("the rule that a practitioner would take")
    rule, with_forecast = _best_rule(case, seen, few)
    arms: dict[str, tuple[Plant, str | ScoringPolicy]] = {
        "baseline": (seen if with_forecast else plant, rule),
        "forecast": (seen, champion),
        "placebo": (seen, _placebo(champion)),
    }
    trained: dict[str, ScoringPolicy] = {}
    for name, times in (("retrained", 1), ("long", LONG)) if budget_s > 0 else ():
        say(f"training for {times * budget_s:,.0f} s")
        trained[name] = _trained(case, seen, champion, times * budget_s, work / f"{case.name}-{name}")
        arms[name] = (seen, trained[name])
    say("the champion as it was")
    base = case.blocking(plant, champion, MEASURED_SEED, num_requests)
    row: dict[str, Any] = {"load_erlang": case.load_erlang, "champion": figure_row(base)}
    for name, (where, policy) in arms.items():
        say(name)
        found = case.blocking(where, policy, MEASURED_SEED, num_requests)
        row[name] = figure_row(found) | change_row(found, base)
    row["baseline"]["rule"] = rule + (WITH_FORECAST if with_forecast else "")
    if trained:
        say("what was forgotten")
        row["old_traffic"] = _forgotten(case, champion, trained, num_requests, processes)
    return row


def _best_rule(case: ShiftedCase, seen: Plant, few: int) -> tuple[str, bool]:
    """The rule that blocks least on requests of their own, and whether it knows the forecast."""
    return min(
        [*((name, False) for name in case.rules), (FORECAST_RULE, True)],
        key=lambda rule: case.blocking(seen if rule[1] else case.plant, rule[0], CHOICE_SEED, few).mean(),
    )


def _trained(
    case: ShiftedCase, seen: Plant, champion: LinearPolicy, budget_s: float, folder: Path
) -> ScoringPolicy:
    spec = TrainSpec(
        budget_s=(1 - SEARCH_SHARE) * budget_s,
        search=SearchSpec(budget_s=SEARCH_SHARE * budget_s),
        warmup_requests=WARMUP_REQUESTS,
    )
    starts = (Start("champion", champion, repr(champion.weights)),)
    lessons = Lessons(traffic_like(case.log, case.plant), beside=(case.before,), starts=starts)
    return load_policy(train(spec, seen, lessons, folder).policy_folder)


def _forgotten(
    case: ShiftedCase,
    champion: LinearPolicy,
    trained: Mapping[str, ScoringPolicy],
    num_requests: int,
    processes: int,
) -> dict[str, object]:
    """Each trained policy on the traffic of before against the champion there, both with its forecast."""
    forecast = forecast_from(make_trace(case.before, case.plant, case.log.num_requests, LOG_SEED), case.plant)
    seen = case.plant.with_forecast(forecast)

    def blocking(policy: ScoringPolicy) -> np.ndarray:
        return _simulated(seen, case.before, policy, MEASURED_SEED, num_requests, processes)

    base = blocking(champion)
    found = {name: blocking(policy) for name, policy in trained.items()}
    rows = {name: figure_row(values) | change_row(values, base) for name, values in found.items()}
    return {"champion": figure_row(base), **rows}


def _placebo(policy: LinearPolicy) -> LinearPolicy:
    random = np.random.default_rng(PLACEBO_SEED)
    return replace(changed(policy, PLACEBO_SPREAD, random), name="placebo")


def _loaded(
    traffic: PoissonTraffic, plant: Plant, champion: LinearPolicy, few: int, processes: int
) -> PoissonTraffic:
    curve = LoadCurve(plant, traffic, champion, few, processes)
    return replace(traffic, load_erlang=round(curve.carried_erlang(TARGET_BLOCKING, 240.0, 1), 1))


def _simulated(
    plant: Plant, traffic: PoissonTraffic, policy: str | ScoringPolicy, seed: int, num: int, processes: int
) -> np.ndarray:
    found = simulate(plant, traffic, policy, num, seed, num_runs=NUM_RUNS, processes=processes)
    return np.array([run.request_blocking for run in found.runs])


def _prefixed(say: Callable[[str], None], name: str) -> Callable[[str], None]:
    return lambda text: say(f"{name}: {text}")
