"""Reads demand matrices over time [1]: one file per interval, in a folder or in a tar archive.

An archive is read member by member and never unpacked to disk. Not here: the forms of a file
(``demand_forms.py``), what requests are made of the matrices (``sndlib.py``).

[1] Orlowski et al. 2010, "SNDlib 1.0 - Survivable Network Design Library", Networks 55(3); sndlib.zib.de.
"""

from __future__ import annotations

import lzma
import math
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from envs.demand_forms import TEXT_SUFFIXES, DemandMatrix, SndlibError, is_matrix, read_matrix
from topologies.importers.safe_xml import MAX_BYTES

TIME_FORMATS = {13: "%Y%m%d-%H%M", 12: "%Y%m%d%H%M", 8: "%Y%m%d", 6: "%Y%m"}  # by length of the text
DAY_S = 86_400.0
LONGEST_STEP_S = 2_000_000  # months differ in length: from here on a longer step is no gap


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


def read_demands(path: Path, on_progress: Callable[[float], None] | None = None) -> Demands:
    """The matrices in a folder, a tar archive (.tgz, .tar, .tar.gz, .tar.bz2, .tar.xz) or a single file.

    Args:
        path: what to read.
        on_progress: told the share done, 0 to 1.

    Raises:
        SndlibError: nothing there, an unreadable archive, or a matrix that is malformed: a form that is not
            known, an unknown unit, granularity or time, a negative demand, a demand of a node that is not
            listed, nodes that change from file to file, two matrices of the same time, or no demand in any.
    """
    matrices: list[DemandMatrix] = []
    for name, data, done in _documents(path):
        matrix = read_matrix(data, name)
        matrices.append(_in_order_of(matrices[0], matrix) if matrices else matrix)
        if on_progress is not None:
            on_progress(done)
    if not matrices:
        raise SndlibError(f"{path}: no demand matrix in it; one file (.xml, or .txt) per interval is needed")
    return _in_order_of_time(_with_all_nodes(matrices))


def _documents(path: Path) -> Iterator[tuple[str, bytes, float]]:
    """Name, content and share done of every file that may be a matrix."""
    suffixes = (".xml", *TEXT_SUFFIXES)
    try:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes)
            for index, file in enumerate(files):
                data = file.read_bytes()
                if is_matrix(file.name, data):
                    yield str(file), data, (index + 1) / len(files)
        elif path.suffix.lower() in suffixes:
            yield str(path), path.read_bytes(), 1.0
        else:
            size = path.stat().st_size
            with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|*") as archive:
                for member in archive:
                    # Links and devices are passed over, and a member's name is a label here, never a path.
                    if not member.isfile() or not member.name.lower().endswith(suffixes):
                        continue
                    if member.size > MAX_BYTES:
                        raise SndlibError(
                            f"{path}: {member.name}: {member.size} bytes; at most {MAX_BYTES} are read"
                        )
                    stream = archive.extractfile(member)
                    assert stream is not None  # a regular file
                    data = stream.read()
                    if is_matrix(member.name, data):
                        yield f"{path}: {member.name}", data, min(raw.tell() / max(size, 1), 1.0)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise SndlibError(f"{path}: not a readable tar archive: {error}") from None
    except OSError as error:
        raise SndlibError(f"{path}: {error.strerror or error}") from None


def _in_order_of(first: DemandMatrix, matrix: DemandMatrix) -> DemandMatrix:
    """A matrix with its nodes in the order of the first one."""
    if not matrix.names_all_nodes or matrix.node_ids == first.node_ids:
        return matrix
    if set(matrix.node_ids) != set(first.node_ids):
        odd = sorted(set(matrix.node_ids) ^ set(first.node_ids))
        raise SndlibError(
            f"{matrix.file}: node {odd[0]!r} is in this file or in {first.file}, but not in both"
        )
    return _with_nodes(matrix, first.node_ids)


def _with_all_nodes(matrices: list[DemandMatrix]) -> list[DemandMatrix]:
    """Where a form lists only nodes with demand: every matrix with the nodes of all."""
    if all(matrix.names_all_nodes for matrix in matrices):
        return matrices
    found = {node_id for matrix in matrices for node_id in matrix.node_ids}
    node_ids = tuple(sorted(found, key=lambda name: (len(name), name)))
    return [_with_nodes(matrix, node_ids) for matrix in matrices]


def _with_nodes(matrix: DemandMatrix, node_ids: tuple[str, ...]) -> DemandMatrix:
    """A matrix with other nodes in another order; what it does not know is zero."""
    here = np.array([node_ids.index(node_id) for node_id in matrix.node_ids], np.int64)
    position_deg = np.full((len(node_ids), 2), np.nan)
    demand_gbps = np.zeros((len(node_ids), len(node_ids)))
    position_deg[here] = matrix.position_deg
    demand_gbps[np.ix_(here, here)] = matrix.demand_gbps
    return replace(matrix, node_ids=node_ids, position_deg=position_deg, demand_gbps=demand_gbps)


def _epoch_s(matrix: DemandMatrix) -> float:
    try:
        return datetime.strptime(matrix.time, TIME_FORMATS[len(matrix.time)]).replace(tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        raise SndlibError(f"{matrix.file}: time {matrix.time!r}; YYYYMMDD-HHMM is needed") from None


def _in_order_of_time(matrices: list[DemandMatrix]) -> Demands:
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
