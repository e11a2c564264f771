"""Traces: recorded or generated requests as arrays, and the parquet file that holds them.

A trace is checked when it is made, so every ``Trace`` in the program is sound. Its id is the hash of its
content: the same requests have the same id on every machine. Not here: where requests come from
(``traffic.py``, ``sndlib.py``), figures about one (``trace_summary.py``), replaying it (``evaluation.py``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from topologies.model import Topology

if TYPE_CHECKING:
    import pyarrow as pa

TRACE_SCHEMA_VERSION = 1
COLUMN_TYPES: dict[str, Any] = {
    "arrival_s": np.float64,
    "holding_s": np.float64,
    "source": np.int16,
    "destination": np.int16,
    "bit_rate_gbps": np.float32,
    "max_latency_ms": np.float32,
    "service_class": np.int8,
}
TOLD = "told_s"  # a column that a trace may have
_VERSION_KEY = b"lightloop.trace_schema_version"
_ABOUT_KEY = b"lightloop.trace"
_ID_PATTERN = re.compile(r"[0-9a-f]{16}")


class TraceError(ValueError):
    """A trace that cannot be used; names the file, row, column, value and reason as far as they are known."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in order of arrival. Rows are counted from 0.

    Raises:
        TraceError: no rows, columns of different lengths, or a value out of its limits.
    """

    arrival_s: np.ndarray = field(repr=False)  # (num_requests,) float64, >= 0, never decreasing
    holding_s: np.ndarray = field(repr=False)  # (num_requests,) float64, > 0, finite
    source: np.ndarray = field(repr=False)  # (num_requests,) int16, index into node_names
    destination: np.ndarray = field(repr=False)  # (num_requests,) int16, index into node_names
    bit_rate_gbps: np.ndarray = field(repr=False)  # (num_requests,) float32, > 0
    max_latency_ms: np.ndarray = field(repr=False)  # (num_requests,) float32, > 0, inf = no bound
    service_class: np.ndarray = field(repr=False)  # (num_requests,) int8, index into class_names
    node_names: tuple[str, ...]
    class_names: tuple[str, ...]
    topology_hash: str  # ``Topology.content_hash`` of the plant it was made for; empty: of none in particular
    origin: str  # how it was made, for people; not part of the content
    # (num_requests,) float64, > 0: how long each tells that it stays, inf: it does not; None: nobody does
    told_s: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "node_names", tuple(self.node_names))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        for column, dtype in COLUMN_TYPES.items():
            object.__setattr__(self, column, _as_column(column, getattr(self, column), dtype))
        columns = list(COLUMN_TYPES)
        if self.told_s is not None:
            object.__setattr__(self, TOLD, _as_column(TOLD, self.told_s, np.float64))
            columns.append(TOLD)
        lengths = {column: len(getattr(self, column)) for column in columns}
        if len(set(lengths.values())) != 1:
            raise TraceError(f"columns of different lengths: {lengths}")
        if not self.num_requests:
            raise TraceError("a trace without requests; at least one row is needed")
        for names, what in ((self.node_names, "node"), (self.class_names, "class")):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise TraceError(f"{what} name {twice[0]!r} is given twice")
        _check_rows(self)

    @property
    def num_requests(self) -> int:
        """Number of rows."""
        return len(self.arrival_s)

    @property
    def duration_s(self) -> float:
        """From time 0 to the last arrival."""
        return float(self.arrival_s[-1])

    @cached_property
    def id(self) -> str:
        """``trace_id`` of this trace."""
        return trace_id(self)

    def for_topology(self, topology: Topology) -> Trace:
        """The same requests with nodes counted as in ``topology``, matched by name.

        Raises:
            TraceError: a request from or to a node that the topology does not have.
        """
        if topology.node_names == self.node_names:
            return self
        index_by_name = {name: index for index, name in enumerate(topology.node_names)}
        new_index = np.array([index_by_name.get(name, -1) for name in self.node_names])
        columns = {}
        for column in ("source", "destination"):
            columns[column] = new_index[getattr(self, column)]
            unknown = columns[column] < 0
            if unknown.any():
                row = int(unknown.argmax())
                name = self.node_names[getattr(self, column)[row]]
                raise TraceError(
                    f"row {row}, column {column}: topology {topology.name!r} has no node {name!r}; "
                    f"known: {', '.join(topology.node_names)}"
                )
        return replace(self, node_names=topology.node_names, topology_hash=topology.content_hash, **columns)


def trace_id(trace: Trace) -> str:
    """16 hex digits over schema version, columns, node and class names and the topology's hash.

    Values are hashed in little-endian order and with one zero, so that the id does not depend on the machine.
    ``origin`` does not count.
    """
    digest = hashlib.sha256()
    names = [trace.node_names, trace.class_names, trace.topology_hash]
    digest.update(json.dumps([TRACE_SCHEMA_VERSION, trace.num_requests, *names]).encode())
    for column, dtype in COLUMN_TYPES.items():
        values = getattr(trace, column) + dtype(0)  # -0.0 becomes 0.0
        digest.update(values.astype(np.dtype(dtype).newbyteorder("<")).tobytes())
    if trace.told_s is not None:
        digest.update(trace.told_s.astype("<f8").tobytes())
    return digest.hexdigest()[:16]


def write_trace(trace: Trace, folder: str | os.PathLike[str]) -> Path:
    """The file ``<id>.parquet`` in ``folder``, written whole or not at all; one that is there stays as it is.

    Raises:
        TraceError: the folder cannot be made or written to.
    """
    import pyarrow.parquet as pq

    path = Path(folder) / f"{trace.id}.parquet"
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{trace.id}-", suffix=".tmp")
    except OSError as error:
        raise TraceError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            pq.write_table(_to_table(trace), stream, compression="zstd")
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path)
    except BaseException as error:
        Path(unfinished).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise TraceError(f"{path}: cannot be written: {error.strerror}") from None
        raise
    return path


def read_trace(
    path_or_id: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    topology: Topology | None = None,
) -> Trace:
    """The trace in a file, checked row by row.

    Args:
        path_or_id: the path of a parquet file; or, with ``folder``, the id of a trace in that folder.
        folder: where ids are looked up.
        topology: count the nodes as in this topology (``Trace.for_topology``).

    Raises:
        TraceError: no such file, not parquet, a missing column, another schema version, a value that is not
            allowed, a node that is not known, or a file named by an id that is not the hash of its content.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _locate(os.fspath(path_or_id), folder)
    try:
        table = pq.ParquetFile(path).read()
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror or f'not a readable parquet file: {error}'}") from None
    except (pa.ArrowException, ValueError) as error:
        raise TraceError(f"{path}: not a readable parquet file: {error}") from None
    try:
        trace = _from_table(table)
        if _ID_PATTERN.fullmatch(path.stem) and trace.id != path.stem:
            raise TraceError(f"the content has id {trace.id}; the file was changed after it was written")
        return trace if topology is None else trace.for_topology(topology)
    except TraceError as error:
        raise TraceError(f"{path}: {error}") from None


