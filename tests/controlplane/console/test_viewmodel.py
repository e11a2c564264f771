"""Figures and rows, against counting by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controlplane.console import viewmodel
from controlplane.console.network import NetworkCopy
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Decision, PceStatus, Snapshot
from topologies.grid import c_band
from topologies.model import Fibre, Node, Topology

CHAIN = Topology(
    "chain",
    "made for this test",
    (Node("A", 0, 0), Node("B", 0, 10), Node("C", 5, 20)),
    (Fibre("A", "B", 100), Fibre("B", "C", 200)),
)


def change(
    version: int, nodes: list[str], slots: tuple[int, int], latency_ms: float, by: str
) -> dict[str, Any]:
    return {
        "version": version,
        "kind": "lightpath-added",
        "service_uuid": f"{version:08d}-uuid",
        "nodes": nodes,
        "first_slot": slots[0],
        "num_slots": slots[1],
        "modulation_format": "QPSK",
        "bit_rate_gbps": 50.0 * version,
        "latency_ms": latency_ms,
        "decided_by": by,
    }


CHANGES = [
    change(1, ["A", "B", "C"], (0, 4), 2.0, "model"),
    change(2, ["B", "A"], (4, 2), 1.0, "fallback"),
    change(3, ["C", "B"], (6, 3), 3.0, "model"),
]


def state(shared_spectrum: bool = True) -> NetworkCopy:
    return NetworkCopy(CHAIN, bands=(c_band(10),), shared_spectrum=shared_spectrum).apply(3, CHANGES)


def decision(by: str = "model", outcome: str = "accepted", **more: Any) -> Decision:
    row = {"decision_id": "d", "source": "A", "destination": "C", "bit_rate_gbps": 100.0, "decided_by": by}
    return Decision.from_json(row | {"outcome": outcome} | more)


def status(**more: Any) -> PceStatus:
    document = {"policy": "net", "model_name": "m", "model_version": 3, "endpoint_url": "http://h:1"}
    return PceStatus.from_json(document | more)


def test_use_of_shared_fibre_pairs_adds_both_directions() -> None:
    assert viewmodel.unit_use(state()) == pytest.approx([0.6, 0.7])


def test_use_of_directed_links_keeps_directions_apart() -> None:
    assert viewmodel.unit_use(state(False)) == pytest.approx([0.4, 0.2, 0.4, 0.3])
    assert viewmodel.fibre_use(state(False)) == pytest.approx([0.4, 0.4])


def test_no_two_lightpaths_overlap_where_the_controller_kept_the_rules() -> None:
    network = state()
    grid = np.zeros((network.num_units, network.num_slots), int)
    for path in network.lightpaths.values():
        for unit in network.units(path.nodes):
            grid[unit, path.first_slot :][: path.num_slots] += 1
    assert grid.max() == 1
    assert grid.mean() == pytest.approx(viewmodel.counts(Snapshot(network=network)).utilisation)


def test_figures() -> None:
    decisions = (
        decision("model", total_ms=4.0),
        decision("fallback", total_ms=8.0),
        decision("none", "blocked", total_ms=1.0),
    )
    figures = viewmodel.counts(Snapshot(network=state(), decisions=decisions))
    assert figures.services == 3
    assert figures.capacity_gbps == 300
    assert figures.mean_latency_ms == pytest.approx(2.0)
    assert figures.utilisation == pytest.approx(0.65)
    assert figures.fullest == ("B – C", pytest.approx(0.7))
    assert (figures.decided, figures.by_model, figures.by_fallback, figures.blocked) == (3, 1, 1, 1)
    assert figures.median_ms == 4.0


def test_quantities_are_summed_over_the_services_that_tell_them() -> None:
    known = [
        {"band": "L", "gsnr_db": 18.26, "margin_db": 2.0, "marginal_w": 300.0},
        {"band": "S", "gsnr_db": 17.0, "margin_db": 5.0},
        {},
    ]
    told = [change | more for change, more in zip(CHANGES, known, strict=True)]
    network = NetworkCopy(CHAIN, (c_band(10),), True).apply(3, told)
    figures = viewmodel.counts(Snapshot(network=network))
    assert (figures.mean_margin_db, figures.least_margin_db, figures.switched_on_w) == (3.5, 2.0, 300.0)
    third, second, first = viewmodel.service_rows(network, None)
    assert (first["slots"], first["gsnr_text"], first["power_text"]) == ("L 0–3", "18.3", "300")
    assert first["about"] == "A · B · C · QPSK · GSNR 18.3 dB, margin 2.0 dB · 300 W switched on · 00000001"
    assert (second["gsnr"], second["power"], second["power_text"]) == (17.0, None, "")
    assert (third["slots"], third["gsnr"], third["about"]) == ("6–8", None, "C · B · QPSK · 00000003")
    bare = viewmodel.counts(Snapshot(network=state()))
    assert (bare.mean_margin_db, bare.least_margin_db, bare.switched_on_w) == (None, None, None)


def test_figures_before_anything_is_known() -> None:
    figures = viewmodel.counts(Snapshot())
    assert (figures.services, figures.mean_latency_ms, figures.fullest, figures.median_ms) == (
        0,
        None,
        None,
        None,
    )


def test_the_map_shows_the_selected_service_and_else_the_latest() -> None:
    network = state()
    assert viewmodel.focus(network, "00000001-uuid") is network.lightpaths["00000001-uuid"]
    assert viewmodel.focus(network, None) is network.lightpaths["00000003-uuid"]
    assert viewmodel.focus(network, "gone") is network.lightpaths["00000003-uuid"]
    assert viewmodel.focus(NetworkCopy(CHAIN, (c_band(10),), True), None) is None


def test_service_rows_are_newest_first_and_mark_the_selected() -> None:
    rows = viewmodel.service_rows(state(), "00000002-uuid")
    assert [row["pair"] for row in rows] == ["C → B", "B → A", "A → C"]
    assert [row["selected"] for row in rows] == [False, True, False]
    assert [row["slots"] for row in rows] == ["6–8", "4–5", "0–3"]
    assert viewmodel.service_rows(None, None) == []


def test_a_second_lightpath_is_removed_with_the_service_that_it_protects() -> None:
    network = state()
    shown = network.lightpaths["00000001-uuid"]
    second = replace(shown, protects="00000002-uuid")
    rows = viewmodel.service_rows(replace(network, lightpaths={second.service_uuid: second}), None)
    assert [(row["uuid"], row["owner"]) for row in rows] == [("00000001-uuid", "00000002-uuid")]
    assert "protects 00000002" in rows[0]["about"]
    assert shown.owner == "00000001-uuid"


def test_decision_rows_say_the_route_or_why_not() -> None:
    rows = viewmodel.decision_rows(
        (
            decision("none", "blocked", reason="no path within 1 ms"),
            decision("fallback", nodes="A,B,C", fallback_reason="late"),
            decision("model", nodes="A,B,C"),
        ),
        Clock.of("Europe/Madrid"),
    )
    assert [row["detail"] for row in rows] == ["no path within 1 ms", "A · B · C (late)", "A · B · C"]
    assert [row["accepted"] for row in rows] == [False, True, True]
    assert len({row["key"] for row in rows}) == 3


def asked(*decisions: Decision, **said: Any) -> Snapshot:
    return Snapshot(pce=status(**said), pce_fault=None, decisions=decisions)


@pytest.mark.parametrize(
    ("snapshot", "health", "words"),
    [
        (Snapshot(), "unknown", "unknown"),
        (Snapshot(pce=status(), pce_fault="not reachable"), "unknown", "PCE does not answer"),
        (asked(endpoint_url=None), "warn", "the fallback decides"),
        (asked(), "unknown", "not asked yet"),
        (asked(decision("model")), "good", "answering"),
        (asked(decision("none", "blocked"), decision("model")), "good", "answering"),
        (asked(decision("fallback", fallback_reason="late"), decision("model")), "bad", "late"),
        (asked(decision("model"), breaker="open"), "bad", "several times"),
    ],
)
def test_health_of_the_endpoint_is_who_decided_last(snapshot: Snapshot, health: str, words: str) -> None:
    assert viewmodel.endpoint_health(snapshot)[0] == health
    assert words in viewmodel.endpoint_health(snapshot)[1]


def test_health_of_controller_and_pce() -> None:
    down = Snapshot(controller_fault="not reachable", pce_fault="not reachable")
    up = Snapshot(network=state(), controller_fault=None, pce_fault=None)
    assert viewmodel.controller_health(down) == ("bad", "not reachable")
    assert viewmodel.pce_health(down) == ("bad", "not reachable")
    assert (viewmodel.controller_health(up)[0], viewmodel.pce_health(up)[0]) == ("good", "good")


def test_a_status_of_an_endpointless_pce_is_read() -> None:
    read = PceStatus.from_json({"policy": "ksp_ff", "model_version": None, "breaker": None, "decisions": 4})
    assert (read.policy, read.model_version, read.endpoint_url, read.breaker_closed) == (
        "ksp_ff",
        None,
        None,
        True,
    )
