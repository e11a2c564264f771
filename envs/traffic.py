"""Traffic: who asks for what, when and for how long. As a description, and as requests drawn from it.

Poisson arrivals with a constant or a daily rate, weighted node pairs and bit rates, service classes with
latency bounds, exponential holding times (optionally cut at twice the mean). The same compiled draw feeds the
training environments, the simulations and the traces, so one seed means one sequence everywhere.
Matrix-driven traffic: ``sndlib.py``. Stored requests: ``trace.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from envs.compiled import inlined, kernel
from envs.errors import TrafficError
from envs.forecast import life_row
from envs.plant import Plant
from envs.rng import advance, mix, stream_states, unit
from envs.trace import Trace

DAY_S = 86_400.0


@dataclass(frozen=True)
class LatencyClass:
    """A share of the requests with one latency bound, and perhaps a holding time of its own.

    The bound of a pair is ``max_latency_ms``, but never below ``min_stretch`` times the latency of the pair's
    fastest path, so that no request is impossible from the start; ``inf`` is no bound. ``mean_holding_s``: of
    its own, in the place of the traffic's.
    """

    name: str
    share: float
    max_latency_ms: float = math.inf
    min_stretch: float = 1.0
    mean_holding_s: float | None = None


BEST_EFFORT = (LatencyClass("best-effort", 1.0),)


@dataclass(frozen=True)
class PoissonTraffic:
    """Poisson arrivals at a constant rate.

    Attributes:
        load_erlang: network-wide offered load with the nominal mean holding time, over the classes.
        mean_holding_s: nominal mean; truncation shortens the true mean to 0.687 of it.
        truncate_holding: holding times are redrawn while they exceed twice the nominal mean.
        bit_rates_gbps: equally likely unless ``bit_rate_weights`` says otherwise.
        classes: service classes; shares need not sum to one.
        pair_weights: (num_nodes, num_nodes) relative demand; None is uniform over ordered pairs.
        told_share: of the requests that tell their end.
    """

    load_erlang: float = 250.0
    mean_holding_s: float = 25.0
    truncate_holding: bool = True
    bit_rates_gbps: tuple[float, ...] = tuple(float(rate) for rate in range(25, 101))
    bit_rate_weights: tuple[float, ...] | None = None
    classes: tuple[LatencyClass, ...] = BEST_EFFORT
    pair_weights: np.ndarray | None = None
    told_share: float = 0.0

    @property
    def daily_swing(self) -> float:
        """Peak rate over mean rate, minus one."""
        return 0.0

    def __post_init__(self) -> None:
        for name in ("load_erlang", "mean_holding_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise TrafficError(f"{name} is {value}; a positive number is needed")
        if not self.bit_rates_gbps or min(self.bit_rates_gbps) <= 0:
            raise TrafficError(f"bit_rates_gbps is {self.bit_rates_gbps}; positive rates are needed")
        if self.bit_rate_weights is not None and len(self.bit_rate_weights) != len(self.bit_rates_gbps):
            raise TrafficError("bit_rate_weights and bit_rates_gbps differ in length")
        if not self.classes:
            raise TrafficError("classes is empty; at least one service class is needed")
        for item in self.classes:
            mean_s = self.mean_holding_of(item)
            if not (math.isfinite(mean_s) and mean_s > 0):
                raise TrafficError(
                    f"class {item.name}: mean_holding_s is {mean_s}; a positive number is needed"
                )
        if not 0 <= self.told_share <= 1:
            raise TrafficError(f"told_share is {self.told_share}; a share from 0 to 1 is needed")

    def mean_holding_of(self, service_class: LatencyClass) -> float:
        """Nominal mean holding time of a class, in seconds."""
        return self.mean_holding_s if service_class.mean_holding_s is None else service_class.mean_holding_s

    @property
    def offered_holding_s(self) -> float:
        """Nominal mean holding time over the classes: what the load is counted with."""
        if all(item.mean_holding_s is None for item in self.classes):
            return self.mean_holding_s
        shares = np.array([item.share for item in self.classes])
        means_s = np.array([self.mean_holding_of(item) for item in self.classes])
        return float(shares @ means_s / shares.sum())


@dataclass(frozen=True)
class DiurnalTraffic(PoissonTraffic):
    """Poisson arrivals whose rate follows the day: rate(t) = mean x (1 + swing x sin(2 pi t / 24 h))."""

    swing: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.swing < 1:
            raise TrafficError(f"swing is {self.swing}; it must lie in [0, 1)")

    @property
    def daily_swing(self) -> float:
        """Peak rate over mean rate, minus one."""
        return self.swing


class TrafficArrays(NamedTuple):
    """Traffic for compiled code. Weighted choices are alias tables [Walker 1977]."""

    mean_interarrival_s: float
    daily_swing: float
    mean_holding_s: np.ndarray  # (C,) float64
    told_share: float
    life_row: np.ndarray  # (C,) int16, of ``Life``
    holding_cut: float  # 1 - exp(-2) where truncated, 1 where not: the share of the exponential kept
    pair: np.ndarray  # (P,) int32, source * num_nodes + destination
    pair_keep: np.ndarray  # (P,) float64
    pair_alias: np.ndarray  # (P,) int32
    bit_rate_gbps: np.ndarray  # (R,) float32
    rate_keep: np.ndarray  # (R,) float64
    rate_alias: np.ndarray  # (R,) int32
    class_keep: np.ndarray  # (C,) float64
    class_alias: np.ndarray  # (C,) int32
    max_latency_ms: np.ndarray  # (C, num_nodes**2) float32


class Requests(NamedTuple):
    """T requests for each of N networks, in order of arrival."""

    arrival_s: np.ndarray  # (N, T) float64
    holding_s: np.ndarray  # (N, T) float64
    pair: np.ndarray  # (N, T) int32
    bit_rate_gbps: np.ndarray  # (N, T) float32
    max_latency_ms: np.ndarray  # (N, T) float32
    service_class: np.ndarray  # (N, T) int8
    told_end_s: np.ndarray  # (N, T) float64, infinite: not told
    life_row: np.ndarray  # (N, T) int16, of ``Life``


def traffic_arrays(traffic: PoissonTraffic, plant: Plant) -> TrafficArrays:
    """The traffic on a plant, ready to be drawn from.

    Raises:
        TrafficError: pair weights of the wrong shape, negative, or all zero.
    """
    num_nodes = plant.num_nodes
    weights = traffic.pair_weights
    if weights is None:
        weights = np.ones((num_nodes, num_nodes))
    weights = np.array(weights, np.float64)
    if weights.shape != (num_nodes, num_nodes):
        raise TrafficError(f"pair_weights has shape {weights.shape}; ({num_nodes}, {num_nodes}) is needed")
    np.fill_diagonal(weights, 0.0)
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() <= 0:
        raise TrafficError("pair_weights must be finite, not negative, and not all zero")
    pairs = np.flatnonzero(weights.ravel() > 0).astype(np.int32)
    pair_keep, pair_alias = _alias_table(weights.ravel()[pairs])
    rates = np.array(traffic.bit_rates_gbps, np.float32)
    rate_weights = traffic.bit_rate_weights or (1.0,) * len(rates)
    rate_keep, rate_alias = _alias_table(np.array(rate_weights, np.float64))
    class_keep, class_alias = _alias_table(np.array([item.share for item in traffic.classes], np.float64))
    least_ms = np.full(num_nodes * num_nodes, np.inf)
    first = plant.arrays.first_path
    for pair in range(num_nodes * num_nodes):
        if first[pair + 1] > first[pair]:
            least_ms[pair] = plant.arrays.path_latency_ms[first[pair] : first[pair + 1]].min()
    bounds = np.stack(
        [np.maximum(item.max_latency_ms, item.min_stretch * least_ms) for item in traffic.classes]
    )
    return TrafficArrays(
        mean_interarrival_s=traffic.offered_holding_s / traffic.load_erlang,
        daily_swing=traffic.daily_swing,
        mean_holding_s=np.array([traffic.mean_holding_of(item) for item in traffic.classes]),
        told_share=traffic.told_share,
        life_row=np.array([life_row(plant.forecast, item.name) for item in traffic.classes], np.int16),
        holding_cut=1.0 - math.exp(-2.0) if traffic.truncate_holding else 1.0,
        pair=pairs,
        pair_keep=pair_keep,
        pair_alias=pair_alias,
        bit_rate_gbps=rates,
        rate_keep=rate_keep,
        rate_alias=rate_alias,
        class_keep=class_keep,
        class_alias=class_alias,
        max_latency_ms=bounds.astype(np.float32),
    )


def _alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's alias table: pick a row uniformly, keep it with probability ``keep``, else take its alias."""
    count = len(weights)
    scaled = weights * (count / weights.sum())
    keep = np.ones(count)
    alias = np.arange(count, dtype=np.int32)
    small = [i for i in range(count) if scaled[i] < 1.0]
    large = [i for i in range(count) if scaled[i] >= 1.0]
    while small and large:
        low, high = small.pop(), large.pop()
        keep[low], alias[low] = scaled[low], high
        scaled[high] -= 1.0 - scaled[low]
        (small if scaled[high] < 1.0 else large).append(high)
    return keep, alias


