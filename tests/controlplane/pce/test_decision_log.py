"""Rows acknowledged are rows read, through closing, killing and full disks."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from controlplane.lightpath import Lightpath
from controlplane.pce.decision_log import DecisionLog, DecisionLogError, read_decisions
from controlplane.pce.decision_parts import find_decisions, read_rows
from controlplane.pce.decision_record import COLUMNS, DecisionRecord, table_schema
from tasks.decision_columns import read_columns_after
from tasks.decisions import read_decision_log
from tasks.operation.sources import read_parts

LIGHTPATH = Lightpath("p", ("A", "B", "C"), 4, 3, "16QAM", 1.25, "model", "ppo", "7")


def record(number: int, **changes) -> DecisionRecord:
    values = {
        "decision_id": f"d-{number}",
        "time_s": 1_700_000_000.0 + number,
        "topology": "five-node",
        "topology_hash": "0123456789abcdef",
        "feature_schema_version": 1,
        "source": "A",
        "destination": "C",
        "bit_rate_gbps": 100.0,
        "max_latency_ms": math.inf,
        "state_version": number,
        "num_candidates": 3,
        "decided_by": "model",
        "outcome": "accepted",
        "chosen": 1,
        "lightpath": LIGHTPATH,
        "policy": "ppo",
        "model_version": "7",
        "score_chosen": 0.5,
        "score_second": 0.25,
        "context": (("load", float(np.float32(0.1))),),
        "features": (("hops", float(np.float32(1 / 3))), ("fill", 1.0)),
    }
    return DecisionRecord(**(values | changes))


def ids(frame) -> list[str]:
    return list(frame["decision_id"])


def test_the_log_of_a_second_pce_is_read_with_the_first_ones(tmp_path, monkeypatch):
    began = iter(["20260101T000000Z", "20260101T000001Z", "20260101T000002Z", "20260101T000003Z"])
    monkeypatch.setattr("controlplane.pce.decision_parts.time.strftime", lambda *_: next(began))
    logs = [DecisionLog(folder, part_rows=4, part_s=1e6) for folder in (tmp_path, tmp_path / "b")]
    for number in range(12):  # the first one's decisions have even numbers
        logs[number % 2].append(record(number)).result(5)
    logs[0].close()

    assert ids(read_decision_log(tmp_path, 5)) == [f"d-{n}" for n in range(7, 12)]
    assert sorted(ids(read_parts(tmp_path, frozenset()).frame)) == sorted(f"d-{n}" for n in range(12))
    assert read_parts(tmp_path, frozenset()).closed == {
        "part-00000001-20260101T000000Z", "b/part-00000001-20260101T000001Z", "part-00000002-20260101T000002Z"
    }  # fmt: skip
    late = read_columns_after(tmp_path, ("time_s",), 1_700_000_006.0)["time_s"]
    assert list(late - 1_700_000_000.0) == [7, 8, 9, 10, 11]
    found = find_decisions(tmp_path, {"d-10", "d-11"}, ("nodes",))
    assert {name: row["nodes"] for name, row in found.rows.items()} == {"d-10": "A,B,C", "d-11": "A,B,C"}
    assert found.oldest_s == 1_700_000_008.0  # older parts were not read
    assert find_decisions(tmp_path, {"d-0", "none"}, ()).oldest_s == 1_700_000_000.0
    logs[1].close()


def test_open_and_closed_parts_are_read_together_in_order_and_once(tmp_path):
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    for number in range(25):
        log.append(record(number)).result(5)
    assert ids(read_decisions(tmp_path)) == [f"d-{n}" for n in range(25)]
    assert ids(read_decisions(tmp_path, last=7)) == [f"d-{n}" for n in range(18, 25)]
    log.close()
    assert len(list(tmp_path.glob("*.parquet"))) == 3
    assert not list(tmp_path.glob("*.jsonl"))
    assert ids(read_decisions(tmp_path)) == [f"d-{n}" for n in range(25)]


def test_values_and_types_survive_the_way_to_parquet(tmp_path):
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    log.append(record(1)).result(5)
    log.append(
        record(2, max_latency_ms=12.5, decided_by="none", chosen=None, lightpath=None, features=())
    ).result(5)
    still_open = read_decisions(tmp_path)
    log.close()
    frame = read_decisions(tmp_path)
    assert still_open.equals(frame)
    assert list(frame.columns) == [*COLUMNS, "c_load", "f_hops", "f_fill"]
    first, second = frame.iloc[0], frame.iloc[1]
    assert math.isnan(first["max_latency_ms"])
    assert second["max_latency_ms"] == 12.5
    assert first["nodes"] == "A,B,C"
    assert frame["f_hops"].dtype == np.float32
    assert first["f_hops"] == np.float32(1 / 3)
    assert math.isnan(second["f_hops"])
    (part,) = tmp_path.glob("*.parquet")
    assert pq.read_schema(part).field("chosen").type == "int64"


def test_quantities_are_logged_where_known_and_null_elsewhere(tmp_path):
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    log.append(record(1, lightpath=replace(LIGHTPATH, band="S", gsnr_db=17.5))).result(5)
    log.close()
    (row,) = read_rows(tmp_path, 5)
    assert [row[name] for name in ("band", "gsnr_db", "margin_db", "marginal_w")] == ["S", 17.5, None, None]


def test_parts_of_the_version_without_quantities_are_read_beside_new_ones(tmp_path):
    new = ("band", "gsnr_db", "margin_db", "marginal_w")
    old = {name: value for name, value in record(1).row().items() if name not in new}
    schema = pa.schema([field for field in table_schema([old]) if field.name not in new])
    pq.write_table(pa.Table.from_pylist([old], schema), tmp_path / "part-00000001-20250101T000000Z.parquet")
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    log.append(record(2, lightpath=replace(LIGHTPATH, band="C", marginal_w=80.0))).result(5)
    first, second = read_rows(tmp_path, 5)
    log.close()
    assert [first[name] for name in new] == [None] * 4
    assert [second[name] for name in new] == ["C", None, None, 80.0]


def test_parts_of_the_version_without_a_service_are_read_beside_new_ones(tmp_path):
    new = ("service_uuid", "cause", "service_class", "is_constrained")
    old = {name: value for name, value in record(1).row().items() if name not in new}
    schema = pa.schema([field for field in table_schema([old]) if field.name not in new])
    pq.write_table(pa.Table.from_pylist([old], schema), tmp_path / "part-00000001-20250101T000000Z.parquet")
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    told = {"service_uuid": "s", "cause": "create", "service_class": "gold", "is_constrained": True}
    log.append(record(2, **told)).result(5)
    first, second = read_rows(tmp_path, 5)
    log.close()
    assert [first[name] for name in new] == [None] * 4
    assert {name: second[name] for name in new} == told


def test_every_column_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "pce.md").read_text()
    documented = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    names = {name.strip(" `") for cell in documented for name in cell.split(",")}
    assert set(COLUMNS) <= names


def test_an_empty_log_reads_as_a_frame_without_rows(tmp_path):
    frame = read_decisions(tmp_path)
    assert len(frame) == 0
    assert list(frame.columns) == list(COLUMNS)


def test_a_part_is_closed_when_its_first_row_is_old(tmp_path):
    log = DecisionLog(tmp_path, part_rows=1000, part_s=0.2)
    log.append(record(1)).result(5)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ids(read_decisions(tmp_path)) == ["d-1"]
    assert list(tmp_path.glob("*.parquet"))
    log.close()


def test_a_torn_last_line_is_dropped_and_the_rest_recovered(tmp_path):
    whole = json.dumps(record(1).row()).encode() + b"\n"
    torn = json.dumps(record(2).row()).encode()
    (tmp_path / "part-00000003-20260101T000000Z.jsonl").write_bytes(whole + torn[:-20])
    assert ids(read_decisions(tmp_path)) == ["d-1"]
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    assert not list(tmp_path.glob("*.jsonl"))
    log.append(record(3)).result(5)
    log.close()
    assert ids(read_decisions(tmp_path)) == ["d-1", "d-3"]


def test_a_part_left_in_both_forms_counts_once(tmp_path):
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    log.append(record(1)).result(5)
    (open_part,) = tmp_path.glob("*.jsonl")
    lines = open_part.read_bytes()
    log.close()
    open_part.write_bytes(lines)  # killed between the rename and the removal
    (tmp_path / "part-00000009-20260101T000000Z.tmp").write_bytes(b"half a parquet")
    assert ids(read_decisions(tmp_path)) == ["d-1"]
    DecisionLog(tmp_path, part_rows=10, part_s=1e6).close()
    assert sorted(file.suffix for file in tmp_path.glob("part-*")) == [".parquet"]
    assert ids(read_decisions(tmp_path)) == ["d-1"]


def test_reading_while_parts_close_never_misses_or_repeats_an_acknowledged_row(tmp_path):
    log = DecisionLog(tmp_path, part_rows=3, part_s=1e6)
    acknowledged = 0

    def write() -> None:
        nonlocal acknowledged
        for number in range(150):
            log.append(record(number)).result(5)
            acknowledged = number + 1

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            least = acknowledged
            seen = ids(read_decisions(tmp_path))
            assert seen == [f"d-{n}" for n in range(len(seen))]
            assert len(seen) >= least
        writing.result()
    log.close()


def test_parts_of_the_version_without_a_challenger_are_read_beside_new_ones(tmp_path):
    new = [name for name in COLUMNS if name == "is_canary" or name.startswith("challenger_")]
    old = {name: value for name, value in record(1).row().items() if name not in new}
    schema = pa.schema([field for field in table_schema([old]) if field.name not in new])
    pq.write_table(pa.Table.from_pylist([old], schema), tmp_path / "part-00000001-20250101T000000Z.parquet")
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    log.append(record(2, is_canary=True, challenger_version="8")).result(5)
    first, second = read_rows(tmp_path, 5)
    log.close()
    assert [first[name] for name in new] == [None] * 7
    assert (second["is_canary"], second["challenger_version"], second["challenger_ms"]) == (True, "8", None)


def test_what_comes_later_than_a_row_is_a_part_of_it_and_waits_for_no_disk(tmp_path):
    synced = []

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    log = DecisionLog(tmp_path, part_rows=3, part_s=1e6, sync=sync)
    log.amend("d-1", {"challenger_outcome": "late"})  # of a part that has been closed: nothing is opened
    for number in (1, 2):
        log.append(record(number)).result(5)
    log.amend("d-1", {"challenger_outcome": "answered", "challenger_chosen": 2})
    log.amend("d-0", {"challenger_outcome": "late"})  # of no row in this part
    (file,) = tmp_path.glob("*.jsonl")
    while file.read_bytes().count(b"\n") < 4:
        time.sleep(0.01)
    assert len(synced) == 2  # for each row, for no amendment
    as_told = [("d-1", "answered", 2), ("d-2", None, None)]
    for read in (lambda: read_rows(tmp_path, 5), lambda: plain(read_decision_log(tmp_path, 5))):
        found = [(row["decision_id"], row["challenger_outcome"], row["challenger_chosen"]) for row in read()]
        assert found == as_told
    log.append(record(3)).result(5)
    log.close()
    assert [row["challenger_outcome"] for row in read_rows(tmp_path, 5)] == ["answered", None, None]
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def plain(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def test_a_row_that_cannot_be_synced_is_refused_and_leaves_nothing_behind(tmp_path):
    full = False

    def sync(descriptor: int) -> None:
        if full:
            raise OSError(28, "No space left on device")
        os.fsync(descriptor)

    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6, sync=sync)
    log.append(record(1)).result(5)
    full = True
    with pytest.raises(DecisionLogError, match="No space left"):
        log.append(record(2)).result(5)
    full = False
    log.append(record(3)).result(5)
    log.close()
    assert ids(read_decisions(tmp_path)) == ["d-1", "d-3"]


def test_a_second_writer_is_refused(tmp_path):
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    with pytest.raises(DecisionLogError, match="another PCE"):
        DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    log.close()


def test_kill_in_a_loop_loses_no_acknowledged_row_and_repeats_none(tmp_path):
    writer = textwrap.dedent("""
        import importlib.util, sys
        from pathlib import Path
        from controlplane.pce.decision_log import DecisionLog
        spec = importlib.util.spec_from_file_location("rows", sys.argv[1])
        rows = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(rows)
        log = DecisionLog(Path(sys.argv[2]), part_rows=7, part_s=1e6)
        number = int(sys.argv[3])
        while True:
            waiting = [(n, log.append(rows.record(n))) for n in range(number, number + 3)]
            for n, future in waiting:
                future.result()
                print(n, flush=True)
            number += 3
    """)
    acknowledged: list[int] = []
    for kill in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, __file__, str(tmp_path), str(1_000_000 * kill)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(40 + 11 * kill):
            acknowledged.append(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().splitlines()]
        process.wait()
    DecisionLog(tmp_path, part_rows=7, part_s=1e6).close()
    stored = [int(name.removeprefix("d-")) for name in ids(read_decisions(tmp_path))]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    assert not list(tmp_path.glob("*.jsonl"))
