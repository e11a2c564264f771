"""Demand forecast: how much more one node pair asks than another, how often each bit rate is asked for.

Where it was looked for, also how long services of each class and age still stay. The after-state columns are
weighed by it (``after_state.py``), so the same candidates look different under another forecast: it is a
versioned artefact that goes with a policy, never a running mean. Nothing compiled: the inference server reads
policies. Not here: which requests one is made of, whether it is used (``tasks``).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from envs.errors import PlantError
from envs.holding import ClassRest

if TYPE_CHECKING:
    from envs.spec import PlantSpec
    from envs.trace import Trace
    from topologies.model import Topology
    from topologies.paths import PathTable

FORECAST_VERSION = 1
PRIOR_PER_RATE = 5.0  # requests that each bit rate is credited with beforehand
LEAST_EXCESS = 1e-4  # of the mean squared: below it the counts of pairs differ no more than by chance
_FIELDS = ("topology_hash", "pairs", "weights", "rates_gbps", "shares", "source_id", "num_requests")

_RESTS = "rests"  # in the document where there are any


class Forecastable(Protocol):
    """What is asked of a plant here. ``Plant`` carries a forecast, so it stands above this file."""

    @property
    def topology(self) -> Topology:
        """The network."""

    @property
    def spec(self) -> PlantSpec:
        """Its choices."""

    @property
    def path_table(self) -> PathTable:
        """Paths of every pair."""

    @property
    def num_nodes(self) -> int:
        """Number of sites."""


class ForecastError(PlantError):
    """A forecast that cannot be made, read or used here; says what is wrong and what would do."""


@dataclass(frozen=True)
class DemandForecast:
    """What the next requests are expected to be like.

    Raises:
        ForecastError: lengths that differ, or a number out of its limits.
    """

    topology_hash: str  # ``Topology.content_hash``
    pairs: tuple[tuple[str, str], ...]  # (D,) node names, source first; one for both ways where they share
    weights: tuple[float, ...]  # (D,) > 0, mean 1
    rates_gbps: tuple[float, ...]  # (R,) ascending
    shares: tuple[float, ...]  # (R,) >= 0, sum 1
    source_id: str  # window or trace that it was made of
    num_requests: int
    rests: tuple[ClassRest, ...] = ()  # expected rest of life, by class; empty: not known

    def __post_init__(self) -> None:
        for of, what in ((self.weights, self.pairs), (self.shares, self.rates_gbps)):
            if len(of) != len(what):
                raise ForecastError(f"the forecast has {len(of)} numbers for {len(what)} pairs or bit rates")
        if not self.pairs or not self.rates_gbps:
            raise ForecastError("the forecast needs node pairs and bit rates")
        if len(set(self.pairs)) != len(self.pairs):
            raise ForecastError("the forecast names a node pair twice")
        if list(self.rates_gbps) != sorted(set(self.rates_gbps)) or not self.rates_gbps[0] > 0:
            raise ForecastError(f"rates_gbps is {self.rates_gbps}; positive ones are needed, ascending")
        if not (np.isfinite(self.weights).all() and min(self.weights) > 0):
            raise ForecastError(f"weights hold {min(self.weights)}; positive finite numbers are needed")
        if not math.isclose(float(np.mean(self.weights)), 1.0, rel_tol=1e-6):
            raise ForecastError(f"weights have mean {np.mean(self.weights):g}; it must be 1")
        if not (min(self.shares) >= 0 and math.isclose(sum(self.shares), 1.0, rel_tol=1e-6)):
            raise ForecastError(f"shares are {self.shares}; none negative, sum 1 is needed")
        if self.num_requests < 1:
            raise ForecastError(f"num_requests is {self.num_requests}; a forecast is made of requests")
        if len({item.service_class for item in self.rests}) != len(self.rests):
            raise ForecastError("the forecast tells the lives of a class twice")

    @cached_property
    def content_hash(self) -> str:
        """16 hex digits over everything in it: the version that decisions and results are kept under."""
        document = json.dumps(self._content(), sort_keys=True)
        return hashlib.sha256(document.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The stored document."""
        return {"forecast_version": FORECAST_VERSION, **self._content(), "content_hash": self.content_hash}

    def on(self, topology: Topology) -> DemandForecast:
        """The same demand on a network with the same sites, such as the one after a fibre cut.

        Raises:
            ForecastError: a pair names a node that the topology does not have.
        """
        missing = sorted({name for pair in self.pairs for name in pair} - set(topology.node_names))
        if missing:
            raise ForecastError(
                f"forecast {self.content_hash} is of another network: {topology.name!r} has no node "
                f"{missing[0]!r}"
            )
        return replace(self, topology_hash=topology.content_hash)

    def demand_plant(self, plant: Forecastable) -> None:
        """Refuse a plant that this is no forecast of.

        Raises:
            ForecastError: another topology, other pairs or other bit rates; names both.
        """
        who, topology = f"forecast {self.content_hash}", plant.topology
        if self.topology_hash != topology.content_hash:
            raise ForecastError(
                f"{who} is of the network with hash {self.topology_hash}, and {topology.name!r} has "
                f"{topology.content_hash}; estimate one from requests on {topology.name!r}"
            )
        if self.pairs != (pairs := pairs_of(plant)):
            raise ForecastError(
                f"{who} has {len(self.pairs)} node pairs beginning with {'-'.join(self.pairs[0])}, the plant "
                f"{len(pairs)} beginning with {'-'.join(pairs[0])}; estimate one for this plant: it matters "
                "whether both directions share one spectrum"
            )
        if self.rates_gbps != (marks := marks_of(plant)):
            raise ForecastError(
                f"{who} is over {_spelled(self.rates_gbps)} Gb/s, the plant looks at {_spelled(marks)} "
                "(future_rates_gbps); estimate one for this plant"
            )

    def _content(self) -> dict[str, Any]:
        content = {key: getattr(self, key) for key in _FIELDS} | {
            "pairs": [list(pair) for pair in self.pairs]
        }
        if self.rests:  # else what was made before lives were told keeps its hash
            content[_RESTS] = [asdict(item) for item in self.rests]
        return content


