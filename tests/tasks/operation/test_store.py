"""The record on disk: by day, the same from the same logs, whole after any kill, aside what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tasks.operation.first import first_requests
from tasks.operation.record import OperationError
from tasks.operation.sources import Operation
from tasks.operation.store import Record, bring_up_to_date, read_table
from tests.tasks.operation.logs import (
    DAY,
    HAND_CHANGES,
    HAND_DECISIONS,
    TOPOLOGY,
    decision,
    lightpath,
    placed,
)


class Network:
    """A controller that tells changes, a decision log of open and closed parts, and a clock."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.decisions = folder / "decisions"
        self.decisions.mkdir()
        self.record = folder / "operation"
        self.operation = Operation(
            "http://controller", "token", self.decisions, self.record, folder / "windows", folder / "traces"
        )
        self.changes: list[dict[str, Any]] = []
        self.store = "store-1"
        self.now_s = DAY + 200.0
        self.asked: list[int] = []
        patched.setattr("tasks.operation.sources.httpx.get", self._get)

    def _get(self, url: str, params: dict[str, int], headers: dict[str, str], **_: Any) -> httpx.Response:
        assert (url, headers["Authorization"]) == ("http://controller/changes", "Bearer token")
        self.asked.append(params["since"])
        since = params["since"] if params["since"] <= len(self.changes) else 0
        document = {
            "version": len(self.changes),
            "reset": since != params["since"],
            "store": self.store,
            "changes": self.changes[since:],
        }
        return httpx.Response(200, json=document, request=httpx.Request("GET", url))

    def part(self, number: int, rows: list[dict[str, Any]], closed: bool = True) -> None:
        file = self.decisions / f"part-{number:08d}-20251129T000000Z"
        if closed:
            pd.DataFrame(rows).to_parquet(file.with_suffix(".parquet"))
            file.with_suffix(".jsonl").unlink(missing_ok=True)
        else:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            file.with_suffix(".jsonl").write_text(lines + '{"decision_id": "half')

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def update(self, until_s: float = 0.0) -> Record:
        return bring_up_to_date(
            self.operation, TOPOLOGY.content_hash, until_s, lambda: self.now_s, self._sleep
        )

    def files(self) -> dict[str, bytes]:
        found = sorted(self.record.rglob("*"))
        return {
            str(file.relative_to(self.record)): file.read_bytes()
            for file in found
            if file.is_file() and file.name != ".lock"
        }


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


def test_the_first_requests_are_a_window_once_they_are_all_there(network: Network) -> None:
    mean_s, began_s = 50.0, DAY + 25.0
    found = first_requests(network.operation, TOPOLOGY, mean_s, began_s, 2)
    assert found is not None
    # c at 30, d at 55; the next, f, comes at 90.
    assert [live.decision_id for live in found.window.live] == ["d3", "d6"]
    assert DAY + 55.0 < found.ended_s < DAY + 90.0
    assert found.folder.is_dir()
    assert first_requests(network.operation, TOPOLOGY, mean_s, began_s, 2) == found

    num_kept = len(list(network.operation.windows.iterdir()))
    assert first_requests(network.operation, TOPOLOGY, mean_s, began_s, 99) is None
    assert first_requests(network.operation, TOPOLOGY, mean_s, DAY + 150.0, 1) is None
    assert len(list(network.operation.windows.iterdir())) == num_kept  # nothing is stored before
