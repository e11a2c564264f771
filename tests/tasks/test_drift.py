"""Looks for drift in the operation record, one after the other; the decision log as it is read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from envs.plant import Plant
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from envs.window import Live, Window
from tasks.decisions import read_decision_log
from tasks.drift import DriftLook, DriftReport, detect_drift, remember
from tasks.drift_state import read_state
from tasks.limits import DriftLimits
from tasks.regret import Regret
from tasks.traffic_reference import ReferenceError, TrafficReference, make_reference, write_reference
from tests.tasks.operation.lived_logs import logs_of
from tests.tasks.operation.logs import DAY
from tests.tasks.operation.network import Network

LIMITS = DriftLimits(window_requests=1000, min_requests=100, cool_down_requests=150)
REFUSED = Live("", "", None, "none", "", True, False)
HOT = np.ones((5, 5))
HOT[0, 1] = 20.0


@pytest.fixture(scope="module")
def traffic() -> PoissonTraffic:
    """Holding times of an hour: 40,000 requests are 41 days, so the reference knows how days differ."""
    classes = (LatencyClass("urgent", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75))
    return PoissonTraffic(40.0, 3600.0, bit_rates_gbps=(25.0, 50.0, 100.0), classes=classes)


@pytest.fixture(scope="module")
def reference(plant: Plant, traffic: PoissonTraffic) -> TrafficReference:
    return make_reference([make_trace(traffic, plant, 40_000, 1)])


class Operation(Network):
    """An installation whose services never come up, and what earlier looks remembered."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch, plant: Plant) -> None:
        super().__init__(folder, patched)
        self.folder, self.plant = folder, plant
        self.clock_s = 0.0  # after midnight
        self.num_asked = self.num_parts = 0

    def offer(self, traffic: PoissonTraffic, num_requests: int, seed: int, **more: Any) -> np.ndarray:
        """Append requests to the log, the next after the last; when they came in."""
        trace = make_trace(traffic, self.plant, num_requests, seed)
        window = Window(trace, (REFUSED,) * num_requests, (), (), (), {}, 0.0, math.inf, (0, 0))
        rows, _ = logs_of(window, self.clock_s, self.num_asked)
        self.num_asked, self.num_parts = self.num_asked + num_requests, self.num_parts + 1
        self.part(self.num_parts, [row | more for row in rows])
        self.clock_s += trace.duration_s
        self.now_s = DAY + self.clock_s + 10.0
        return DAY + self.clock_s - trace.duration_s + trace.arrival_s

    def report(self, limits: DriftLimits = LIMITS) -> DriftReport:
        """A look that nobody remembers."""
        state = self.folder / "drift.json"
        return detect_drift(self.update(), self.folder / "traffic.json", state, limits).report

    def look(self) -> DriftLook:
        """DriftLook and remember, as the flow does."""
        found = detect_drift(self.update(), self.folder / "traffic.json", self.folder / "drift.json", LIMITS)
        remember(self.folder / "drift.json", found)
        return found


@pytest.fixture
def operation(
    tmp_path: Path, plant: Plant, reference: TrafficReference, monkeypatch: pytest.MonkeyPatch
) -> Operation:
    write_reference(reference, tmp_path / "traffic.json")
    return Operation(tmp_path, monkeypatch, plant)


def write_open_part(folder: Path, number: int, frame: pd.DataFrame, tail: str = "") -> None:
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    (folder / f"part-{number:08d}-20260101T000000Z.jsonl").write_text("\n".join(lines) + "\n" + tail)


def write_closed_part(folder: Path, number: int, frame: pd.DataFrame) -> None:
    frame.to_parquet(folder / f"part-{number:08d}-20260101T000000Z.parquet")


def test_closed_and_open_parts_are_read_in_order_and_no_row_twice(tmp_path: Path) -> None:
    rows = pd.DataFrame({"n": range(10), "time_s": np.arange(10.0)})
    write_closed_part(tmp_path, 1, rows[:4])
    write_closed_part(tmp_path, 2, rows[4:7])
    write_open_part(tmp_path, 2, rows[4:7])  # closed a moment ago, about to be removed
    write_open_part(tmp_path, 3, rows[7:], tail='{"n": 1')  # a line being written

    assert read_decision_log(tmp_path, 100)["n"].tolist() == list(range(10))
    assert read_decision_log(tmp_path, 4)["n"].tolist() == [6, 7, 8, 9]


def test_a_log_that_was_never_written_is_empty(operation: Operation) -> None:
    assert read_decision_log(operation.decisions, 10).empty
    found = operation.look()
    assert "0 requests" in found.report.summary
    assert found.state is None


