"""What continuous training is worth: traffic shifts, and each way to answer it is measured on fresh requests.

Arms, on the same requests run by run: the best simple rule, also one that weighs node pairs by the demand
forecast; the champion as it was; the champion with the new forecast; the champion trained on; the same with
a longer budget; and a placebo, the champion with the forecast and every weight changed at random. What was
forgotten is told on the traffic of before, with a forecast of that traffic.

No request of the log that is learned from, nor of those that the rule is chosen on, is among those measured.
Not here: what a forecast alone is worth under wrong forecasts (``forecast.py``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from agents.artefact import load_policy
from agents.lessons import Lessons, Start
from agents.spec import SearchSpec, TrainSpec, ValidationSpec
from agents.train import train
from agents.validation import ValidationSet
from benchmarks.carried import LoadCurve, load_at
from benchmarks.compare import PLACEBO_SPREAD, changed
from benchmarks.drift import MOVED, MOVED_DAY
from benchmarks.forecast import Shift, change_row, figure_row
from benchmarks.forecast import shifts as forecast_shifts
from benchmarks.hot_pairs import drawn_choices, hot_traffic
from benchmarks.stored_rows import Row, StoredRows
from envs.forecast import forecast_from
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.settings import SETTINGS, agent_plant
from envs.simulation import simulate
from envs.sndlib import MatrixTraffic, trace_from_demands
from envs.sndlib_files import Demands, read_demands
from envs.trace import Trace
from envs.traffic import DiurnalTraffic, PoissonTraffic, make_trace
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
HOT_NODE, HOT_NODE_TIMES = 4, 5.0  # the pairs of one node ask so many times as often
DAILY_SWING, DAILY_HOLDING_S = 0.5, 3600.0  # holding times long enough for a day to be some thousand requests
DAYS_REQUESTS = 200_000  # some days in each run, or the load would be that of an hour of the day
DAY_WARMUP_REQUESTS = 1000  # of a day of Abilene, which has only some thousand
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


@dataclass(frozen=True, kw_only=True)
class ShiftEffort:
    """How much is measured and trained.

    Attributes:
        requests: counted, of each arm and shift.
        log_requests: that are learned from.
        budget_s: of a training; 0 without ``budget_requests``: nothing is trained.
        budget_requests: in the place of ``budget_s``; 0: that counts.
        long_times: so many times the budget for the long training; 0: there is none.
        measured_seed: of the requests that are measured; the trainings do not depend on it.
        processes: that share the measuring.
    """

    requests: int
    log_requests: int
    budget_s: float = 0.0
    budget_requests: int = 0
    long_times: int = 0
    measured_seed: int = MEASURED_SEED
    processes: int = 1

    @property
    def few(self) -> int:
        """Requests to find the load and the best rule with."""
        return max(int(CHOSEN_ON * self.requests), 2000)

    @property
    def trainings(self) -> tuple[tuple[str, int], ...]:
        """Name and times the budget of each."""
        if not (self.budget_s or self.budget_requests):
            return ()
        return (("retrained", 1), *([("long", self.long_times)] if self.long_times else []))

    def spec(self, times: int) -> TrainSpec:
        """Of a training, a search, with so many times the budget."""
        return TrainSpec(
            algorithm="search",
            search=SearchSpec(
                budget_s=times * self.budget_s or 1.0,
                budget_requests=times * self.budget_requests,
                threads=self.processes,
            ),
            warmup_requests=WARMUP_REQUESTS,
            # Nobody watches the curve, and the champion is no worse a start than all the rules.
            validation=ValidationSpec(curve_traces=2, curve_requests=WARMUP_REQUESTS),
            baselines=(FORECAST_RULE,),
        )


def figures(
    champion: LinearPolicy,
    effort: ShiftEffort,
    work: Path,
    on_progress: Callable[[str], None],
    demands: Path | None = None,
    only: str = "",
    store: Path | None = None,
) -> dict[str, object]:
    """Every shift with every arm.

    Args:
        champion: in service when the traffic shifts.
        effort: how much is measured and trained.
        work: folder for the trainings; those in it go on.
        on_progress: told what is done next.
        demands: SNDlib matrices of Abilene, two weeks; None: left out.
        only: the shift of this name alone; empty: all.
        store: file that keeps the rows; what it has is not measured again.

    Raises:
        ValueError: no shift of that name, or ``store`` holds something else.
        SndlibError: the matrices cannot be read.
        TrainingError: ``work`` holds other trainings.
    """
    makers = _makers(champion, effort, demands)
    if only and only not in makers:
        raise ValueError(f"no shift {only!r}; known: {', '.join(makers)}")
    stored, rows = StoredRows(store), dict[str, object]()

    def measured(name: str, make: Callable[[], ShiftedCase]) -> Row:
        return _row(make(), champion, effort, work, _prefixed(on_progress, name))

    for name, make in makers.items():
        if only in ("", name):
            on_progress(f"{name}: the load at which the champion blocks {TARGET_BLOCKING:.0%}")
            rows[name] = stored.row(_origin(name, champion, effort), partial(measured, name, make))
    return {
        "policy": champion.name,
        "requests": effort.requests,
        "runs": NUM_RUNS,
        "log_requests": effort.log_requests,
        "budget_s": effort.budget_s,
        "budget_requests": effort.budget_requests,
        "long_times": effort.long_times,
        "shifts": rows,
    }


def _origin(name: str, champion: LinearPolicy, effort: ShiftEffort) -> Row:
    """What a shift's figures depend on; a budget of seconds gives other ones on another machine."""
    told = asdict(effort) | {"budget_s": 0.0 if effort.budget_requests else effort.budget_s}
    del told["processes"]
    weights = hashlib.sha256(repr(champion.weights).encode()).hexdigest()
    return {"shift": name, "weights_sha256": weights, **told}