def _locate(path_or_id: str, folder: str | os.PathLike[str] | None) -> Path:
    path = Path(path_or_id)
    if folder is not None and _ID_PATTERN.fullmatch(path_or_id) and not path.exists():
        path = Path(folder) / f"{path_or_id}.parquet"
        if not path.exists():
            known = ", ".join(sorted(file.stem for file in Path(folder).glob("*.parquet"))[:10])
            raise TraceError(f"no trace {path_or_id} in {os.fspath(folder)}; there: {known or 'none'}")
    if not path.is_file():
        raise TraceError(f"{path}: no such file; give the path of a trace's parquet file, or its id")
    return path


def _as_column(column: str, values: Any, dtype: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise TraceError(f"column {column}: numbers are needed, not {array.dtype} of shape {array.shape}")
    with np.errstate(invalid="ignore", over="ignore"):
        converted = np.ascontiguousarray(array, dtype)
    if np.dtype(dtype).kind == "i" and array.dtype != converted.dtype:
        changed = converted != array
        if changed.any():
            row = int(changed.argmax())
            raise TraceError(f"row {row}, column {column}: {array[row]} is not an index of 16 bits")
    return converted


def _check_rows(trace: Trace) -> None:
    previous_arrival_s = np.concatenate(([0.0], trace.arrival_s[:-1]))
    num_nodes, num_classes = len(trace.node_names), len(trace.class_names)
    off_source = (trace.source < 0) | (trace.source >= num_nodes)
    off_destination = (trace.destination < 0) | (trace.destination >= num_nodes)
    off_class = (trace.service_class < 0) | (trace.service_class >= num_classes)
    checks: tuple[tuple[str, np.ndarray, str], ...] = (
        ("arrival_s", ~np.isfinite(trace.arrival_s), "a finite time is needed"),
        ("arrival_s", trace.arrival_s < 0, "a negative time; a trace begins at 0"),
        ("arrival_s", trace.arrival_s < previous_arrival_s, "earlier than the row before; sort by arrival_s"),
        ("holding_s", ~np.isfinite(trace.holding_s), "a finite time is needed"),
        ("holding_s", trace.holding_s <= 0, "a time above 0 is needed"),
        ("source", off_source, f"there are {num_nodes} nodes"),
        ("destination", off_destination, f"there are {num_nodes} nodes"),
        ("destination", trace.source == trace.destination, "source and destination are the same node"),
        ("bit_rate_gbps", ~np.isfinite(trace.bit_rate_gbps), "a finite bit rate is needed"),
        ("bit_rate_gbps", trace.bit_rate_gbps <= 0, "a bit rate above 0 is needed"),
        ("max_latency_ms", np.isnan(trace.max_latency_ms), "not a number; empty (inf) says no bound"),
        ("max_latency_ms", trace.max_latency_ms <= 0, "a bound above 0 is needed; empty (inf) says none"),
        ("service_class", off_class, f"there are {num_classes} classes"),
    )
    if trace.told_s is not None:
        checks += ((TOLD, ~(trace.told_s > 0), "a time above 0 is needed; empty (inf) says nothing"),)
    faults = [(int(bad.argmax()), rank) for rank, (_, bad, _) in enumerate(checks) if bad.any()]
    if faults:
        row, rank = min(faults)
        column, _, reason = checks[rank]
        value: Any = getattr(trace, column)[row].item()
        if column in ("source", "destination") and 0 <= value < num_nodes:
            value = repr(trace.node_names[value])
        raise TraceError(f"row {row}, column {column}: {value}: {reason}")


def _to_table(trace: Trace) -> pa.Table:
    import pyarrow as pa

    def named(column: str, names: tuple[str, ...]) -> pa.Array:
        indices = pa.array(getattr(trace, column).astype(np.int32))
        return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))

    columns = {column: pa.array(getattr(trace, column)) for column in COLUMN_TYPES}
    columns["source"] = named("source", trace.node_names)
    columns["destination"] = named("destination", trace.node_names)
    columns["service_class"] = named("service_class", trace.class_names)
    columns["max_latency_ms"] = pa.array(trace.max_latency_ms, mask=np.isinf(trace.max_latency_ms))
    if trace.told_s is not None:
        columns[TOLD] = pa.array(trace.told_s, mask=np.isinf(trace.told_s))
    about = {
        "id": trace.id,
        "node_names": trace.node_names,
        "class_names": trace.class_names,
        "topology_hash": trace.topology_hash,
        "origin": trace.origin,
    }
    return pa.table(columns).replace_schema_metadata(
        {_VERSION_KEY: str(TRACE_SCHEMA_VERSION), _ABOUT_KEY: json.dumps(about, ensure_ascii=False)}
    )