def new_requests(num_networks: int, length: int) -> Requests:
    """Room for requests."""
    shape = (num_networks, length)
    return Requests(
        arrival_s=np.zeros(shape),
        holding_s=np.zeros(shape),
        pair=np.zeros(shape, np.int32),
        bit_rate_gbps=np.zeros(shape, np.float32),
        max_latency_ms=np.zeros(shape, np.float32),
        service_class=np.zeros(shape, np.int8),
        told_end_s=np.full(shape, np.inf),
        life_row=np.full(shape, -1, np.int16),
    )


@inlined
def _pick(word, keep, alias):
    """An index by alias table from 64 random bits: the high half picks the row, the low half decides."""
    count = np.uint64(len(keep))
    row = np.int64(((word >> np.uint64(32)) * count) >> np.uint64(32))
    if np.float64(word & np.uint64(0xFFFFFFFF)) * (1.0 / 4294967296.0) < keep[row]:
        return row
    return np.int64(alias[row])


@kernel
def draw_requests(traffic, rng_states, clock_s, requests, n):
    """Fill row ``n`` of ``requests`` with the next arrivals of stream ``n``; advances stream and clock."""
    state = rng_states[n]
    now_s = clock_s[n]
    peak = 1.0 + traffic.daily_swing
    several = len(traffic.class_keep) > 1
    told_end_s, life_row = requests.told_end_s[n], requests.life_row[n]
    told_end_s[:] = np.inf  # what is alike for most or all is written at once: it is faster
    life_row[:] = traffic.life_row[0]
    for t in range(requests.arrival_s.shape[1]):
        while True:  # thinning: candidates at the peak rate, kept in proportion to the rate now
            state = advance(state)
            now_s -= np.log(1.0 - unit(mix(state))) * (traffic.mean_interarrival_s / peak)
            if traffic.daily_swing == 0.0:
                break
            state = advance(state)
            rate = 1.0 + traffic.daily_swing * np.sin(2.0 * np.pi * now_s / DAY_S)
            if unit(mix(state)) * peak < rate:
                break
        state = advance(state)
        # Inverse of the exponential cut at twice the mean: the same law as redrawing while it is exceeded.
        lasts = -np.log(1.0 - traffic.holding_cut * unit(mix(state)))  # in mean holding times
        state = advance(state)
        pair = traffic.pair[_pick(mix(state), traffic.pair_keep, traffic.pair_alias)]
        state = advance(state)
        rate_index = _pick(mix(state), traffic.rate_keep, traffic.rate_alias)
        service_class = 0
        if several:
            state = advance(state)
            service_class = _pick(mix(state), traffic.class_keep, traffic.class_alias)
            life_row[t] = traffic.life_row[service_class]
        is_told = traffic.told_share >= 1.0
        if 0.0 < traffic.told_share < 1.0:
            state = advance(state)
            is_told = unit(mix(state)) < traffic.told_share
        holding_s = lasts * traffic.mean_holding_s[service_class]
        requests.holding_s[n, t] = holding_s
        if is_told:
            told_end_s[t] = now_s + holding_s
        requests.arrival_s[n, t] = now_s
        requests.pair[n, t] = pair
        requests.bit_rate_gbps[n, t] = traffic.bit_rate_gbps[rate_index]
        requests.max_latency_ms[n, t] = traffic.max_latency_ms[service_class, pair]
        requests.service_class[n, t] = service_class
    rng_states[n] = state
    clock_s[n] = now_s