def further_shifts(num_nodes: int) -> tuple[Shift, ...]:
    """One node is asked ``HOT_NODE_TIMES`` as often; the rate follows the day; two pairs that were drawn."""
    weights = np.ones((num_nodes, num_nodes))
    weights[HOT_NODE] = weights[:, HOT_NODE] = HOT_NODE_TIMES
    known = {name: getattr(BASE.traffic, name) for name in ("truncate_holding", "bit_rates_gbps")}
    return (
        Shift("a hot node", replace(BASE.traffic, pair_weights=weights)),
        Shift("day and night", DiurnalTraffic(mean_holding_s=DAILY_HOLDING_S, swing=DAILY_SWING, **known)),
        Shift("two other pairs x20", hot_traffic(drawn_choices(num_nodes, 1)[0], num_nodes)),
    )


def _makers(
    champion: LinearPolicy, effort: ShiftEffort, demands: Path | None
) -> Mapping[str, Callable[[], ShiftedCase]]:
    topology = load_topology(BASE.topology)
    plant = build_plant(topology, agent_plant(BASE))

    def poisson(name: str, traffic: PoissonTraffic, seed: int) -> ShiftedCase:
        counted = max(effort.few, DAYS_REQUESTS) if traffic.daily_swing else effort.few
        curve = LoadCurve(plant, traffic, champion, counted, effort.processes)
        traffic = replace(traffic, load_erlang=round(curve.carried_erlang(TARGET_BLOCKING, 240.0, 1), 1))

        def blocking(seen: Plant, policy: str | ScoringPolicy, seed: int, num_requests: int) -> np.ndarray:
            return _simulated(seen, traffic, policy, seed, num_requests, effort.processes)

        log = make_trace(traffic, plant, effort.log_requests, LOG_SEED + seed)
        before = replace(BASE.traffic, load_erlang=BASE.training_load_erlang)
        return ShiftedCase(name, plant, log, traffic.load_erlang, before, blocking)

    makers: dict[str, Callable[[], ShiftedCase]] = {}
    shifts = (*forecast_shifts(topology.num_nodes), *further_shifts(topology.num_nodes))
    for row, shift in enumerate(shifts):
        makers[shift.name] = lambda shift=shift, row=row: poisson(shift.name, shift.traffic, row)  # type: ignore[misc]
    if demands is not None:
        measured = read_demands(demands)
        makers[MOVED] = lambda: _abilene(measured, champion, effort.few)
    return makers


def _abilene(demands: Demands, champion: LinearPolicy, few: int) -> ShiftedCase:
    """The first week is what arrived before, 14 March what is measured; its requests are drawn anew."""
    plant = build_plant(load_topology("abilene"), agent_plant(BASE))
    before, moved = demands.select(1, 7), demands.select(MOVED_DAY, 1)

    def drawn(days: Demands, load_erlang: float, seed: int) -> Trace:
        traffic = MatrixTraffic(
            load_erlang=load_erlang, truncate_holding=True, bit_rates_gbps=BASE.traffic.bit_rates_gbps
        )
        return trace_from_demands(days, traffic, plant, seed)

    def at(load_erlang: float) -> Measure:
        def blocking(seen: Plant, policy: str | ScoringPolicy, seed: int, num_requests: int) -> np.ndarray:
            traces: list[Trace] = []
            for day in count(seed):
                traces.append(drawn(moved, load_erlang, day))
                shortest = min(trace.num_requests for trace in traces) - DAY_WARMUP_REQUESTS
                if len(traces) >= NUM_RUNS and len(traces) * shortest >= num_requests:
                    break
            scored = baseline(policy) if isinstance(policy, str) else policy
            return ValidationSet(seen, tuple(traces), DAY_WARMUP_REQUESTS).blocking(scored)

        return blocking

    def log_blocking(load_erlang: float) -> float:
        mean = at(load_erlang)(plant, champion, CHOICE_SEED, few).mean()
        return math.log(max(float(mean), 0.1 / few))

    load_erlang = round(load_at(log_blocking, TARGET_BLOCKING, 200.0, 1), 1)
    log, old = drawn(moved, load_erlang, LOG_SEED + 1), drawn(before, load_erlang, LOG_SEED + 2)
    old_traffic = traffic_like(old, plant)
    return ShiftedCase(MOVED, plant, log, load_erlang, old_traffic, at(load_erlang), SCORING_RULES)


