"""Logs written by hand: decisions and changes as the PCE and the controller tell them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from envs.window import Placed
from tasks.operation.record import Ask, ToldChange
from topologies.catalogue import load_topology

TOPOLOGY = load_topology("five-node")
DAY = 1_764_374_400.0  # 2025-11-29 00:00:00 UTC


def uuid(letter: str) -> str:
    """A UUID that begins with a letter from a to f."""
    return f"{letter * 8}-0000-4000-8000-000000000000"


def placed(nodes: str, first_slot: int) -> Placed:
    return Placed(tuple(nodes), first_slot, 4, "QPSK")


def decision(number: int, time_s: float, service: str, version: int, **more: Any) -> dict[str, Any]:
    """A row of the decision log: accepted by the model, from A to C, unless said otherwise."""
    row = {
        "decision_id": f"d{number}",
        "time_s": DAY + time_s,
        "topology": TOPOLOGY.name,
        "topology_hash": TOPOLOGY.content_hash,
        "source": "A",
        "destination": "C",
        "bit_rate_gbps": 100.0,
        "max_latency_ms": None,
        "state_version": version,
        "decided_by": "model",
        "fallback_reason": None,
        "policy": "ppo",
        "model_version": "7",
        "outcome": "accepted",
        "reason": None,
        "service_uuid": uuid(service),
        "cause": "create",
        "service_class": "any",
        "is_constrained": False,
    }
    return row | more


def blocked(number: int, time_s: float, service: str, version: int, **more: Any) -> dict[str, Any]:
    """A row of a request that no candidate could carry."""
    nothing = {"decided_by": "none", "policy": None, "model_version": None, "outcome": "blocked"}
    return decision(number, time_s, service, version, **(nothing | {"reason": "no free slots"} | more))


def lightpath(
    version: int, time_s: float, kind: str, cause: str, service: str, number: int, block: Placed, **more: Any
) -> dict[str, Any]:
    """A change of a lightpath, as ``GET /changes`` tells it."""
    change = {
        "version": version,
        "time_s": DAY + time_s,
        "kind": f"lightpath-{kind}",
        "cause": cause,
        "service_uuid": uuid(service),
        "nodes": list(block.nodes),
        "first_slot": block.first_slot,
        "num_slots": block.num_slots,
        "modulation_format": block.modulation_format,
        "bit_rate_gbps": 100.0,
        "service_class": "any",
        "decision_id": f"d{number}",
    }
    return change | more


def link(version: int, time_s: float, kind: str, ends: str) -> dict[str, Any]:
    """A change of a link, as ``GET /changes`` tells it."""
    cause = {"failed": "cut", "repaired": "repair"}[kind]
    return {
        "version": version,
        "time_s": DAY + time_s,
        "kind": f"link-{kind}",
        "cause": cause,
        "nodes": list(ends),
    }


def removed_dark(version: int, time_s: float, service: str, ends: str = "AC", **more: Any) -> dict[str, Any]:
    """The deletion of a service that a cut had left without a lightpath, as ``GET /changes`` tells it."""
    change = {
        "version": version,
        "time_s": DAY + time_s,
        "kind": "service-removed",
        "cause": "delete",
        "service_uuid": uuid(service),
        "nodes": list(ends),
        "bit_rate_gbps": 100.0,
        "service_class": "any",
    }
    return change | more


# Ten changes and twelve decisions; what they mean is worked out in test_lives.py.
HAND_CHANGES = [
    lightpath(1, 10.2, "added", "create", "a", 1, placed("AC", 0)),
    lightpath(2, 20.2, "added", "create", "b", 2, placed("AC", 4)),
    lightpath(3, 40.2, "added", "create", "c", 5, placed("ABC", 0), service_class="gold"),
    lightpath(4, 50.2, "removed", "delete", "a", 1, placed("AC", 0)),
    link(5, 60.0, "failed", "AC"),
    lightpath(6, 60.0, "removed", "cut", "b", 2, placed("AC", 4)),
    lightpath(7, 60.3, "added", "restore", "b", 7, placed("ABC", 8)),
    link(8, 70.0, "failed", "AB"),
    lightpath(9, 70.0, "removed", "cut", "b", 7, placed("ABC", 8)),
    lightpath(10, 70.0, "removed", "cut", "c", 5, placed("ABC", 0), service_class="gold"),
    link(11, 80.0, "repaired", "AC"),
    lightpath(12, 80.3, "added", "restore", "b", 10, placed("AC", 0)),
    lightpath(13, 95.2, "added", "create", "e", 12, placed("AC", 4)),
]
HAND_DECISIONS = [
    decision(1, 10.0, "a", 0),
    decision(2, 20.0, "b", 1),
    blocked(3, 30.0, "c", 2, service_class="gold"),
    blocked(4, 35.0, "c", 2, service_class="gold"),
    decision(5, 40.0, "c", 2, service_class="gold"),
    decision(6, 55.0, "d", 4, is_constrained=True, max_latency_ms=9.0),  # its elements did not answer
    decision(7, 60.1, "b", 6, cause="restore"),
    blocked(8, 70.1, "b", 10, cause="restore"),
    blocked(9, 70.2, "c", 10, cause="restore", service_class="gold"),
    decision(10, 80.1, "b", 11, cause="restore"),
    blocked(11, 90.0, "f", 12, reason="no path within 1 ms", max_latency_ms=1.0),
    decision(12, 95.0, "e", 12),
]


def asks(rows: Iterable[dict[str, Any]], changes: Iterable[ToldChange]) -> list[Ask]:
    """Rows of the decision log through the border, none refused."""
    import pandas as pd

    from tasks.operation.sources import admit

    found, refused = admit(pd.DataFrame(list(rows)), tuple(changes), TOPOLOGY.content_hash)
    assert not refused
    return found