def make_trace(traffic: PoissonTraffic, plant: Plant, num_requests: int, seed: int) -> Trace:
    """A trace of ``num_requests`` arrivals; the same seed gives the same trace on any machine."""
    requests = new_requests(1, num_requests)
    draw_requests(traffic_arrays(traffic, plant), stream_states(seed, 1), np.zeros(1), requests, 0)
    source, destination = np.divmod(requests.pair[0], plant.num_nodes)
    return Trace(
        arrival_s=requests.arrival_s[0],
        holding_s=requests.holding_s[0],
        source=source.astype(np.int16),
        destination=destination.astype(np.int16),
        bit_rate_gbps=requests.bit_rate_gbps[0],
        max_latency_ms=requests.max_latency_ms[0],
        service_class=requests.service_class[0],
        node_names=plant.topology.node_names,
        class_names=tuple(item.name for item in traffic.classes),
        topology_hash=plant.topology.content_hash,
        origin=f"{type(traffic).__name__} {traffic.load_erlang:g} Erlang, seed {seed}",
        told_s=_told_s(requests) if traffic.told_share > 0 and plant.spec.departures_known else None,
    )


def _told_s(requests: Requests) -> np.ndarray:
    """(T,) what each request of one row tells: all of its holding time, or nothing."""
    return np.where(np.isfinite(requests.told_end_s[0]), requests.holding_s[0], np.inf)


