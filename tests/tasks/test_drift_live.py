"""Drift told from the logs of a running network: a network that fills, a restart, a cut, shorter services."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.heuristics import baseline
from envs.plant import Plant
from envs.replay_window import replay_window
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from tasks.drift import DriftLook, detect_drift, remember
from tasks.drift_source import Twin, offered_requests, without_failures
from tasks.drift_test import COLUMNS
from tasks.limits import DriftLimits
from tasks.operation.store import Record
from tasks.regret import Entrant
from tasks.traffic_reference import TrafficReference, make_reference, write_reference
from tests.live_network import Lived, live_through
from tests.tasks.operation.lived_logs import Row, later, logs_of
from tests.tasks.operation.logs import DAY
from tests.tasks.operation.network import Network

LIMITS = DriftLimits(window_requests=1000, min_requests=100, cool_down_requests=0)
POLICY = baseline("ksp_ff")
REQUESTS = 1200
LOOK_REQUESTS = 150
MEAN_S = 3600.0
CUT_FIBRE, CUT_REQUEST = 4, 300


@pytest.fixture(scope="module")
def traffic() -> PoissonTraffic:
    classes = (LatencyClass("urgent", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75))
    return PoissonTraffic(40.0, MEAN_S, bit_rates_gbps=(25.0, 50.0, 100.0), classes=classes)


@pytest.fixture(scope="module")
def reference(plant: Plant, traffic: PoissonTraffic) -> TrafficReference:
    return make_reference([make_trace(traffic, plant, 40_000, 1)])


class Installation(Network):
    """Its network is lived through at once; the logs tell of it up to the clock."""

    def __init__(
        self, folder: Path, patched: pytest.MonkeyPatch, plant: Plant, logs: tuple[list[Row], list[Row]]
    ) -> None:
        super().__init__(folder, patched)
        self.folder, self.logs = folder, logs
        self.twin = Twin(plant, Entrant("champion", POLICY), MEAN_S)

    def at(self, moment_s: float) -> Record:
        """The record as it is at a moment."""
        decisions, changes = ([row for row in rows if row["time_s"] <= moment_s] for rows in self.logs)
        self.changes, self.now_s = changes, moment_s + 5.0
        self.part(1, decisions, closed=False)
        return self.update()

    def look(self, moment_s: float) -> DriftLook:
        files = self.folder / "traffic.json", self.folder / "drift.json"
        found = detect_drift(self.at(moment_s), *files, LIMITS, self.twin)
        remember(files[1], found)
        return found

    def first_alarm(self, *also_s: float) -> tuple[DriftLook | None, list[DriftLook]]:
        """Looks after every so many requests, to the end or to an alarm; and all looks."""
        looks = []
        moments_s = [row["time_s"] + 1.0 for row in self.logs[0][LOOK_REQUESTS::LOOK_REQUESTS]]
        for moment_s in sorted((*moments_s, *also_s)):
            looks.append(self.look(moment_s))
            if looks[-1].report.has_drifted:
                return looks[-1], looks
        return None, looks


def installed(
    folder: Path, patched: pytest.MonkeyPatch, plant: Plant, reference: TrafficReference, logs: Any
) -> Installation:
    write_reference(reference, folder / "traffic.json")
    return Installation(folder, patched, plant, logs)


@pytest.fixture(scope="module")
def ordinary(plant: Plant, traffic: PoissonTraffic) -> Lived:
    return live_through(plant, make_trace(traffic, plant, REQUESTS, 3), POLICY, before=0)


@pytest.fixture(scope="module")
def cut(plant: Plant, traffic: PoissonTraffic) -> Lived:
    trace = make_trace(traffic, plant, REQUESTS, 3)
    when_s = float(trace.arrival_s[CUT_REQUEST]) + 1.0
    return live_through(plant, trace, POLICY, before=0, cuts=((when_s, 1e12, CUT_FIBRE),))


def test_a_network_that_fills_and_a_restart_raise_no_alarm(
    ordinary: Lived,
    plant: Plant,
    reference: TrafficReference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logs = logs_of(ordinary.window)
    alarm, looks = installed(tmp_path, monkeypatch, plant, reference, logs).first_alarm()
    assert alarm is None
    assert {column.name for column in looks[0].report.columns} == set(COLUMNS)

    restarted = tmp_path / "restarted"  # nobody asks and nobody leaves for six hours
    restarted.mkdir()
    stop_s = float(ordinary.window.trace.arrival_s[200]) + 1.0
    down = tuple(later(rows, stop_s, 6 * 3600.0) for rows in logs)
    installation = installed(restarted, monkeypatch, plant, reference, down)
    assert installation.first_alarm(DAY + stop_s + 5 * 3600.0)[0] is None


def test_shorter_services_are_found_by_their_ends(
    plant: Plant,
    traffic: PoissonTraffic,
    reference: TrafficReference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shorter = replace(traffic, load_erlang=0.6 * traffic.load_erlang, mean_holding_s=0.6 * MEAN_S)
    lived = live_through(plant, make_trace(shorter, plant, REQUESTS, 5), POLICY, before=0)
    installation = installed(tmp_path, monkeypatch, plant, reference, logs_of(lived.window))
    alarm, _ = installation.first_alarm()
    assert alarm is not None
    assert alarm.report.drifted_columns == ("holding times",)


def test_a_fibre_down_is_found_by_blocking_and_told_once(
    cut: Lived, plant: Plant, reference: TrafficReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(tmp_path, monkeypatch, plant, reference, logs_of(cut.window))
    alarm, looks = installation.first_alarm()
    assert alarm is not None
    assert alarm.report.drifted_columns == ("blocking",)
    assert len(looks) > CUT_REQUEST / LOOK_REQUESTS  # not before it was cut
    fibre = plant.topology.fibres[CUT_FIBRE]
    assert alarm.state is not None
    assert {frozenset(link) for link in alarm.state.told_links} == {frozenset((fibre.node_a, fibre.node_b))}

    last = installation.look(float(installation.logs[0][-1]["time_s"]) + 1.0).report
    assert last.num_requests >= LIMITS.min_requests
    assert not last.has_drifted


def test_what_is_told_of_each_request_is_what_became_of_it(
    cut: Lived, plant: Plant, reference: TrafficReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(tmp_path, monkeypatch, plant, reference, logs_of(cut.window))
    record = installation.at(DAY + cut.window.duration_s)
    found = offered_requests(record, reference, None, REQUESTS, installation.twin)
    assert found is not None
    trace = cut.window.trace
    assert found.is_blocked is not None
    assert found.expected_blocked is not None
    assert found.held_s is not None
    assert found.service_class is not None
    assert np.array_equal(found.is_blocked, cut.blocked)
    names = [found.class_names[index] for index in found.service_class]
    assert names == [trace.class_names[index] for index in trace.service_class]
    # The same requests on a network that no fibre was cut in; until the cut it is what was seen.
    intact = live_through(plant, trace, POLICY, before=0)
    until_cut = slice(0, CUT_REQUEST)
    assert np.array_equal(found.expected_blocked[until_cut], intact.blocked[until_cut])
    assert found.expected_blocked.sum() < 0.3 * found.is_blocked.sum()

    ended = found.has_ended
    assert ended is not None
    assert np.allclose(found.held_s[ended], trace.holding_s[ended], atol=1e-5)
    lost = np.isnan(found.held_s)
    assert np.array_equal(lost, cut.blocked)
    assert (found.held_s[~ended & ~lost] <= trace.holding_s[~ended & ~lost] + 1e-3).all()


def test_a_link_that_was_told_stays_down_until_it_is_repaired(plant: Plant, traffic: PoissonTraffic) -> None:
    fibre = plant.topology.fibres[CUT_FIBRE]
    link = fibre.node_a, fibre.node_b
    trace = make_trace(traffic, plant, 300, 3)
    span_s = float(trace.arrival_s[50]), float(trace.arrival_s[200])
    window = live_through(plant, trace, POLICY, before=100, cuts=((*span_s, CUT_FIBRE),)).window
    assert window.failed_links == (link,)
    told, untold = without_failures(window, (link,)), without_failures(window)
    assert (told.failed_links, untold.failed_links) == ((link,), ())
    assert [item.kind for item in told.happenings if item.placed is None] == ["link-repaired"]
    assert not [item for item in untold.happenings if item.placed is None]
    outcomes = [replay_window(plant, item, POLICY).blocked for item in (window, told)]
    assert np.array_equal(*outcomes)
