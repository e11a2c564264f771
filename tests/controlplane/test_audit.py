"""The audit finds each kind of disagreement on a real controller with real elements, and else nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from controlplane.audit import Looked, StandingLightpath, audit, violations
from controlplane.elements.interface import ADD_DROP, CrossConnect, Edit
from controlplane.tapi.names import join_list
from tests.controlplane.controller.conftest import Lab, database, http, lab

__all__ = ["database", "http", "lab"]  # fixtures


def looked(lab: Lab, http: TestClient) -> Looked:
    """What the audit would read, with a decision log that tells what the controller was answered."""
    page = http.get("/snapshot").json()
    standing = [StandingLightpath.read(item) for item in page["changes"] if item["kind"] == "lightpath-added"]
    decisions = {
        item.decision_id: {
            "nodes": join_list(item.nodes),
            "first_slot": item.first_slot,
            "num_slots": item.num_slots,
        }
        for item in standing
    }
    return Looked(
        version=page["version"],
        lightpaths=tuple(standing),
        failed_links=frozenset(),
        running={node: lab.host.running(node) for node in lab.host.nodes()},
        decisions=decisions,
        oldest_decision_s=0.0,
        pce_version=page["version"],
    )


@pytest.fixture
def sound(lab: Lab, http: TestClient) -> Looked:
    """Three services that stand, one of them deleted again."""
    uuids = []
    for source, destination in (("A", "C"), ("B", "D"), ("A", "D")):
        service, _ = lab.manager.create(lab.request(source, destination))
        uuids.append(service.uuid)
    lab.manager.delete(uuids[1])
    return looked(lab, http)


def rules(seen: Looked) -> set[str]:
    return {item.rule for item in violations(seen, shared_spectrum=True)}


def test_a_protection_on_the_way_of_what_it_protects_is_found(sound: Looked) -> None:
    one = sound.lightpaths[0]
    second = replace(one, service_uuid="second", protects=one.service_uuid, first_slot=20)
    assert "protection-shares-a-link" in rules(replace(sound, lightpaths=(*sound.lightpaths, second)))
    apart = replace(second, nodes=("A", "B", "C"))
    assert "protection-shares-a-link" not in rules(replace(sound, lightpaths=(one, apart)))


def test_nothing_is_found_where_all_agree(sound: Looked) -> None:
    assert len(sound.lightpaths) == 2
    assert violations(sound, shared_spectrum=True) == []


def test_what_an_element_lost_or_kept_is_named(lab: Lab, sound: Looked) -> None:
    one = sound.lightpaths[0]
    node = one.nodes[0]
    lab.host.edit(
        node,
        Edit((CrossConnect("orphan", ADD_DROP, one.nodes[1], 28, 2, True, "BPSK"),), (one.service_uuid,)),
    )
    running = {name: lab.host.running(name) for name in lab.host.nodes()}
    seen = replace(sound, running=running)

    found = violations(seen, shared_spectrum=True)

    assert [(item.rule, item.where) for item in found] == [
        ("element-missing", node),
        ("element-orphan", node),
    ]
    assert [item.service_uuid for item in found] == [one.service_uuid, "orphan"]


def doubled(sound: Looked) -> Looked:
    one = sound.lightpaths[0]
    other = replace(one, service_uuid="other", first_slot=one.first_slot + one.num_slots - 1)
    return replace(sound, lightpaths=(*sound.lightpaths, other))


def cut(sound: Looked) -> Looked:
    return replace(sound, failed_links=frozenset({frozenset(sound.lightpaths[0].nodes[:2])}))


def another_decision(sound: Looked) -> Looked:
    name, row = next(iter(sound.decisions.items()))
    return replace(sound, decisions={**sound.decisions, name: {**row, "first_slot": row["first_slot"] + 1}})


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (doubled, "slots-used-twice"),
        (cut, "on-a-failed-link"),
        (another_decision, "decision-differs"),
        (lambda sound: replace(sound, decisions={}), "decision-missing"),
        (lambda sound: replace(sound, pce_version=sound.version - 1), "pce-behind"),
        (lambda sound: replace(sound, pce_version=None), "pce-behind"),
        (lambda sound: replace(sound, running={**sound.running, "E": None}), "element-unreachable"),
    ],
)
def test_each_kind_is_found(sound: Looked, spoil: Callable[[Looked], Looked], rule: str) -> None:
    assert rule in rules(spoil(sound))


def test_directions_with_spectrum_of_their_own_may_use_the_same_slots(sound: Looked) -> None:
    one = sound.lightpaths[0]
    back = replace(one, service_uuid="back", nodes=one.nodes[::-1])
    seen = replace(sound, lightpaths=(*sound.lightpaths, back))
    assert "slots-used-twice" in rules(seen)
    directed = violations(seen, shared_spectrum=False)
    assert "slots-used-twice" not in {item.rule for item in directed}


def test_a_decision_older_than_the_log_is_not_missed(sound: Looked) -> None:
    tidied = replace(sound, decisions={}, oldest_decision_s=2e9)
    assert rules(tidied) == set()


def test_what_is_wrong_for_a_moment_only_does_not_count(sound: Looked) -> None:
    behind = replace(sound, pce_version=0)
    looks: list[Any] = [behind, sound]
    assert audit(lambda: looks.pop(0), True, lambda seconds: None) == []
    looks = [behind, behind]
    assert [item.rule for item in audit(lambda: looks.pop(0), True, lambda seconds: None)] == ["pce-behind"]
