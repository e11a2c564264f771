"""What the traffic looked like that a champion learned from: counts, and how much they ordinarily vary.

Made from whole traces, never from a piece of one, and stored as JSON with the model. Choices of an agent are
not in it. Not here: comparing requests with it (``drift_test.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.trace import Trace
from envs.traffic import DAY_S
from tasks.dirichlet import ordinary_concentration

REFERENCE_SCHEMA_VERSION = 1
HOURS, HOUR_S = 24, 3600.0
MOST_VALUES, NUM_BINS = 32, 16  # so many distinct values are cells of their own; else so many quantile bins
AGE_BINS = 12
BLOCK_REQUESTS = 500  # a stretch whose shares are compared with the whole, to see how much they vary
LEAST_DAYS = 4  # from so many days on, how days differ is measured
LAST_GAP = 0.01  # of a day: a trace ends with its last arrival, somewhat before its last midnight
UNKNOWN_DAY_CV = 0.1  # below that: taken to be this
AGE_CV = 0.05  # a hazard is an average over its bin, and not all bins are seen alike while a network fills


class ReferenceError(ValueError):
    """A traffic reference that cannot be used; names the file and the remedy."""


@dataclass(frozen=True)
class Cells:
    """How the values of a column fall into cells: each listed value, or quantile bins; two more for the rest.

    Attributes:
        edges: the values in order, or the bins' edges from the least value to the greatest.
        is_exact: the edges are the values themselves.
    """

    edges: tuple[float, ...]
    is_exact: bool

    @property
    def size(self) -> int:
        """Number of cells: those of the edges, one for other finite values, one for infinity."""
        return len(self.edges) + 2

    def index(self, values: np.ndarray) -> np.ndarray:
        """(n,) int, the cell of each value."""
        rounded, edges = np.round(values.astype(np.float64), 3), np.array(self.edges)
        if self.is_exact:
            found = np.searchsorted(edges, rounded)
            known = np.append(edges, np.nan)[np.minimum(found, len(edges))] == rounded
            cells = np.where(known, found, len(edges))
        else:
            cells = np.searchsorted(edges, rounded, side="right")
        return np.where(np.isinf(values), len(edges) + 1, cells)


@dataclass(frozen=True)
class Shares:
    """Requests by cell.

    Attributes:
        counts: (cells,) requests.
        concentration: of the Dirichlet law by which stretches of ``BLOCK_REQUESTS`` requests ordinarily vary
            around the whole; infinite: no more than chance.
    """

    counts: tuple[int, ...]
    concentration: float


@dataclass(frozen=True)
class Rates:
    """Events by bin of time: arrivals by hour of the day, ends of services by age.

    Attributes:
        counts: (bins,) events.
        exposure_s: (bins,) seconds in which they could have happened.
        bin_cv: by how much one bin of one day varies beyond chance, relative.
        common_cv: by how much a further day may be off the mean of the days that were seen, relative.
    """

    counts: tuple[int, ...]
    exposure_s: tuple[float, ...]
    bin_cv: float
    common_cv: float


@dataclass(frozen=True)
class TrafficReference:
    """Traffic in numbers; see the classes above."""

    num_requests: int
    node_names: tuple[str, ...]
    class_names: tuple[str, ...]
    bit_rate_cells: Cells
    bound_cells: Cells
    age_edges_s: tuple[float, ...]  # of services; the last bin is open
    pairs: Shares  # source * num_nodes + destination
    bit_rates: Shares
    classes: Shares  # the last cell: any class that the reference does not know
    bounds: Shares
    arrivals: Rates  # by hour of the day, UTC
    ends: Rates  # by age of the service

    @property
    def id(self) -> str:
        """16 hex digits over the content."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def make_reference(traces: Sequence[Trace]) -> TrafficReference:
    """The reference of traces of one network; each begins at a midnight.

    Raises:
        ReferenceError: no traces, or traces of different networks.
    """
    if not traces or len({trace.node_names for trace in traces}) != 1:
        raise ReferenceError("a reference is made from one or more traces of one network")
    nodes = traces[0].node_names
    classes = tuple(dict.fromkeys(name for trace in traces for name in trace.class_names))
    rate_cells = _cells(np.concatenate([trace.bit_rate_gbps for trace in traces]))
    bound_cells = _cells(np.concatenate([trace.max_latency_ms for trace in traces]))
    holding_s = np.concatenate([trace.holding_s for trace in traces])
    quantiles = np.quantile(holding_s, np.linspace(0, 1, AGE_BINS + 1)[1:-1])
    age_edges_s = (0.0, *(float(edge) for edge in np.unique(quantiles)))
    of_class = [np.array([classes.index(name) for name in trace.class_names]) for trace in traces]
    ends, at_risk_s = ends_by_age(holding_s, np.ones(len(holding_s), bool), age_edges_s)
    return TrafficReference(
        num_requests=sum(trace.num_requests for trace in traces),
        node_names=nodes,
        class_names=classes,
        bit_rate_cells=rate_cells,
        bound_cells=bound_cells,
        age_edges_s=age_edges_s,
        pairs=_shares([t.source.astype(int) * len(nodes) + t.destination for t in traces], len(nodes) ** 2),
        bit_rates=_shares([rate_cells.index(t.bit_rate_gbps) for t in traces], rate_cells.size),
        classes=_shares(
            [m[t.service_class] for m, t in zip(of_class, traces, strict=True)], len(classes) + 1
        ),
        bounds=_shares([bound_cells.index(t.max_latency_ms) for t in traces], bound_cells.size),
        arrivals=_arrivals(traces),
        ends=Rates(tuple(map(int, ends)), tuple(map(float, at_risk_s)), AGE_CV, 0.0),
    )


