"""The record on disk: by day, the same from the same logs, whole after any kill, aside what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.operation.first import first_requests
from tasks.operation.lives import spans_of
from tasks.operation.record import OperationError
from tasks.operation.store import read_table
from tests.tasks.operation.logs import (
    DAY,
    HAND_CHANGES,
    HAND_DECISIONS,
    TOPOLOGY,
    decision,
    lightpath,
    placed,
)
from tests.tasks.operation.network import Network


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network(tmp_path, monkeypatch)
    made.changes = HAND_CHANGES
    made.part(1, HAND_DECISIONS[:5])
    made.part(2, HAND_DECISIONS[5:], closed=False)
    return made


def test_again_over_the_same_logs_gives_the_same_files(network: Network) -> None:
    first = network.update()
    before = network.files()
    assert {name.split("/")[-1] for name in before} == {
        *("asks.parquet", "changes.parquet", "requests.parquet", "lightpaths.parquet", "record.json")
    }
    stamps = {file: file.stat().st_mtime_ns for file in network.record.rglob("*.parquet")}
    assert network.update() == first
    assert network.files() == before
    assert {file: file.stat().st_mtime_ns for file in network.record.rglob("*.parquet")} == stamps
    assert network.asked == [0, 13]


def test_bit_by_bit_gives_the_same_files_as_at_once_also_after_logs_were_cleaned_up(network: Network) -> None:
    network.update()
    at_once = network.files()
    for file in sorted(network.record.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    for file in network.decisions.iterdir():
        file.unlink()
    for count, decisions in ((0, 0), (2, 3), (4, 5), (12, 9), (13, 12)):
        network.changes = HAND_CHANGES[:count]
        rows = HAND_DECISIONS[: min(decisions, 5)] or [decision(0, 0.0, "a", 99)]
        network.part(1, rows, closed=decisions >= 5)
        if decisions > 5:
            network.part(2, HAND_DECISIONS[5:decisions], closed=False)
        network.update()
    (network.decisions / "part-00000001-20251129T000000Z.parquet").unlink()
    assert network.update().num_refused == 1
    files = network.files()
    assert json.loads(files.pop("refused.jsonl"))["decision_id"] == "d0"
    files.pop("record.json")
    at_once.pop("record.json")
    assert files == at_once


def test_rows_lie_under_the_utc_day_on_which_they_happened(network: Network) -> None:
    network.changes = [
        lightpath(1, 86_399.0, "added", "create", "a", 1, placed("AC", 0)),
        lightpath(2, 86_401.0, "removed", "delete", "a", 1, placed("AC", 0)),
    ]
    network.part(1, [decision(1, 86_398.0, "a", 0)])
    network.part(2, [], closed=False)
    network.now_s = DAY + 90_000.0
    network.update()
    days = {
        str(file.parent.name) + "/" + file.stem: pq.ParquetFile(file).metadata.num_rows
        for file in network.record.rglob("*.parquet")
    }
    assert datetime.fromtimestamp(DAY, UTC).isoformat() == "2025-11-29T00:00:00+00:00"
    assert days == {
        **{f"day=2025-11-29/{name}": 1 for name in ("asks", "changes", "requests", "lightpaths")},
        "day=2025-11-30/changes": 1,
    }
    (row,) = read_table(network.record, "requests")
    assert row["departed_s"] == DAY + 86_401.0


def test_a_request_under_way_is_left_for_the_next_time(network: Network) -> None:
    network.part(3, [decision(13, 199.0, "d", 13)])
    network.now_s = DAY + 203.0
    record = network.update()
    assert record.settled_s == DAY + 199.0
    assert "d13" not in {ask.decision_id for ask in record.asks}
    network.changes = [*HAND_CHANGES, lightpath(14, 204.0, "added", "create", "d", 13, placed("AC", 8))]
    network.now_s = DAY + 220.0
    assert network.update().settled_s == DAY + 217.0
    assert [row["outcome"] for row in read_table(network.record, "requests")][-1] == "carried"


def test_what_is_being_written_is_waited_for(network: Network) -> None:
    network.now_s = DAY + 200.0
    assert network.update(DAY + 150.0).settled_s == DAY + 197.0
    assert network.now_s == DAY + 200.0
    assert network.update(DAY + 199.0).settled_s == DAY + 199.0
    assert network.now_s == DAY + 202.0


def test_a_change_log_of_another_database_is_refused_with_the_remedy(network: Network) -> None:
    network.update()
    before = network.files()
    network.store = "store-2"
    with pytest.raises(OperationError, match="move the record aside"):
        network.update()
    network.changes = HAND_CHANGES[:3]
    with pytest.raises(OperationError, match="Move the record aside"):
        network.update()
    assert network.files() == before


def test_the_change_log_is_read_in_pages_and_one_that_has_forgotten_too_much_is_refused(
    network: Network,
) -> None:
    network.update()
    at_once = network.files()
    for file in sorted(network.record.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    network.page_rows, network.asked = 5, []
    network.update()
    assert (network.asked, network.files()) == ([0, 5, 10], at_once)
    network.changes = [*HAND_CHANGES, lightpath(14, 204.0, "added", "create", "d", 13, placed("AC", 8))]
    network.forgotten = 13  # just what the record has
    assert network.update().changes[-1].version == 14
    network.changes.append(lightpath(15, 205.0, "added", "create", "g", 14, placed("AC", 16)))
    network.changes.append(lightpath(16, 206.0, "added", "create", "h", 15, placed("AC", 24)))
    network.forgotten, before = 15, network.files()
    with pytest.raises(OperationError, match=r"up to version 14.*retention\.changes_days.*Move the record"):
        network.update()
    assert network.files() == before


def test_a_new_record_of_a_compacted_change_log_begins_with_what_stands(network: Network) -> None:
    whole = network.update()
    stood = {name for name, spans in spans_of(whole.changes).items() if spans[-1].removed is None}
    for file in sorted(network.record.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    network.forgotten, network.page_rows = 12, 1

    begun = network.update()

    assert begun.forgotten_s == network.now_s
    assert {change.service_uuid for change in begun.changes if change.kind == "lightpath-added"} == stood
    assert [change.nodes for change in begun.changes if change.kind == "link-failed"] == [("A", "B")]
    network.changes = [*HAND_CHANGES, lightpath(14, 204.0, "added", "create", "d", 13, placed("AC", 8))]
    after = network.update()
    assert after.changes[-1].version == 14
    assert after.forgotten_s == begun.forgotten_s


def test_the_first_requests_are_a_window_once_they_are_all_there(network: Network) -> None:
    mean_s, began_s, record = 50.0, DAY + 25.0, network.update()
    found = first_requests(record, network.operation, TOPOLOGY, mean_s, began_s, 2)
    assert found is not None
    # c at 30, d at 55; the next, f, comes at 90.
    assert [live.decision_id for live in found.window.live] == ["d3", "d6"]
    assert DAY + 55.0 < found.ended_s < DAY + 90.0
    assert found.folder.is_dir()
    assert first_requests(record, network.operation, TOPOLOGY, mean_s, began_s, 2) == found

    num_kept = len(list(network.operation.windows.iterdir()))
    assert first_requests(record, network.operation, TOPOLOGY, mean_s, began_s, 99) is None
    assert first_requests(record, network.operation, TOPOLOGY, mean_s, DAY + 150.0, 1) is None
    assert len(list(network.operation.windows.iterdir())) == num_kept  # nothing is stored before