def _row(
    case: ShiftedCase, champion: LinearPolicy, effort: ShiftEffort, work: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    plant, seen = case.plant, case.plant.with_forecast(forecast_from(case.log, case.plant))
    say("the rule that a practitioner would take")
    rule, with_forecast = _best_rule(case, seen, effort.few)
    arms: dict[str, tuple[Plant, str | ScoringPolicy]] = {
        "baseline": (seen if with_forecast else plant, rule),
        "forecast": (seen, champion),
        "placebo": (seen, _placebo(champion)),
    }
    trained: dict[str, ScoringPolicy] = {}
    for name, times in effort.trainings:
        spec = effort.spec(times)
        say(f"training for {spec.search.budget} of search")
        trained[name] = _trained(case, seen, champion, spec, work / f"{case.name}-{name}")
        arms[name] = (seen, trained[name])
    say("the champion as it was")
    base = case.blocking(plant, champion, effort.measured_seed, effort.requests)
    row: dict[str, Any] = {"load_erlang": case.load_erlang, "champion": figure_row(base)}
    found: dict[str, np.ndarray] = {}
    for name, (where, policy) in arms.items():
        say(name)
        found[name] = case.blocking(where, policy, effort.measured_seed, effort.requests)
        row[name] = figure_row(found[name]) | change_row(found[name], base)
    for name in trained:
        row[name]["to_forecast"] = change_row(found[name], found["forecast"])
    row["baseline"]["rule"] = rule + (WITH_FORECAST if with_forecast else "")
    if trained:
        say("what was forgotten")
        row["old_traffic"] = _forgotten(case, champion, trained, effort)
    return row


def _best_rule(case: ShiftedCase, seen: Plant, few: int) -> tuple[str, bool]:
    """The rule that blocks least on requests of their own, and whether it knows the forecast."""
    return min(
        [*((name, False) for name in case.rules), (FORECAST_RULE, True)],
        key=lambda rule: case.blocking(seen if rule[1] else case.plant, rule[0], CHOICE_SEED, few).mean(),
    )


def _trained(
    case: ShiftedCase, seen: Plant, champion: LinearPolicy, spec: TrainSpec, folder: Path
) -> ScoringPolicy:
    starts = (Start("champion", champion, repr(champion.weights)),)
    lessons = Lessons(traffic_like(case.log, case.plant), beside=(case.before,), starts=starts)
    return load_policy(train(spec, seen, lessons, folder).policy_folder)


def _forgotten(
    case: ShiftedCase, champion: LinearPolicy, trained: Mapping[str, ScoringPolicy], effort: ShiftEffort
) -> dict[str, object]:
    """Each trained policy on the traffic of before against the champion there, both with its forecast."""
    forecast = forecast_from(make_trace(case.before, case.plant, case.log.num_requests, LOG_SEED), case.plant)
    seen = case.plant.with_forecast(forecast)

    def blocking(policy: ScoringPolicy) -> np.ndarray:
        return _simulated(seen, case.before, policy, effort.measured_seed, effort.requests, effort.processes)

    base = blocking(champion)
    found = {name: blocking(policy) for name, policy in trained.items()}
    rows = {name: figure_row(values) | change_row(values, base) for name, values in found.items()}
    return {"champion": figure_row(base), **rows}


def _placebo(policy: LinearPolicy) -> LinearPolicy:
    random = np.random.default_rng(PLACEBO_SEED)
    return replace(changed(policy, PLACEBO_SPREAD, random), name="placebo")


def _simulated(
    plant: Plant, traffic: PoissonTraffic, policy: str | ScoringPolicy, seed: int, num: int, processes: int
) -> np.ndarray:
    found = simulate(plant, traffic, policy, num, seed, num_runs=NUM_RUNS, processes=processes)
    return np.array([run.request_blocking for run in found.runs])


def _prefixed(say: Callable[[str], None], name: str) -> Callable[[str], None]:
    return lambda text: say(f"{name}: {text}")
