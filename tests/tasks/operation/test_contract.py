"""What the controller tells and the PCE logs is what the record reads: both sides of the seam at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controlplane.pce.decision_log import DecisionLog
from controlplane.pce.decision_record import DecisionRecord
from tasks.operation.lives import lives_of
from tasks.operation.sources import admit, changes_of, read_parts
from tasks.operation.store import request_row
from tests.controlplane.controller.conftest import Lab


def logged(lab: Lab, log: DecisionLog) -> list[dict[str, Any]]:
    """The changes that the controller tells; a row of the log for each path that it asked for and set up."""
    told = lab.state.feed(0)["changes"]
    ups = [change for change in told if change["kind"] == "lightpath-added"]
    for (asked, version), purpose, change in zip(lab.pce.asked, lab.pce.purposes, ups, strict=False):
        row = DecisionRecord(
            decision_id=change["decision_id"],
            time_s=change["time_s"] - 0.001,
            topology=lab.plant.topology.name,
            topology_hash=lab.plant.topology.content_hash,
            feature_schema_version=1,
            source=asked.source,
            destination=asked.destination,
            bit_rate_gbps=asked.bit_rate_gbps,
            max_latency_ms=asked.max_latency_ms,
            state_version=version,
            num_candidates=1,
            decided_by="model",
            outcome="accepted",
            context=(),
            service_uuid=purpose.service_uuid,
            cause=purpose.cause,
            service_class=purpose.service_class,
            ends_s=asked.ends_s,
        )
        log.append(row).result(5)
        log.amend(row.decision_id, {"challenger_outcome": "answered"})  # later; no ask of its own
    changes: list[dict[str, Any]] = told
    return changes


@pytest.mark.parametrize("closed", [False, True], ids=["open part", "closed part"])
def test_a_real_change_log_and_a_real_decision_log_join(tmp_path: Path, closed: bool) -> None:
    lab = Lab(tmp_path / "lab")
    log = DecisionLog(tmp_path / "decisions", part_rows=100, part_s=1e6)
    try:
        service, _ = lab.manager.create(lab.request("A", "C", 100, max_latency_ms=20.0))
        lab.manager.fail_link(service.path.nodes[:2])
        kept, _ = lab.manager.create(lab.request("D", "E", 50, ends_s=4e9))
        lab.manager.repair_link(service.path.nodes[:2])
        lab.manager.delete(service.uuid)
        dark, _ = lab.manager.create(lab.request("A", "C", 100))
        while (standing := lab.state.service(dark.uuid).path) is not None:
            lab.manager.fail_link(standing.nodes[:2])
        lab.manager.delete(dark.uuid)
        told = logged(lab, log)
        ups = [change for change in told if change["kind"] == "lightpath-added"]
        assert len(lab.pce.asked) == len(ups) + 1  # the last restoration found no route
        if closed:
            log.close()
        changes = changes_of(told, 0)
        read = read_parts(tmp_path / "decisions", frozenset())
        asks, refused = admit(read.frame, tuple(changes), lab.plant.topology.content_hash)
    finally:
        log.close()
        lab.stop()
        lab.host.close()
    assert refused == []
    assert bool(read.closed) == closed
    first, second, third = lives_of(asks, changes)
    assert [life.service_uuid for life in (first, second, third)] == [service.uuid, kept.uuid, dark.uuid]
    assert [(span.added.cause, span.removed and span.removed.cause) for span in first.spans] == [
        ("create", "cut"),
        ("restore", "delete"),
    ]
    assert (first.outcome, first.num_asks, first.first and first.first.max_latency_ms) == ("carried", 1, 20.0)
    assert (second.outcome, second.deleted) == ("carried", None)
    assert [life.first and life.first.ends_s for life in (first, second)] == [None, 4e9]
    assert {span.removed and span.removed.cause for span in third.spans} == {"cut"}
    assert third.deleted is not None
    assert (third.deleted.kind, third.deleted.version) == ("service-removed", changes[-1].version)
    row = request_row(third)
    assert row is not None
    assert (row["departed_s"], row["departure_cause"], row["is_censored"]) == (
        third.deleted.time_s,
        "deleted",
        False,
    )


def test_a_service_that_moves_or_has_two_lightpaths_is_one_request(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    log = DecisionLog(tmp_path / "decisions", part_rows=100, part_s=1e6)
    try:
        moved, _ = lab.manager.create(lab.request("B", "D", 100))
        lab.manager.draining.drain(["B", "D"])
        pair, _ = lab.manager.create(replace(lab.request("A", "C", 50), disjoint="link"))
        lab.manager.fail_link(["A", "B"])
        lab.manager.delete(pair.uuid)
        told = logged(lab, log)
        changes = changes_of(told, 0)
        asks, refused = admit(
            read_parts(tmp_path / "decisions", frozenset()).frame,
            tuple(changes),
            lab.plant.topology.content_hash,
        )
    finally:
        log.close()
        lab.stop()
        lab.host.close()
    assert refused == []
    lives = lives_of(asks, changes)
    rows = [row for row in map(request_row, lives) if row is not None]
    assert [(row["service_uuid"], row["num_asks"], row["outcome"]) for row in rows] == [
        (moved.uuid, 1, "carried"),
        (pair.uuid, 1, "carried"),
    ]
    first = next(life for life in lives if life.service_uuid == moved.uuid)
    assert [(span.added.cause, span.removed and span.removed.cause) for span in first.spans] == [
        ("create", "move"),
        ("move", None),
    ]
    second = next(life for life in lives if life.first is None)
    assert [span.added.cause for span in second.spans][:1] == ["protect"]
