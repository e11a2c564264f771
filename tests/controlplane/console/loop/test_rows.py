"""Registry, drift and lineage as rows."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.console.loop.charts import demand_matrix, evidence_path, training_curve
from controlplane.console.loop.document import LoopDocument, ShownCurve
from controlplane.console.loop.rows import (
    budget_words,
    lineage_steps,
    pair_shifts,
    version_facts,
    version_rows,
)
from controlplane.console.palette import LIGHT

CHAIN = {
    "what": "decision",
    "name": "d-1",
    "facts": {"bit_rate_gbps": 100.0, "nodes": ["A", "B"]},
    "missing": None,
    "comes_from": [
        {
            "what": "version",
            "name": "lightloop-five-node 2",
            "facts": {},
            "missing": None,
            "comes_from": [
                {"what": "run", "name": "r", "facts": {}, "missing": "deleted", "comes_from": []},
                {"what": "trace", "name": "t", "facts": {}, "missing": None, "comes_from": []},
            ],
        }
    ],
}


def test_only_a_version_that_passed_and_does_not_serve_may_be_promoted(document: LoopDocument) -> None:
    assert [(row["number"], row["serves"], row["may_serve"]) for row in version_rows(document)] == [
        ("2", False, True),
        ("1", True, False),
    ]
    second = document.versions[1]
    refused = document.model_copy(update={"versions": (second.model_copy(update={"gate": "failed"}),)})
    assert not version_rows(refused)[0]["may_serve"]


def test_a_version_says_what_it_learned_from_and_what_it_costs(document: LoopDocument) -> None:
    facts = {fact.name: fact.words for fact in version_facts(document.versions[1])}
    for window in document.versions[1].windows.values():
        assert window in facts["Learned from"]
    assert facts["Answer, p99"] == "122.9 ms"
    assert facts["Mean latency"] == "2.17 ms"
    assert "Energy per bit" not in facts  # nothing is said of what was not measured
    assert budget_words(document).endswith("may spend 1 in 500")


def test_the_pairs_that_moved_stand_first_with_their_forecast(document: LoopDocument) -> None:
    demand = document.demand
    assert demand is not None
    shifts = pair_shifts(demand)
    changes = [abs(shift.now - shift.then) for shift in shifts]
    assert changes == sorted(changes, reverse=True)
    assert {shift.pair for shift in shifts[:4]} == {"A → B", "B → A", "C → E", "E → C"}
    row, column = (demand.node_names.index(name) for name in "AB")
    first = next(shift for shift in shifts if shift.pair == "A → B")
    assert first.now == pytest.approx(demand.now[row][column] / sum(map(sum, demand.now)))
    assert first.weight == 4.0


def test_both_matrices_share_a_scale_and_the_path_has_its_threshold(document: LoopDocument) -> None:
    assert document.demand is not None
    then, now = (demand_matrix(document.demand, which, LIGHT) for which in ("then", "now"))
    assert then["visualMap"]["max"] == now["visualMap"]["max"]
    (path,) = evidence_path(document.looks, LIGHT)["series"]
    assert path["markLine"]["data"][0]["yAxis"] == document.looks[-1].threshold_log_e
    assert evidence_path((), LIGHT)["series"][0]["data"] == []


def test_the_curve_stands_against_the_best_baseline() -> None:
    point: dict[str, Any] = {"elapsed_s": 1, "stage": "search", "blocking": 0.04, "share_done": 0.1}
    points = [point | {"baselines": {"a": 0.03, "b": 0.02}}]
    curve = ShownCurve.model_validate({"flow_run_id": "f", "is_running": True, "points": points, "steps": []})
    own, best = training_curve(curve, LIGHT)["series"]
    assert (own["data"], best["name"], best["data"]) == ([[1.0, 4.0]], "b", [[1.0, 2.0]])


def test_a_chain_is_flat_with_links_and_with_what_is_missing(document: LoopDocument) -> None:
    steps = list(lineage_steps(CHAIN, document))
    assert [(step["what"], step["depth"], step["missing"]) for step in steps] == [
        ("decision", 0, ""),
        ("version", 1, ""),
        ("run", 2, "deleted"),
        ("trace", 2, ""),
    ]
    links = [step["link"].url if step["link"] else None for step in steps]
    assert links == [None, document.links.version(document.model_name, "2"), None, None]
    assert [(fact.name, fact.words) for fact in steps[0]["facts"]] == [
        ("bit rate", "100 Gb/s"),
        ("nodes", "A, B"),
    ]
