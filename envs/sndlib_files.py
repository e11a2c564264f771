"""Reads SNDlib's dynamic demand matrices [1]: one XML file per interval, in a folder or in a tar archive.

An archive is read member by member and never unpacked to disk. Not here: what requests are made of the
matrices (``sndlib.py``).

[1] Orlowski et al. 2010, "SNDlib 1.0 - Survivable Network Design Library", Networks 55(3); sndlib.zib.de.
"""

from __future__ import annotations

import lzma
import math
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from envs.trace import TraceError
from topologies.importers.safe_xml import (
    MAX_BYTES,
    UnsafeXmlError,
    child,
    children,
    local_name,
    parse_xml,
    text_of,
)

GBPS_BY_UNIT = {
    "BITPERSEC": 1e-9,
    "KBITPERSEC": 1e-6,
    "MBITPERSEC": 1e-3,
    "GBITPERSEC": 1.0,
    "TBITPERSEC": 1e3,
}
SECONDS_BY_UNIT = {
    "s": 1,
    "sec": 1,
    "min": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "month": 2592000,
}
TIME_FORMATS = {13: "%Y%m%d-%H%M", 12: "%Y%m%d%H%M", 8: "%Y%m%d", 6: "%Y%m"}  # by length of the text
DAY_S = 86_400.0
LONGEST_STEP_S = 2_000_000  # months differ in length: from here on a longer step is no gap


class SndlibError(TraceError):
    """A demand matrix that cannot be used; names the file, the element and the reason."""


@dataclass(frozen=True)
class Demands:
    """Demand matrices in order of time."""

    node_ids: tuple[str, ...]
    position_deg: np.ndarray = field(
        repr=False
    )  # (num_nodes, 2) float64 latitude, longitude; nan = not given
    start_s: np.ndarray = field(repr=False)  # (T,) float64, from the first interval's beginning
    interval_s: np.ndarray = field(repr=False)  # (T,) float64, until the next matrix
    demand_gbps: np.ndarray = field(repr=False)  # (T, num_nodes, num_nodes) float64, zero diagonal
    first_time: str  # as written in the file, "" where the files tell no time
    origin: str  # who measured, as written in the file
    file: str  # the first one, for messages
    num_gaps: int  # intervals missing or empty; the matrix before them covers them
    gaps: tuple[str, ...] = ()  # where they are

    @property
    def duration_s(self) -> float:
        """Length of all intervals together."""
        return float(self.interval_s.sum())

    @property
    def mean_total_gbps(self) -> float:
        """Demand of all pairs, averaged over time."""
        return float((self.demand_gbps.sum(axis=(1, 2)) * self.interval_s).sum() / self.duration_s)

    def select(
        self, first_day: int = 1, num_days: int | None = None, max_intervals: int | None = None
    ) -> Demands:
        """The matrices of some days, time starting anew at 0.

        Args:
            first_day: 1 is the day that begins with the first matrix.
            num_days: how many; None is all that follow.
            max_intervals: keep no more matrices than this.

        Raises:
            SndlibError: nothing left.
        """
        begin_s = (first_day - 1) * DAY_S
        end_s = math.inf if num_days is None else begin_s + num_days * DAY_S
        rows = np.flatnonzero((self.start_s >= begin_s) & (self.start_s < end_s))[:max_intervals]
        if not len(rows):
            raise SndlibError(
                f"no matrix from day {first_day} on (days asked for: {num_days or 'all'}, intervals at most: "
                f"{max_intervals}); the matrices cover {self.duration_s / DAY_S:.2f} days"
            )
        return replace(
            self,
            start_s=self.start_s[rows] - self.start_s[rows[0]],
            interval_s=self.interval_s[rows],
            demand_gbps=self.demand_gbps[rows],
        )


@dataclass(frozen=True)
class _Matrix:
    file: str
    time: str
    granularity_s: float | None
    origin: str
    node_ids: tuple[str, ...]
    position_deg: np.ndarray
    demand_gbps: np.ndarray


def read_demands(path: Path, on_progress: Callable[[float], None] | None = None) -> Demands:
    """The matrices in a folder, a tar archive (.tgz, .tar, .tar.gz, .tar.bz2, .tar.xz) or a single XML file.

    Args:
        path: what to read.
        on_progress: told the share done, 0 to 1.

    Raises:
        SndlibError: nothing there, an unreadable archive, or a matrix that is malformed: not SNDlib XML, an
            unknown unit, granularity or time, a negative demand, a demand of a node that is not listed, nodes
            that change from file to file, two matrices of the same time, or no demand in any.
    """
    matrices: list[_Matrix] = []
    for name, data, done in _documents(path):
        matrices.append(_matrix(data, name, matrices[0] if matrices else None))
        if on_progress is not None:
            on_progress(done)
    if not matrices:
        raise SndlibError(f"{path}: no XML file in it; one demand matrix (.xml) per interval is needed")
    return _in_order_of_time(matrices)