def write_reference(reference: TrafficReference, file: Path) -> Path:
    """The file, written."""
    file.write_text(json.dumps({"schema_version": REFERENCE_SCHEMA_VERSION, **asdict(reference)}))
    return file


def read_reference(file: Path) -> TrafficReference:
    """The reference in a file.

    Raises:
        ReferenceError: there is none, or it is of another schema version.
    """
    try:
        stored = json.loads(file.read_text())
        if stored.pop("schema_version") != REFERENCE_SCHEMA_VERSION:
            raise ReferenceError(f"{file}: not of schema version {REFERENCE_SCHEMA_VERSION}")
        return TrafficReference(
            **{name: _read(name, value) for name, value in stored.items()},
        )
    except FileNotFoundError:
        raise ReferenceError(
            f"{file}: no traffic reference; the model was made by an earlier version of this program. "
            "Drift is told again once a model made by this version is champion"
        ) from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise (
            error
            if isinstance(error, ReferenceError)
            else ReferenceError(f"{file}: no traffic reference: {error}")
        ) from None


def hours_between(begin_s: float, end_s: float) -> np.ndarray:
    """(24,) float64, seconds of each hour of the day between two times.

    >>> hours_between(0.5 * HOUR_S, 26 * HOUR_S)[:3] / HOUR_S
    array([1.5, 2. , 1. ])
    """
    first, last = int(begin_s // HOUR_S), int(end_s // HOUR_S)
    days, rest = divmod(last - first + 1, HOURS)
    seconds = np.full(HOURS, days * HOUR_S)
    np.add.at(seconds, (first + np.arange(rest)) % HOURS, HOUR_S)
    seconds[first % HOURS] -= begin_s - first * HOUR_S
    seconds[last % HOURS] -= (last + 1) * HOUR_S - end_s
    return seconds


def ends_by_age(
    held_s: np.ndarray, has_ended: np.ndarray, edges_s: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of services by age, and the seconds that services were seen at that age.

    Args:
        held_s: (n,) how long each has been up; NaN: was never up.
        has_ended: (n,) bool, False: still up.
        edges_s: (bins,) where each bin begins; the last is open.

    Returns:
        (bins,) int64 and (bins,) float64.
    """
    carried = ~np.isnan(held_s)
    ages_s, ended = held_s[carried], has_ended[carried]
    begin = np.array(edges_s)
    end = np.append(begin[1:], np.inf)
    at_risk_s = np.array([np.clip(ages_s - a, 0.0, b - a).sum() for a, b in zip(begin, end, strict=True)])
    bins = np.searchsorted(begin, ages_s[ended], side="right") - 1
    return np.bincount(np.maximum(bins, 0), minlength=len(begin)), at_risk_s


def _cells(values: np.ndarray) -> Cells:
    finite = np.round(values[np.isfinite(values)].astype(np.float64), 3)
    distinct = np.unique(finite)
    if len(distinct) <= MOST_VALUES:
        return Cells(tuple(map(float, distinct)), is_exact=True)
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, NUM_BINS + 1)))
    edges[-1] += 1e-3  # the greatest value lies inside
    return Cells(tuple(map(float, edges)), is_exact=False)


def _shares(cells_by_trace: Sequence[np.ndarray], size: int) -> Shares:
    counts = sum(np.bincount(cells, minlength=size) for cells in cells_by_trace)
    blocks = [
        np.bincount(cells[start : start + BLOCK_REQUESTS], minlength=size)
        for cells in cells_by_trace
        for start in range(0, len(cells) - BLOCK_REQUESTS + 1, BLOCK_REQUESTS)
    ]
    assert isinstance(counts, np.ndarray)
    return Shares(tuple(map(int, counts)), ordinary_concentration(counts, blocks))


def _arrivals(traces: Sequence[Trace]) -> Rates:
    """Arrivals by hour of the day; how much the same hour of different days differs, and whole days."""
    counts, exposure_s = np.zeros(HOURS), np.zeros(HOURS)
    by_day: list[np.ndarray] = []  # (24,) arrivals of a whole day
    for trace in traces:
        hour = (trace.arrival_s // HOUR_S).astype(np.int64)
        counts += np.bincount(hour % HOURS, minlength=HOURS)
        exposure_s += hours_between(0.0, trace.duration_s)
        whole_days = int(trace.duration_s / DAY_S + LAST_GAP)
        cells = np.bincount(hour, minlength=whole_days * HOURS)[: whole_days * HOURS]
        by_day += list(cells.reshape(whole_days, HOURS))
    bin_cv, common_cv = _spread(np.array(by_day)) if len(by_day) >= LEAST_DAYS else (0.0, UNKNOWN_DAY_CV)
    return Rates(tuple(map(int, counts)), tuple(map(float, exposure_s)), bin_cv, common_cv)


def _spread(days: np.ndarray) -> tuple[float, float]:
    """Relative deviations beyond chance, by moments: of an hour within its day, of a further day.

    A further day is off the mean of the n that were seen by Student's law with n - 1 degrees of freedom: its
    deviation is sqrt((n - 1) / (n - 3) (1 + 1 / n)) times theirs, as few days tell little of how days differ.

    Args:
        days: (days, 24) arrivals, more than three days.
    """
    num_days = len(days)
    of_day, of_hour = days.sum(axis=1), days.mean(axis=0)
    mean = of_day.mean()
    day_variance = max(0.0, of_day.var(ddof=1) - mean) / mean**2
    expected = np.outer(of_day / mean, of_hour)
    freedom = (num_days - 1) * (HOURS - 1) / (num_days * HOURS)
    excess = ((days - expected) ** 2).sum() / freedom - days.sum()
    hour_variance = max(0.0, excess) / (expected**2).sum()
    further = (num_days - 1) / (num_days - 3) * (1 + 1 / num_days)
    return float(np.sqrt(hour_variance)), float(np.sqrt(day_variance * further))


def _read(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        parts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        if "edges" in parts:
            return Cells(**parts)
        return Shares(**parts) if "concentration" in parts else Rates(**parts)
    return tuple(value) if isinstance(value, list) else value