def test_ordinary_requests_are_no_drift_and_windows_follow_each_other(
    operation: Operation, traffic: PoissonTraffic
) -> None:
    first = operation.offer(traffic, 700, 2)
    report = operation.look().report
    assert not report.has_drifted
    assert report.num_requests == 700
    assert {column.name for column in report.columns} == {
        "node pairs",
        "bit rates",
        "latency bounds",
        "arrival rate",
        "service classes",
    }
    assert report.html == ""

    second = operation.offer(traffic, 700, 3)  # 300 fill the window, 400 are the next
    look = operation.look()
    assert look.report.num_requests == 400
    assert look.state is not None
    assert look.state.begins_after_s == second[299]
    assert look.report.to_s == second[-1]
    assert first[-1] < look.report.from_s


def test_an_alarm_uses_its_requests_up_and_is_followed_by_a_rest(
    operation: Operation, traffic: PoissonTraffic
) -> None:
    hot = replace(traffic, pair_weights=HOT)
    operation.offer(hot, 300, 2)
    alarm = operation.look().report
    assert alarm.has_drifted
    assert alarm.drifted_columns[0] == "node pairs"
    assert "of the requests moved" in alarm.summary
    assert "<html" in alarm.html
    document = json.loads(json.dumps(alarm.to_json()))
    assert document["columns"]["node pairs"]["drifted"]
    assert document["window"]["from"].startswith("2025-11-29")
    assert document["regret"] is None

    assert not operation.look().report.has_drifted  # the same requests again
    operation.offer(hot, 140, 3)  # as long as the rest lasts
    assert operation.look().report.num_requests == 0
    operation.offer(hot, 300, 4)
    again = operation.look().report
    assert again.has_drifted
    assert again.num_requests == 290


def test_a_new_champion_is_not_judged_by_what_the_old_one_was(
    operation: Operation, traffic: PoissonTraffic
) -> None:
    hot = replace(traffic, pair_weights=HOT)
    operation.offer(traffic, 60, 2)
    operation.look()
    other = make_reference([make_trace(hot, operation.plant, 40_000, 1)])
    write_reference(other, operation.folder / "traffic.json")  # promoted
    operation.offer(hot, 300, 3)

    report = operation.look().report

    assert report.num_requests == 300
    assert not report.has_drifted


def test_a_check_remembers_nothing_and_the_state_that_cannot_be_read_begins_anew(
    operation: Operation, traffic: PoissonTraffic
) -> None:
    operation.offer(traffic, 200, 2)
    state = operation.folder / "drift.json"
    operation.report()
    assert not state.exists()
    state.write_text("{half")
    assert read_state(state) is None
    assert operation.look().report.num_requests == 200


def test_regret_stands_on_the_report(operation: Operation, traffic: PoissonTraffic) -> None:
    operation.offer(traffic, 200, 2)
    regret = Regret("0" * 16, 200, "ksp_ff", 0.01, (0.0, 0.02), 0.05, ())

    report = replace(operation.look().report, regret=regret)

    assert json.loads(json.dumps(report.to_json()))["regret"] == {
        "against": "ksp_ff",
        "mean": 0.01,
        "ci95": [0.0, 0.02],
        "replayed": {},
    }


def test_a_class_that_a_client_does_not_name_says_nothing(
    operation: Operation, traffic: PoissonTraffic
) -> None:
    operation.offer(traffic, 150, 2, service_class="any")
    assert "service classes" not in {column.name for column in operation.report().columns}
    operation.offer(traffic, 150, 3)
    assert operation.report().drifted_columns == ()
    operation.offer(traffic, 150, 4, service_class="gold")
    assert "service classes" in operation.report().drifted_columns


def test_a_trace_played_fast_is_judged_by_its_own_time(operation: Operation, traffic: PoissonTraffic) -> None:
    played = replace(traffic, mean_holding_s=traffic.mean_holding_s / 60)  # arrivals 60 times as dense
    operation.offer(played, 500, 2)

    assert operation.report(LIMITS).drifted_columns == ("arrival rate",)
    assert operation.report(replace(LIMITS, clock_speed=60.0)).drifted_columns == ()
    assert operation.report(replace(LIMITS, columns=("node pairs", "bit rates"))).drifted_columns == ()


def test_a_node_of_another_network_is_refused(operation: Operation, traffic: PoissonTraffic) -> None:
    operation.offer(traffic, 200, 2)
    operation.offer(traffic, 1, 3, source="Oslo")

    with pytest.raises(ReferenceError, match="'Oslo'"):
        operation.report()


def test_a_least_window_longer_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="min_requests is 200, more than window_requests, 100"):
        DriftLimits(window_requests=100)