def _documents(path: Path) -> Iterator[tuple[str, bytes, float]]:
    """Name, content and share done of every XML file."""
    try:
        if path.is_dir():
            files = sorted(path.rglob("*.xml"))
            for index, file in enumerate(files):
                yield str(file), file.read_bytes(), (index + 1) / len(files)
        elif path.suffix.lower() == ".xml":
            yield str(path), path.read_bytes(), 1.0
        else:
            size = path.stat().st_size
            with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|*") as archive:
                for member in archive:
                    # Links and devices are passed over, and a member's name is a label here, never a path.
                    if not member.isfile() or not member.name.lower().endswith(".xml"):
                        continue
                    if member.size > MAX_BYTES:
                        raise SndlibError(
                            f"{path}: {member.name}: {member.size} bytes; at most {MAX_BYTES} are read"
                        )
                    stream = archive.extractfile(member)
                    assert stream is not None  # a regular file
                    yield f"{path}: {member.name}", stream.read(), min(raw.tell() / max(size, 1), 1.0)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise SndlibError(f"{path}: not a readable tar archive: {error}") from None
    except OSError as error:
        raise SndlibError(f"{path}: {error.strerror or error}") from None


def _matrix(data: bytes, file: str, first: _Matrix | None) -> _Matrix:
    try:
        root = parse_xml(data)
    except UnsafeXmlError as error:
        raise SndlibError(f"{file}: {error}") from None
    demands = child(root, "demands")
    if local_name(root) != "network" or demands is None:
        raise SndlibError(f"{file}: not an SNDlib demand matrix: <network> with <demands> is needed")
    unit = (text_of(root, "meta", "unit") or "").upper()
    if unit not in GBPS_BY_UNIT:
        raise SndlibError(f"{file}: unit {unit or '(none)'}; known: {', '.join(GBPS_BY_UNIT)}")
    node_ids, position_deg = _nodes(root, file)
    if first is not None and node_ids != first.node_ids:
        if set(node_ids) != set(first.node_ids):
            odd = sorted(set(node_ids) ^ set(first.node_ids))
            raise SndlibError(f"{file}: node {odd[0]!r} is in this file or in {first.file}, but not in both")
        position_deg = position_deg[[node_ids.index(node_id) for node_id in first.node_ids]]
        node_ids = first.node_ids
    return _Matrix(
        file=file,
        time=text_of(root, "meta", "time") or "",
        granularity_s=_granularity_s(text_of(root, "meta", "granularity"), file),
        origin=text_of(root, "meta", "origin") or "",
        node_ids=node_ids,
        position_deg=position_deg,
        demand_gbps=_demand_gbps(children(demands, "demand"), node_ids, GBPS_BY_UNIT[unit], file),
    )


def _nodes(root: ElementTree.Element, file: str) -> tuple[tuple[str, ...], np.ndarray]:
    section = child(root, "networkStructure", "nodes")
    nodes = children(section, "node")
    node_ids = tuple(node.get("id", "") for node in nodes)
    twice = sorted({node_id for node_id in node_ids if node_ids.count(node_id) > 1 or not node_id})
    if len(nodes) < 2 or twice:
        raise SndlibError(
            f"{file}: {f'node id {twice[0]!r} is missing or given twice' if twice else 'no nodes'}"
        )
    geographical = section is not None and section.get("coordinatesType", "geographical") == "geographical"
    position_deg = np.full((len(nodes), 2), np.nan)
    for row, node in enumerate(nodes):
        longitude, latitude = (text_of(node, "coordinates", axis) for axis in ("x", "y"))
        if geographical and longitude and latitude:
            where = f"{file}: node {node_ids[row]!r}"
            position_deg[row] = _number(latitude, where), _number(longitude, where)
    return node_ids, position_deg


