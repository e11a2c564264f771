"""Traces that follow measured traffic: SNDlib's dynamic demand matrices.

The model of a trace: requests of an ordered node pair arrive as a Poisson process whose rate is constant
within an interval,

    rate [1/s] = demand [Gb/s] x scale / (mean bit rate [Gb/s] x mean holding time [s]),

so that by Little's law the lightpaths of the pair, were none blocked, would carry demand x scale on average.
Holding times are exponential (optionally cut at twice the nominal mean), bit rates and service classes are
drawn independently of each other. Not here: how the files are read (``sndlib_files.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from envs.demand_forms import SndlibError
from envs.plant import Plant
from envs.sndlib_files import Demands
from envs.trace import Trace
from envs.traffic import BEST_EFFORT, LatencyClass, PoissonTraffic, traffic_arrays
from topologies.importers.geography import great_circle_km
from topologies.model import Topology

SAME_PLACE_KM = 5.0  # a node of a matrix and one of a topology this close are the same site
MAX_REQUESTS = 20_000_000


@dataclass(frozen=True)
class MatrixTraffic:
    """How demands become requests. Give ``scale`` or ``load_erlang``.

    Attributes:
        scale: lightpath traffic per measured traffic; measured megabits need some thousands.
        load_erlang: choose the scale such that this many lightpaths are asked for at the same time, averaged
            over the whole series.
        mean_holding_s: nominal mean; the true one is 0.687 of it where truncated.
        truncate_holding: holding times are redrawn while they exceed twice the nominal mean.
        bit_rates_gbps: equally likely.
        classes: service classes; shares need not sum to one.
    """

    scale: float | None = None
    load_erlang: float | None = None
    mean_holding_s: float = 3600.0
    truncate_holding: bool = False
    bit_rates_gbps: tuple[float, ...] = (25.0, 50.0, 75.0, 100.0)
    classes: tuple[LatencyClass, ...] = BEST_EFFORT

    def __post_init__(self) -> None:
        if (self.scale is None) == (self.load_erlang is None):
            raise SndlibError("give either scale or load_erlang, not both and not neither")
        for name in ("scale", "load_erlang", "mean_holding_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise SndlibError(f"{name} is {value}; a positive number is needed")
        if not self.bit_rates_gbps or not all(0 < rate < math.inf for rate in self.bit_rates_gbps):
            raise SndlibError(f"bit_rates_gbps is {self.bit_rates_gbps}; positive rates are needed")
        if not self.classes:
            raise SndlibError("classes is empty; at least one service class is needed")

    @property
    def holding_cut(self) -> float:
        """The share of the exponential law that is kept."""
        return 1.0 - math.exp(-2.0) if self.truncate_holding else 1.0

    @property
    def true_mean_holding_s(self) -> float:
        """Mean of the holding times that are drawn."""
        cut = 1.0 - 2.0 * math.exp(-2.0) / self.holding_cut if self.truncate_holding else 1.0
        return self.mean_holding_s * cut

    @property
    def mean_bit_rate_gbps(self) -> float:
        """Mean of the bit rates that are drawn."""
        return float(np.mean(self.bit_rates_gbps))


def scale_for(demands: Demands, traffic: MatrixTraffic) -> float:
    """The factor from measured Gb/s to Gb/s of lightpaths.

    Raises:
        SndlibError: the matrices hold no demand at all.
    """
    if demands.mean_total_gbps <= 0:
        raise SndlibError("every demand is 0; there is nothing to follow")
    if traffic.scale is not None:
        return traffic.scale
    assert traffic.load_erlang is not None
    return traffic.load_erlang * traffic.mean_bit_rate_gbps / demands.mean_total_gbps


def trace_from_demands(
    demands: Demands,
    traffic: MatrixTraffic,
    plant: Plant,
    seed: int,
    node_map: Mapping[str, str] | None = None,
) -> Trace:
    """Requests that follow the matrices, as the module's docstring says; same seed, same trace.

    Args:
        demands: what was measured.
        traffic: what a request is.
        plant: where the requests are to be served; bounds of service classes depend on its latencies.
        seed: of all that is drawn.
        node_map: node of the matrices -> node of the topology, where neither name nor place tells.

    Raises:
        SndlibError: a node that the topology does not have, no requests, or more than ``MAX_REQUESTS``.
    """
    nodes = match_nodes(demands, plant.topology, node_map)
    scale = scale_for(demands, traffic)
    requests_per_gb = scale / (traffic.mean_bit_rate_gbps * traffic.true_mean_holding_s)
    expected = demands.demand_gbps * (demands.interval_s * requests_per_gb)[:, None, None]
    if not expected.sum() < MAX_REQUESTS:
        raise SndlibError(
            f"about {expected.sum():.3g} requests; at most {MAX_REQUESTS} are made: "
            "lower the scale or take fewer days"
        )
    rng = np.random.default_rng(seed)
    interval, source, destination = np.nonzero(expected)
    counts = rng.poisson(expected[interval, source, destination])
    interval, source, destination = (np.repeat(index, counts) for index in (interval, source, destination))
    if not len(interval):
        raise SndlibError(f"no request at scale {scale:g}; raise the scale or take more days")
    arrival_s = demands.start_s[interval] + demands.interval_s[interval] * rng.random(len(interval))
    order = np.argsort(arrival_s, kind="stable")
    num_requests = len(order)
    # Inverse of the exponential cut at twice the mean: the same law as redrawing while it is exceeded.
    holding_s = -np.log1p(-traffic.holding_cut * rng.random(num_requests)) * traffic.mean_holding_s
    shares = np.array([item.share for item in traffic.classes])
    service_class = rng.choice(len(shares), num_requests, p=shares / shares.sum())
    bounds = traffic_arrays(PoissonTraffic(classes=traffic.classes), plant).max_latency_ms
    pair = nodes[source] * plant.num_nodes + nodes[destination]
    return Trace(
        arrival_s=arrival_s[order],
        holding_s=np.maximum(holding_s, 1e-6),
        source=nodes[source][order],
        destination=nodes[destination][order],
        bit_rate_gbps=rng.choice(np.array(traffic.bit_rates_gbps, np.float32), num_requests),
        max_latency_ms=bounds[service_class, pair[order]],
        service_class=service_class,
        node_names=plant.topology.node_names,
        class_names=tuple(item.name for item in traffic.classes),
        topology_hash=plant.topology.content_hash,
        origin=f"SNDlib demand matrices {demands.first_time} ({demands.origin or 'origin not stated'}), "
        f"{len(demands.start_s)} intervals, scale {scale:g}, seed {seed}",
    )


def match_nodes(
    demands: Demands, topology: Topology, node_map: Mapping[str, str] | None = None
) -> np.ndarray:
    """(num_nodes of the matrices,) int64, the topology's index of each node.

    A node is found by ``node_map``, else by its name, else as the topology's only node within 5 km of it.

    Raises:
        SndlibError: a node that is not found, two that are one of the topology, or a map of no such node.
    """
    given = dict(node_map or {})
    for node_id in given:
        if node_id not in demands.node_ids:
            raise SndlibError(
                f"node map: the matrices have no node {node_id!r}; they have {', '.join(demands.node_ids)}"
            )
    indices = []
    for node_id, (latitude_deg, longitude_deg) in zip(demands.node_ids, demands.position_deg, strict=True):
        name = given.get(node_id, node_id)
        if name in topology.node_names:
            indices.append(topology.node_index(name))
            continue
        near = [
            index
            for index, node in enumerate(topology.nodes)
            if great_circle_km(latitude_deg, longitude_deg, node.latitude_deg, node.longitude_deg)
            < SAME_PLACE_KM
        ]
        if node_id in given or len(near) != 1:
            raise SndlibError(
                f"{demands.file}: unknown node {name!r}: topology {topology.name!r} has none of that name"
                f"{'' if node_id in given else ' and none within 5 km of it'}; known: "
                f"{', '.join(topology.node_names)}; say which with a node map"
            )
        indices.append(near[0])
    if len(set(indices)) != len(indices):
        twice = next(index for index in indices if indices.count(index) > 1)
        both = [node_id for node_id, index in zip(demands.node_ids, indices, strict=True) if index == twice]
        raise SndlibError(f"nodes {', '.join(both)} of the matrices are all {topology.node_names[twice]!r}")
    return np.array(indices)