def requests_of(traces: list[Trace] | tuple[Trace, ...], plant: Plant) -> Requests:
    """Traces side by side, one network each, cut to the shortest.

    Raises:
        TrafficError: a trace of another network, or no trace at all.
    """
    if not traces:
        raise TrafficError("no traces were given")
    length = min(len(trace.arrival_s) for trace in traces)
    requests = new_requests(len(traces), length)
    for n, trace in enumerate(traces):
        if trace.node_names != plant.topology.node_names:
            raise TrafficError(
                f"trace {n} ({trace.origin}) has nodes {', '.join(trace.node_names)}; "
                f"the plant is {plant.topology.name!r} with {', '.join(plant.topology.node_names)}"
            )
        requests.arrival_s[n] = trace.arrival_s[:length]
        requests.holding_s[n] = trace.holding_s[:length]
        requests.pair[n] = (
            trace.source[:length].astype(np.int32) * plant.num_nodes + trace.destination[:length]
        )
        requests.bit_rate_gbps[n] = trace.bit_rate_gbps[:length]
        requests.max_latency_ms[n] = trace.max_latency_ms[:length]
        requests.service_class[n] = trace.service_class[:length]
        if trace.told_s is not None:
            requests.told_end_s[n] = trace.arrival_s[:length] + trace.told_s[:length]
        rows = np.array([life_row(plant.forecast, name) for name in trace.class_names], np.int16)
        requests.life_row[n] = rows[trace.service_class[:length]]
    return requests