def _demand_gbps(
    elements: list[ElementTree.Element], node_ids: tuple[str, ...], gbps: float, file: str
) -> np.ndarray:
    index_by_id = {node_id: index for index, node_id in enumerate(node_ids)}
    demand_gbps = np.zeros((len(node_ids), len(node_ids)))
    for element in elements:
        where = f"{file}: demand {element.get('id')!r}"
        ends = []
        for tag in ("source", "target"):
            node_id = text_of(element, tag) or ""
            if node_id not in index_by_id:
                raise SndlibError(f"{where}: unknown node {node_id!r} as {tag}; known: {', '.join(node_ids)}")
            ends.append(index_by_id[node_id])
        text = text_of(element, "demandValue")
        if text is None:
            raise SndlibError(f"{where}: demandValue is missing")
        value = _number(text, where) * _number(text_of(element, "routingUnit") or "1", where)
        if value < 0:
            raise SndlibError(f"{where}: demandValue is {text}; it cannot be negative")
        if ends[0] != ends[1]:  # traffic from a site to itself needs no lightpath
            demand_gbps[ends[0], ends[1]] += value * gbps
    return demand_gbps


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise SndlibError(f"{where}: {text!r} is not a number") from None
    if not math.isfinite(value):
        raise SndlibError(f"{where}: {text!r} is not a finite number")
    return value


def _granularity_s(text: str | None, file: str) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d*)\s*([a-z]+?)s?", text.lower()) if text.lower() != "s" else None
    if match is None or match[2] not in SECONDS_BY_UNIT or match[1] == "0":
        raise SndlibError(
            f"{file}: granularity {text!r}; a number and one of {', '.join(SECONDS_BY_UNIT)} is needed"
        )
    return int(match[1] or 1) * float(SECONDS_BY_UNIT[match[2]])


def _epoch_s(matrix: _Matrix) -> float:
    try:
        return datetime.strptime(matrix.time, TIME_FORMATS[len(matrix.time)]).replace(tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        raise SndlibError(f"{matrix.file}: time {matrix.time!r}; YYYYMMDD-HHMM is needed") from None


def _in_order_of_time(matrices: list[_Matrix]) -> Demands:
    granularity_s = {matrix.granularity_s for matrix in matrices if matrix.granularity_s}
    if len(granularity_s) > 1:
        raise SndlibError(f"{matrices[0].file}: matrices of different granularity: {sorted(granularity_s)} s")
    if any(matrix.time for matrix in matrices):
        stamped = sorted(((_epoch_s(matrix), matrix) for matrix in matrices), key=lambda pair: pair[0])
        epoch_s = np.array([stamp for stamp, _ in stamped])
        matrices = [matrix for _, matrix in stamped]
    elif granularity_s:
        matrices = sorted(matrices, key=lambda matrix: matrix.file)
        epoch_s = np.arange(len(matrices)) * min(granularity_s)
    else:
        raise SndlibError(f"{matrices[0].file}: neither time nor granularity; one of the two is needed")
    steps_s = np.diff(epoch_s)
    if len(steps_s) and steps_s.min() == 0:
        row = int(steps_s.argmin())
        raise SndlibError(f"{matrices[row + 1].file}: same time {matrices[row].time} as {matrices[row].file}")
    if not granularity_s and not len(steps_s):
        raise SndlibError(f"{matrices[0].file}: granularity is missing")
    step_s = min(granularity_s) if granularity_s else float(np.median(steps_s))
    # An interval without any demand was not measured: networks of this kind are never silent.
    measured = np.array([matrix.demand_gbps.any() for matrix in matrices])
    if not measured.any():
        raise SndlibError(f"{matrices[0].file}: no demand in any of {len(matrices)} matrices")
    first, last = np.flatnonzero(measured)[[0, -1]]
    at_the_ends = {"at the beginning": first, "at the end": len(measured) - 1 - last}
    matrices = [matrix for matrix, kept in zip(matrices, measured, strict=True) if kept]
    epoch_s = epoch_s[measured]
    steps_s = np.diff(epoch_s)
    within = np.zeros(len(steps_s), int)
    if step_s < LONGEST_STEP_S:
        within = np.round(steps_s / step_s).astype(int) - 1
    missing = {f"after {matrix.time or matrix.file}": n for matrix, n in zip(matrices, within, strict=False)}
    missing |= at_the_ends
    return Demands(
        node_ids=matrices[0].node_ids,
        position_deg=matrices[0].position_deg,
        start_s=epoch_s - epoch_s[0],
        interval_s=np.append(steps_s, step_s),
        demand_gbps=np.stack([matrix.demand_gbps for matrix in matrices]),
        first_time=matrices[0].time,
        origin=matrices[0].origin,
        file=matrices[0].file,
        num_gaps=int(sum(missing.values())),
        gaps=tuple(f"{count} {place}" for place, count in missing.items() if count > 0),
    )