def pairs_of(plant: Forecastable) -> tuple[tuple[str, str], ...]:
    """(D,) names of the node pairs that a plant's forecast tells apart, in their order in ``AfterArrays``."""
    names, num_nodes = plant.topology.node_names, plant.num_nodes
    return tuple((names[row // num_nodes], names[row % num_nodes]) for row in forecast_rows(plant))


def pair_rows(first_path: np.ndarray, num_nodes: int, shared_spectrum: bool) -> np.ndarray:
    """(D,) int32 rows of the node pairs that have a path.

    Where both directions share one spectrum, a pair and its reverse ask for the same: one of them stands for
    both.
    """
    row, first_path = np.arange(num_nodes**2), first_path[: num_nodes**2 + 1]
    has_path = first_path[1:] > first_path[:-1]
    stands = row // num_nodes < row % num_nodes if shared_spectrum else True
    return np.flatnonzero(has_path & stands).astype(np.int32)


def forecast_rows(plant: Forecastable) -> np.ndarray:
    """(D,) int32 ``source * num_nodes + destination`` of each of ``pairs_of``."""
    return pair_rows(plant.path_table.first_path, plant.num_nodes, plant.spec.shared_spectrum)


def marks_of(plant: Forecastable) -> tuple[float, ...]:
    """(R,) bit rates that stand for all, in Gb/s, ascending."""
    return tuple(float(rate) for rate in sorted(plant.spec.future_rates_gbps))


def forecast_from(
    trace: Trace, plant: Forecastable, source_id: str = "", rests: tuple[ClassRest, ...] = ()
) -> DemandForecast:
    """The forecast that some requests give for a plant.

    Each pair's requests c are drawn towards their mean m, the more so the less they differ beyond chance
    (counts of equal pairs have variance m): w = (c + a) / (m + a) with a = m^2 / max(var(c) - m, m^2 / 10^4),
    the method of moments for Gamma-Poisson counts. So a pair that never asked still weighs something. Each
    bit rate counts at the mark at or above it, as in ``settings.future_rates``: the traffic that a plant was
    made for gives back the plant's own shares. Those above all marks count at the last.

    Args:
        trace: the requests; of a window, ``Window.trace``.
        plant: whose pairs and bit rates.
        source_id: what it is made of; the trace's id where nothing is said.
        rests: expected rest of life by class, where it was looked for.

    Raises:
        TraceError: the trace names a node that the plant does not have.
    """
    requests = trace.for_topology(plant.topology)
    counts = pair_counts(requests, plant)
    weights = shrunk(counts)
    marks = np.array(marks_of(plant))
    row = np.searchsorted(marks, requests.bit_rate_gbps.astype(np.float64) * (1 - 1e-6))
    of_rate = np.bincount(np.minimum(row, len(marks) - 1), minlength=len(marks)) + PRIOR_PER_RATE
    return DemandForecast(
        topology_hash=plant.topology.content_hash,
        pairs=pairs_of(plant),
        weights=tuple(weights.tolist()),
        rates_gbps=marks_of(plant),
        shares=tuple((of_rate / of_rate.sum()).tolist()),
        source_id=source_id or trace.id,
        num_requests=trace.num_requests,
        rests=rests,
    )


def pair_counts(trace: Trace, plant: Forecastable) -> np.ndarray:
    """(D,) float64 requests of each pair of ``pairs_of``; both ways together where they share spectrum."""
    source, destination = trace.source.astype(np.int64), trace.destination.astype(np.int64)
    if plant.spec.shared_spectrum:
        source, destination = np.minimum(source, destination), np.maximum(source, destination)
    by_row = np.bincount(source * plant.num_nodes + destination, minlength=plant.num_nodes**2)
    return by_row[forecast_rows(plant)].astype(np.float64)


def shrunk(counts: np.ndarray) -> np.ndarray:
    """(D,) weights of mean 1 from counts (D,) that are not all zero; see ``forecast_from``."""
    mean = counts.mean()
    prior = mean**2 / max(counts.var() - mean, LEAST_EXCESS * mean**2)
    return (counts + prior) / (mean + prior)


def read_forecast(document: Mapping[str, Any], where: str = "the forecast") -> DemandForecast:
    """The forecast in a JSON document.

    Args:
        document: as ``DemandForecast.to_json`` writes it.
        where: what errors call it.

    Raises:
        ForecastError: of another version, a field missing, unknown or of the wrong type, or changed since.
    """
    if not isinstance(document, Mapping):
        raise ForecastError(f"{where}: an object is needed, not {type(document).__name__}")
    if (found := document.get("forecast_version")) != FORECAST_VERSION:
        raise ForecastError(
            f"{where}: version {found!r}; this code reads {FORECAST_VERSION}; estimate it anew"
        )
    needed = {"forecast_version", "content_hash", *_FIELDS}
    for key in sorted(needed ^ (set(document) - {_RESTS})):
        raise ForecastError(f"{where}: field {key!r} is {'missing' if key in needed else 'unknown'}")
    try:
        forecast = DemandForecast(
            topology_hash=str(document["topology_hash"]),
            pairs=tuple((str(source), str(destination)) for source, destination in document["pairs"]),
            weights=tuple(float(weight) for weight in document["weights"]),
            rates_gbps=tuple(float(rate) for rate in document["rates_gbps"]),
            shares=tuple(float(share) for share in document["shares"]),
            source_id=str(document["source_id"]),
            num_requests=int(document["num_requests"]),
            rests=tuple(_rest(item) for item in document.get(_RESTS, ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ForecastError(f"{where}: {error}") from None
    if forecast.content_hash != document["content_hash"]:
        raise ForecastError(
            f"{where}: the content has hash {forecast.content_hash}, and it says "
            f"{str(document['content_hash'])[:40]!r}; it was changed after it was made"
        )
    return forecast


def life_row(forecast: DemandForecast | None, service_class: str) -> int:
    """Row of a class in the table of lives: its own, else that of all classes; -1 where there is neither."""
    names = [item.service_class for item in forecast.rests] if forecast else []
    for name in (service_class, ""):
        if name in names:
            return names.index(name)
    return -1


def _rest(fields: Mapping[str, Any]) -> ClassRest:
    ages_s, rest_s = (tuple(float(value) for value in fields[name]) for name in ("ages_s", "rest_s"))
    return ClassRest(str(fields["service_class"]), ages_s, rest_s)


def _spelled(rates_gbps: tuple[float, ...]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates_gbps)
