"""How often unchanged traffic raises an alarm, and after how many requests a change does.

Traffic of the main scenario on NSFNET: 130 Erlang, holding times of an hour. The monitor looks every
``LOOK_REQUESTS`` requests, as it does in operation, and begins a new window as it does there. Fibre down is
told by blocking alone: the requests are the same. Not here: the test (``tasks.drift_test``).

Abilene's two measured weeks are unchanged traffic up to 13 March. From the first matrix of 14 March on, until
the end, 31 % of the traffic goes to Houston, 4 % the day before, and 2 % to Los Angeles, 15 % before, while
the whole and what each node sends stay: a change, whatever its cause, and counted as one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from envs.demand_forms import SndlibError
from envs.evaluation import replay
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.sndlib import MatrixTraffic, scale_for, trace_from_demands
from envs.sndlib_files import read_demands
from envs.spec import PlantSpec
from envs.trace import COLUMN_TYPES, Trace
from envs.traffic import DAY_S, DiurnalTraffic, LatencyClass, PoissonTraffic, make_trace
from tasks.drift_test import evidence
from tasks.failed import failed_plants
from tasks.limits import DriftLimits
from tasks.offered import Offered, offered_in
from tasks.traffic_reference import TrafficReference, make_reference
from topologies.catalogue import load_topology

WINDOW_REQUESTS = 500  # a window of the published false-alarm rate
LOOK_REQUESTS = 100
REFERENCE_REQUESTS = 200_000
BEFORE = (0, 1000, 2000, 3000, 4000)  # requests of unchanged traffic in the window when the change comes
AFTER, AFTER_CUT = 8000, 2000  # that a change is given to be found in
COUNT_REQUESTS = 250  # blocking of so many is counted together
WARMUP_REQUESTS = 3000
CLASSES = (
    LatencyClass("urgent", 0.2, 15.0, 1.2),
    LatencyClass("business", 0.3, 30.0, 1.5),
    LatencyClass("best-effort", 0.5),
)
STATIONARY = PoissonTraffic(130.0, 3600.0, bit_rates_gbps=(25.0, 50.0, 75.0, 100.0), classes=CLASSES)
DIURNAL = DiurnalTraffic(130.0, 3600.0, bit_rates_gbps=(25.0, 50.0, 75.0, 100.0), classes=CLASSES, swing=0.3)
FIBRE_DOWN = "fibre down"
ORDINARY_DAYS = {"week 1": (1, 7), "week 2": (8, 6)}  # of Abilene: the first, and how many
MOVED_DAY, MOVED = 14, "Abilene, 14 March"
DRAWS = 3  # of requests from Abilene's matrices, for each pair of weeks
Rows = Callable[[int, int], Offered]
Days = Callable[[int, int, int], Trace]  # first day, number of days, seed


def shifts(num_nodes: int) -> dict[str, PoissonTraffic]:
    """Name: what the traffic has become."""
    hot_pair, hot_nodes = np.ones((num_nodes, num_nodes)), np.ones((num_nodes, num_nodes))
    hot_pair[3, 9] = 20.0
    for node in (3, 9):
        hot_nodes[node] *= 3.0
        hot_nodes[:, node] *= 3.0
    mixed = zip(CLASSES, (0.4, 0.3, 0.3), strict=True)
    return {
        "load +15 %": replace(STATIONARY, load_erlang=1.15 * 130.0),
        "hot pair x20": replace(STATIONARY, pair_weights=hot_pair),
        "two hot nodes x3": replace(STATIONARY, pair_weights=hot_nodes),
        "class mix": replace(STATIONARY, classes=tuple(replace(c, share=s) for c, s in mixed)),
        "holding -20 %": replace(STATIONARY, load_erlang=0.8 * 130.0, mean_holding_s=0.8 * 3600.0),
    }


def figures(
    on_progress: Callable[[str], None], num_windows: int = 100, demands: Path | None = None
) -> dict[str, object]:
    """False alarms over windows of each kind, and delays of each shift.

    Args:
        on_progress: told what is measured next.
        num_windows: of each kind of unchanged traffic.
        demands: SNDlib matrices of Abilene, 1 to 14 March 2004; None: left out.

    Raises:
        SndlibError: the matrices cannot be read, or end before 14 March.
    """
    plant, limits = build_plant(load_topology("nsfnet"), PlantSpec(shared_spectrum=True)), DriftLimits()
    alarms: dict[str, dict[str, float]] = {}
    for name, traffic in (("stationary", STATIONARY), ("diurnal", DIURNAL)):
        on_progress(f"{num_windows} windows, {name}")
        reference = make_reference([make_trace(traffic, plant, REFERENCE_REQUESTS, 1)])
        trace = make_trace(traffic, plant, num_windows * WINDOW_REQUESTS, 2)
        alarms[name] = _told(
            len(alarms_in(reference, of_trace(trace), trace.num_requests, limits)), num_windows
        )
    delays: dict[str, list[int | None]] = {}
    if demands is not None:
        on_progress("Abilene, two weeks against themselves and each other")
        days = _abilene(demands)
        alarms |= _abilene_alarms(days, limits)
        delays[MOVED] = _abilene_delays(days, limits)
    reference = make_reference([make_trace(STATIONARY, plant, REFERENCE_REQUESTS, 1)])
    for name, traffic in shifts(plant.num_nodes).items():
        on_progress(name)
        delays[name] = [
            delay(reference, _joined(plant, traffic, before), before, limits) for before in BEFORE
        ]
    on_progress(FIBRE_DOWN)
    delays[FIBRE_DOWN] = _fibre_delays(reference, plant, limits)
    counted = [alarms[name] for name in ("stationary", "diurnal")]
    return {
        "false_alarm_rate": sum(row["alarms"] for row in counted) / sum(row["windows"] for row in counted),
        "windows": sum(row["windows"] for row in counted),
        "by_traffic": alarms,
        "delay_requests": {name: _median(found) for name, found in delays.items()},
        "delays": delays,
    }


def of_trace(trace: Trace) -> Rows:
    """Requests ``first`` up to ``end`` of a trace, as they are known when the last of them comes in."""
    return lambda first, end: offered_in(trace, 0.0, float(trace.arrival_s[end - 1])).rows(first, end)


def alarms_in(reference: TrafficReference, rows: Rows, num_requests: int, limits: DriftLimits) -> list[int]:
    """At how many requests from the begin each alarm came; windows and cool-down as in operation."""
    begin, seen, found = 0, 0, []
    while seen < num_requests:
        seen = min(seen + LOOK_REQUESTS, num_requests)
        if seen - begin < limits.min_requests:
            continue
        told = evidence(reference, rows(begin, seen), limits.window_requests, limits.tolerance)
        if told.is_alarm(limits.false_alarm_rate):
            found.append(seen)
            begin = seen = seen + limits.cool_down_requests
        elif seen - begin >= limits.window_requests:
            begin = seen
    return found


def delay(reference: TrafficReference, trace: Trace, before: int, limits: DriftLimits) -> int | None:
    """Requests from a change to the first alarm after it; None: there was none."""
    return _since(alarms_in(reference, of_trace(trace), trace.num_requests, limits), before)


def _since(alarms: list[int], before: int) -> int | None:
    later = [alarm - before for alarm in alarms if alarm > before]
    return later[0] if later else None


def _joined(plant: Plant, traffic: PoissonTraffic, before: int) -> Trace:
    """Unchanged traffic and then changed traffic."""
    after = make_trace(traffic, plant, AFTER, 10 + before)
    if not before:
        return after
    first = make_trace(STATIONARY, plant, before, 11 + before)
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(after, name)]) for name in COLUMN_TYPES
    }
    columns["arrival_s"][before:] += first.duration_s
    return replace(first, **columns)


def _fibre_delays(reference: TrafficReference, plant: Plant, limits: DriftLimits) -> list[int | None]:
    """The same requests with and without the most used fibre; what the twin expects is blocking with it."""
    (cut,) = failed_plants(plant, 1, 0)
    trace = make_trace(STATIONARY, plant, WARMUP_REQUESTS + max(BEFORE) + AFTER_CUT, 12)
    expected, hurt = _blocked(plant, trace), _blocked(cut, replace(trace, topology_hash=""))
    known = replace(offered_in(trace).rows(WARMUP_REQUESTS), held_s=None, has_ended=None)
    found = []
    for before in BEFORE:
        seen = np.concatenate([expected[:before], hurt[before:]])
        told = replace(known, is_blocked=seen, expected_blocked=expected).rows(0, before + AFTER_CUT)
        found.append(_since(alarms_in(reference, told.rows, told.num_requests, limits), before))
    return found


def _blocked(plant: Plant, trace: Trace) -> np.ndarray:
    """(n,) float64 after the warm-up: blocked of ``COUNT_REQUESTS`` each, spread evenly over them."""
    ends = range(WARMUP_REQUESTS, trace.num_requests + 1, COUNT_REQUESTS)
    policy, counts = baseline("ksp_ff"), [0.0]
    for end in ends[1:]:
        columns: dict[str, Any] = {name: getattr(trace, name)[:end] for name in COLUMN_TYPES}
        (found,) = replay(plant, [replace(trace, **columns)], policy, WARMUP_REQUESTS)
        counts.append(found.request_blocking * (end - WARMUP_REQUESTS))
    return np.repeat(np.diff(counts) / COUNT_REQUESTS, COUNT_REQUESTS)


def _abilene(demands: Path) -> Days:
    """Requests of measured days, drawn anew for each seed; 130 Erlang over all that was measured."""
    plant = build_plant(load_topology("abilene"), PlantSpec(shared_spectrum=True))
    measured = read_demands(demands)
    if measured.duration_s < MOVED_DAY * DAY_S:
        raise SndlibError(
            f"{demands}: {measured.duration_s / DAY_S:.1f} days of matrices; the {MOVED_DAY} days of Abilene "
            "from 1 March 2004 on are needed"
        )
    scale = scale_for(measured, MatrixTraffic(load_erlang=130.0))
    traffic = MatrixTraffic(scale=scale, classes=CLASSES)
    return lambda first_day, num_days, seed: trace_from_demands(
        measured.select(first_day, num_days), traffic, plant, seed
    )


def _abilene_alarms(days: Days, limits: DriftLimits) -> dict[str, dict[str, float]]:
    """Each ordinary week against each, requests drawn ``DRAWS`` times."""
    rows = {}
    for known, learned_days in ORDINARY_DAYS.items():
        reference = make_reference([days(*learned_days, 1)])
        for name, seen_days in ORDINARY_DAYS.items():
            num_alarms = num_windows = 0
            for draw in range(DRAWS):
                seen = days(*seen_days, 2 + draw)
                num_alarms += len(alarms_in(reference, of_trace(seen), seen.num_requests, limits))
                num_windows += seen.num_requests // WINDOW_REQUESTS
            rows[f"Abilene, {name} against {known}"] = _told(num_alarms, num_windows)
    return rows


def _abilene_delays(days: Days, limits: DriftLimits) -> list[int | None]:
    """From the midnight on at which traffic moved, with requests of the days before it in the window."""
    reference, found = make_reference([days(*ORDINARY_DAYS["week 1"], 1)]), []
    first_day, num_days = ORDINARY_DAYS["week 2"]
    for before in BEFORE:
        trace = days(first_day, num_days + 1, 10 + before)
        change = int(np.searchsorted(trace.arrival_s, (MOVED_DAY - first_day) * DAY_S))
        begin, rows = change - before, of_trace(trace)

        def later(first: int, end: int, begin: int = begin, rows: Rows = rows) -> Offered:
            return rows(begin + first, begin + end)

        alarms = alarms_in(reference, later, trace.num_requests - begin, limits)
        found.append(_since(alarms, before))
    return found


def _told(num_alarms: int, num_windows: int) -> dict[str, float]:
    return {"alarms": num_alarms, "windows": num_windows}


def _median(found: list[int | None]) -> float | None:
    return None if None in found else float(np.median([item for item in found if item is not None]))
