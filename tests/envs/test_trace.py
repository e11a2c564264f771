"""Traces: what comes back from the file, what the id depends on, what is refused and how."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs import trace as trace_module
from envs.trace import COLUMN_TYPES, Trace, TraceError, read_trace, trace_id, write_trace
from envs.trace_summary import summarise
from topologies.catalogue import load_topology

positive = st.floats(0.015625, 1e6, width=32)


def small_trace(**changes) -> Trace:
    columns = {
        "arrival_s": [0.0, 1.5, 1.5, 9.0],
        "holding_s": [3.0, 2.0, 1.0, 4.0],
        "source": [0, 1, 2, 0],
        "destination": [1, 2, 0, 2],
        "bit_rate_gbps": [25.0, 50.0, 75.0, 100.0],
        "max_latency_ms": [np.inf, 15.0, 30.0, np.inf],
        "service_class": [1, 0, 0, 1],
        "node_names": ("ulm", "bonn", "jena"),
        "class_names": ("urgent", "best-effort"),
        "topology_hash": "abc",
        "origin": "a test",
    }
    return Trace(**(columns | changes))


@st.composite
def traces(draw):
    num_nodes, num_classes = draw(st.integers(2, 5)), draw(st.integers(1, 3))
    count = draw(st.integers(1, 20))

    def column(values):
        return draw(st.lists(values, min_size=count, max_size=count))

    source = np.array(column(st.integers(0, num_nodes - 1)))
    return Trace(
        arrival_s=np.sort(column(st.floats(0, 1e9))),
        holding_s=column(positive),
        source=source,
        destination=(source + column(st.integers(1, num_nodes - 1))) % num_nodes,
        bit_rate_gbps=column(positive),
        max_latency_ms=column(positive | st.just(np.inf)),
        service_class=column(st.integers(0, num_classes - 1)),
        node_names=tuple(f"näme {index}" for index in range(num_nodes)),
        class_names=tuple(f"class {index}" for index in range(num_classes)),
        topology_hash=draw(st.sampled_from(["", "0123"])),
        origin=draw(st.text(max_size=5)),
    )


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trace=traces())
def test_a_trace_comes_back_from_its_file_as_it_went(tmp_path, trace):
    path = write_trace(trace, tmp_path)
    for back in (read_trace(path), read_trace(trace_id(trace), tmp_path)):
        for column, dtype in COLUMN_TYPES.items():
            assert getattr(back, column).dtype == dtype
            np.testing.assert_array_equal(getattr(back, column), getattr(trace, column))
        assert (back.node_names, back.class_names) == (trace.node_names, trace.class_names)
        assert back.topology_hash == trace.topology_hash
        assert trace_id(back) == trace_id(trace) == path.stem


def test_id_is_the_same_on_every_machine():
    """Put together here byte by byte; another id for the same content is a change of the schema."""
    about = [1, 4, ["ulm", "bonn", "jena"], ["urgent", "best-effort"], "abc"]
    content = json.dumps(about).encode()
    content += struct.pack("<4d", 0.0, 1.5, 1.5, 9.0)
    content += struct.pack("<4d", 3.0, 2.0, 1.0, 4.0)
    content += struct.pack("<4h", 0, 1, 2, 0)
    content += struct.pack("<4h", 1, 2, 0, 2)
    content += struct.pack("<4f", 25.0, 50.0, 75.0, 100.0)
    content += struct.pack("<4f", float("inf"), 15.0, 30.0, float("inf"))
    content += struct.pack("<4b", 1, 0, 0, 1)
    assert small_trace().id == hashlib.sha256(content).hexdigest()[:16] == "e4c92007f07edf78"


def test_id_does_not_depend_on_origin_byte_order_or_the_sign_of_zero():
    other = small_trace(
        origin="elsewhere",
        arrival_s=np.array([-0.0, 1.5, 1.5, 9.0], ">f8"),
        source=np.array([0, 1, 2, 0], ">i8"),
    )
    assert other.id == small_trace().id


@pytest.mark.parametrize(
    "change",
    [
        {"arrival_s": [0.0, 1.5, 1.5, 9.5]},
        {"holding_s": [3.0, 2.0, 1.0, 4.5]},
        {"source": [2, 1, 2, 0]},
        {"destination": [1, 2, 0, 1]},
        {"bit_rate_gbps": [25.0, 50.0, 75.0, 101.0]},
        {"max_latency_ms": [np.inf, 15.0, 30.0, 30.0]},
        {"service_class": [1, 0, 1, 1]},
        {"node_names": ("ulm", "bonn", "gera")},
        {"class_names": ("gold", "best-effort")},
        {"topology_hash": "abd"},
    ],
)
def test_id_depends_on_all_content(change):
    assert small_trace(**change).id != small_trace().id


def test_file_has_names_nulls_and_version(tmp_path):
    table = pq.read_table(write_trace(small_trace(), tmp_path))
    assert table.column_names == list(COLUMN_TYPES)
    assert table["source"].to_pylist() == ["ulm", "bonn", "jena", "ulm"]
    assert table["max_latency_ms"].to_pylist() == [None, 15.0, 30.0, None]
    assert table["service_class"].to_pylist() == ["best-effort", "urgent", "urgent", "best-effort"]
    assert table.schema.metadata[b"lightloop.trace_schema_version"] == b"1"


def test_a_file_that_is_there_is_not_written_again(tmp_path):
    path = write_trace(small_trace(), tmp_path)
    before = path.stat()
    assert write_trace(small_trace(origin="later"), tmp_path) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        trace_module, "_to_table", lambda trace: (_ for _ in ()).throw(OSError(28, "disk full"))
    )
    with pytest.raises(TraceError, match="disk full"):
        write_trace(small_trace(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceError, match="cannot be written"):
        write_trace(small_trace(), tmp_path / "file" / "traces")


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("arrival_s", [-1.0, 1.5, 1.5, 9.0], ["row 0", "-1.0", "negative"]),
        ("arrival_s", [0.0, np.nan, 1.5, 9.0], ["row 1", "nan"]),
        ("arrival_s", [0.0, 1.5, 1.0, 9.0], ["row 2", "1.0", "earlier", "sort"]),
        ("holding_s", [3.0, 2.0, 0.0, 4.0], ["row 2", "0.0"]),
        ("holding_s", [3.0, 2.0, -7.0, 4.0], ["row 2", "-7.0"]),
        ("holding_s", [3.0, 2.0, 1.0, np.nan], ["row 3", "nan"]),
        ("holding_s", [3.0, 2.0, 1.0, np.inf], ["row 3", "inf"]),
        ("source", [0, 1, 5, 0], ["row 2", "5", "3 nodes"]),
        ("source", [0, 1, 70000, 0], ["row 2", "70000"]),
        ("destination", [1, -1, 0, 2], ["row 1", "-1"]),
        ("destination", [1, 2, 0, 0], ["row 3", "'ulm'", "same node"]),
        ("bit_rate_gbps", [25.0, 0.0, 75.0, 100.0], ["row 1", "0.0"]),
        ("bit_rate_gbps", [25.0, np.nan, 75.0, 100.0], ["row 1", "nan"]),
        ("max_latency_ms", [np.inf, np.nan, 30.0, 30.0], ["row 1", "nan"]),
        ("max_latency_ms", [np.inf, -2.0, 30.0, 30.0], ["row 1", "-2.0"]),
        ("service_class", [0, 1, 2, 0], ["row 2", "2 classes"]),
        ("arrival_s", ["0", "1", "2", "3"], ["numbers"]),
        ("arrival_s", [[0.0, 1.0]], ["numbers"]),
    ],
)
def test_values_out_of_their_limits_are_refused_with_row_column_and_value(column, values, words):
    with pytest.raises(TraceError) as refusal:
        small_trace(**{column: values})
    for word in (column, *words):
        assert word in str(refusal.value)


def test_the_first_bad_row_is_the_one_named():
    with pytest.raises(TraceError, match=r"row 1, column destination"):
        small_trace(destination=[1, 1, 0, 2], bit_rate_gbps=[25.0, 50.0, 75.0, -1.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({column: [] for column in COLUMN_TYPES}, "without requests"),
        ({"holding_s": [1.0]}, "different lengths"),
        ({"node_names": ("ulm", "ulm", "jena")}, "'ulm' is given twice"),
    ],
)
def test_traces_that_are_none_are_refused(change, words):
    with pytest.raises(TraceError, match=words):
        small_trace(**change)


def damaged_file(tmp_path, damage):
    """A sound file whose table went through ``damage``, under a name that is no id."""
    table = damage(pq.read_table(write_trace(small_trace(), tmp_path)))
    path = tmp_path / "damaged.parquet"
    pq.write_table(table, path)
    return path


def set_column(name, values, kind=None):
    return lambda table: table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def set_metadata(key, value):
    return lambda table: table.replace_schema_metadata(table.schema.metadata | {key: value})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda table: table.drop_columns(["holding_s"]), ["column holding_s is missing"]),
        (set_metadata(b"lightloop.trace_schema_version", b"7"), ["version 7", "reads 1"]),
        (lambda table: table.replace_schema_metadata(None), ["no trace schema version"]),
        (set_metadata(b"lightloop.trace", b"{"), ["metadata is not JSON"]),
        (
            set_column("source", ["ulm", "bonn", "rome", "ulm"]),
            ["row 2", "source", "'rome'", "ulm, bonn, jena"],
        ),
        (set_column("source", ["ulm", "bonn", None, "ulm"]), ["row 2", "source", "empty"]),
        (set_column("source", [0, 1, 2, 0]), ["source", "names", "int64"]),
        (set_column("destination", ["bonn", "bonn", "ulm", "jena"]), ["row 1", "destination", "same node"]),
        (set_column("arrival_s", [0.0, 1.0, -3.0, 9.0]), ["row 2", "arrival_s", "-3.0"]),
        (set_column("arrival_s", [0.0, None, 1.0, 9.0]), ["row 1", "arrival_s", "empty"]),
        (set_column("arrival_s", ["0", "1", "2", "9"]), ["arrival_s", "numbers", "string"]),
        (set_column("holding_s", [1.0, 1.0, 1.0, -1.0]), ["row 3", "holding_s", "-1.0"]),
        (set_column("bit_rate_gbps", [1, 0, 1, 1]), ["row 1", "bit_rate_gbps", "0.0"]),
        (
            set_column("service_class", ["urgent", "gold", "urgent", "urgent"]),
            ["row 1", "service_class", "'gold'"],
        ),
        (lambda table: table.slice(0, 0), ["without requests"]),
    ],
)
def test_damaged_files_are_refused_with_file_row_column_and_reason(tmp_path, damage, words):
    path = damaged_file(tmp_path, damage)
    with pytest.raises(TraceError) as refusal:
        read_trace(path)
    for word in (str(path), *words):
        assert word in str(refusal.value)


def test_a_file_without_metadata_still_has_its_rows_checked(tmp_path):
    """Such as one that went through pandas: a bad row is named before the file is refused."""

    def damage(table):
        return set_column("holding_s", [1.0, -5.0, 1.0, 1.0])(table).replace_schema_metadata(None)

    with pytest.raises(TraceError, match=r"row 1, column holding_s: -5.0"):
        read_trace(damaged_file(tmp_path, damage))


def test_a_file_named_by_an_id_must_have_that_content(tmp_path):
    path = write_trace(small_trace(), tmp_path)
    other = write_trace(small_trace(holding_s=[1.0, 1.0, 1.0, 1.0]), tmp_path)
    other.replace(path)
    with pytest.raises(TraceError, match="changed after it was written"):
        read_trace(path)


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\x00" * 64 + b"PAR1"])
def test_files_that_are_no_parquet_are_refused(tmp_path, content):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"a\.parquet: not a readable parquet file"):
        read_trace(path)


def test_a_file_cut_short_is_refused(tmp_path):
    path = write_trace(small_trace(), tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TraceError, match="not a readable parquet file"):
        read_trace(path)


def test_missing_files_and_ids_are_refused(tmp_path):
    known = write_trace(small_trace(), tmp_path).stem
    with pytest.raises(TraceError, match="no such file"):
        read_trace(tmp_path / "none.parquet")
    with pytest.raises(TraceError, match=f"no trace 0123456789abcdef.*{known}"):
        read_trace("0123456789abcdef", tmp_path)


def test_nodes_are_counted_as_in_the_topology_asked_for(tmp_path):
    topology = load_topology("five-node")
    trace = small_trace(node_names=("D", "B", "A"))
    back = read_trace(write_trace(trace, tmp_path), topology=topology)
    assert back.node_names == topology.node_names
    assert [back.node_names[node] for node in back.source] == ["D", "B", "A", "D"]
    assert [back.node_names[node] for node in back.destination] == ["B", "A", "D", "A"]
    assert back.topology_hash == topology.content_hash


def test_nodes_that_the_topology_lacks_are_refused_with_the_row(tmp_path):
    path = write_trace(small_trace(node_names=("D", "Q", "A")), tmp_path)
    with pytest.raises(TraceError) as refusal:
        read_trace(path, topology=load_topology("five-node"))
    for word in (str(path), "row 1, column source", "'Q'", "five-node"):
        assert word in str(refusal.value)


def test_summary_counts_what_is_in_the_trace():
    trace = replace(small_trace(), arrival_s=np.array([0.0, 1800.0, 5000.0, 7200.0]))
    summary = summarise(trace, num_top_pairs=2)
    assert summary.num_requests == 4
    assert summary.load_erlang == pytest.approx((3 + 2 + 1 + 4) / 7200)
    assert summary.load_gbps == pytest.approx((75 + 100 + 75 + 400) / 7200)
    assert summary.requests_by_rate == {25.0: 1, 50.0: 1, 75.0: 1, 100.0: 1}
    assert [(c.name, c.requests) for c in summary.classes] == [("urgent", 2), ("best-effort", 2)]
    assert summary.classes[0].least_max_latency_ms == 15.0
    assert np.isinf(summary.classes[1].greatest_max_latency_ms)
    assert [(p.source, p.destination) for p in summary.top_pairs] == [("ulm", "jena"), ("bonn", "jena")]
    assert summary.top_pairs[0].share_of_load == pytest.approx(400 / 650)
    assert summary.arrivals_per_hour.tolist() == [2, 1, 1]
    assert summary.arrivals_by_hour_of_day[:2].tolist() == [2.0, 1.0]
    assert np.isnan(summary.arrivals_by_hour_of_day[2:]).all()
    assert json.dumps(summary.num_pairs) == "4"


def test_summary_of_times_beyond_counting_by_the_hour_does_not_try():
    assert summarise(small_trace(arrival_s=[0.0, 1.0, 2.0, 1e18])).arrivals_per_hour.size == 0