def _from_table(table: pa.Table) -> Trace:
    metadata = table.schema.metadata or {}
    version = metadata.get(_VERSION_KEY, b"").decode(errors="replace")
    if version not in ("", str(TRACE_SCHEMA_VERSION)):
        raise TraceError(
            f"trace schema version {version}; this program reads {TRACE_SCHEMA_VERSION}, make the trace again"
        )
    for column in COLUMN_TYPES:
        if column not in table.column_names:
            raise TraceError(f"column {column} is missing; there are: {', '.join(table.column_names)}")
    try:
        about = json.loads(metadata.get(_ABOUT_KEY, b"{}"))
    except ValueError:
        raise TraceError("the description of the trace in the file's metadata is not JSON") from None
    columns: dict[str, Any] = {}
    for column in ("arrival_s", "holding_s", "bit_rate_gbps", "max_latency_ms"):
        columns[column] = _numbers(table, column, nulls_mean=np.inf if column == "max_latency_ms" else None)
    if TOLD in table.column_names:
        columns[TOLD] = _numbers(table, TOLD, nulls_mean=np.inf)
    texts = {column: _texts(table, column) for column in ("source", "destination", "service_class")}
    node_names = about.get("node_names") or sorted({*texts["source"][0], *texts["destination"][0]})
    class_names = about.get("class_names") or sorted(texts["service_class"][0])
    for column, (distinct, which) in texts.items():
        names = class_names if column == "service_class" else node_names
        columns[column] = _indices(column, distinct, which, names)
    trace = Trace(
        **columns,
        node_names=tuple(node_names),
        class_names=tuple(class_names),
        topology_hash=str(about.get("topology_hash", "")),
        origin=str(about.get("origin", "")),
    )
    if not version:
        raise TraceError(
            f"no trace schema version in the file's metadata ({_VERSION_KEY.decode()}); write it with "
            "envs.trace.write_trace"
        )
    return trace


def _numbers(table: pa.Table, column: str, nulls_mean: float | None) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table.column(column)
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        raise TraceError(f"column {column}: numbers are needed, not {values.type}")
    if values.null_count:
        if nulls_mean is None:
            row = pc.is_null(values).to_numpy().argmax()
            raise TraceError(f"row {row}, column {column}: empty; a number is needed")
        values = pc.fill_null(pc.cast(values, pa.float64()), nulls_mean)
    return values.to_numpy()


def _texts(table: pa.Table, column: str) -> tuple[list[str], np.ndarray]:
    """The distinct names of a column and, per row, which one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table.column(column)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise TraceError(f"column {column}: names (text) are needed, not {values.type}")
    if values.null_count:
        row = pc.is_null(values).to_numpy().argmax()
        raise TraceError(f"row {row}, column {column}: empty; a name is needed")
    encoded = pc.dictionary_encode(pc.cast(values, pa.string())).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], encoded.type)
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False)


def _indices(column: str, distinct: list[str], which: np.ndarray, names: list[str]) -> np.ndarray:
    index_by_name = {name: index for index, name in enumerate(names)}
    unknown = [name not in index_by_name for name in distinct]
    bad = np.array(unknown, bool)[which] if distinct else np.zeros(0, bool)
    if bad.any():
        row = int(bad.argmax())
        kind = "class" if column == "service_class" else "node"
        raise TraceError(
            f"row {row}, column {column}: unknown {kind} {distinct[which[row]]!r}; known: {', '.join(names)}"
        )
    return np.array([index_by_name[name] for name in distinct], np.int64)[which]
