"""Traffic that resembles a trace: what an agent trains on when a trace is given instead of a generator.

Arrival rate, holding times, node pairs, bit rates and latency classes are taken from the trace; how the load
changes over time is not. For a plant that looks at departures, classes have holding times of their own, and
as many requests tell their end. Node pairs weigh as in its demand forecast, so that a pair absent from the
trace still asks now and then. Not here: drawing from traffic (``envs.traffic``).
"""

from __future__ import annotations

import math

import numpy as np

from envs.forecast import forecast_rows, pair_counts, shrunk
from envs.plant import Plant
from envs.trace import Trace
from envs.traffic import LatencyClass, PoissonTraffic

# The mean of an exponential cut at twice its nominal mean is 1 - 2 / (e^2 - 1) of that mean, so the longest
# holding time of such a trace is at most 2.91 of the mean seen; without a cut it soon is more than that.
CUT_MEAN_SHARE = 1.0 - 2.0 / (math.e**2 - 1.0)
MAX_BIT_RATES = 400


def traffic_like(trace: Trace, plant: Plant) -> PoissonTraffic:
    """Poisson traffic with a trace's rate, holding times, pairs, bit rates and classes.

    Raises:
        TraceError: the trace is of another network.
    """
    trace = trace.for_topology(plant.topology)
    mean_s = float(trace.holding_s.mean())
    longest = float(trace.holding_s.max()) / mean_s
    is_cut = trace.num_requests > 100 and longest <= 2.0 / CUT_MEAN_SHARE * 1.05
    nominal_s = mean_s / CUT_MEAN_SHARE if is_cut else mean_s
    rate_per_s = trace.num_requests / max(trace.duration_s, 1e-9)
    rates, counts = np.unique(np.round(trace.bit_rate_gbps, 3), return_counts=True)
    if len(rates) > MAX_BIT_RATES:
        counts, edges = np.histogram(trace.bit_rate_gbps, bins=MAX_BIT_RATES)
        rates = (edges[:-1] + edges[1:]) / 2
        rates, counts = rates[counts > 0], counts[counts > 0]
    looks, told_s = plant.spec.departures_known, trace.told_s
    return PoissonTraffic(
        load_erlang=rate_per_s * nominal_s,
        mean_holding_s=nominal_s,
        truncate_holding=is_cut,
        bit_rates_gbps=tuple(float(rate) for rate in rates),
        bit_rate_weights=tuple(float(count) for count in counts),
        classes=_classes(trace, plant, nominal_s / mean_s if looks else None),
        pair_weights=_pair_weights(trace, plant),
        told_share=0.0 if told_s is None or not looks else float(np.isfinite(told_s).mean()),
    )


def _pair_weights(trace: Trace, plant: Plant) -> np.ndarray:
    """(num_nodes, num_nodes) weights of the forecast; both ways alike where they share one spectrum."""
    weights = np.zeros((plant.num_nodes, plant.num_nodes))
    weights.flat[forecast_rows(plant)] = shrunk(pair_counts(trace, plant))
    return weights + weights.T if plant.spec.shared_spectrum else weights


def _classes(trace: Trace, plant: Plant, nominal: float | None) -> tuple[LatencyClass, ...]:
    """Classes with a common bound, raised to a multiple of the pair's least latency where that is more.

    ``nominal``: nominal over true mean holding time, of each class; None: classes have none of their own.
    """
    found = []
    for index, name in enumerate(trace.class_names):
        of_class = trace.service_class == index
        if not of_class.any():
            continue
        bounds_ms = trace.max_latency_ms[of_class].astype(np.float64)
        common_ms = float(bounds_ms.min())
        stretch = 1.0
        raised = bounds_ms > common_ms * (1 + 1e-6)
        if math.isfinite(common_ms) and raised.any():
            ends = zip(trace.source[of_class][raised], trace.destination[of_class][raised], strict=True)
            least_ms = np.array([plant.least_latency_ms(int(a), int(b)) for a, b in ends])
            stretch = float(np.median(bounds_ms[raised] / least_ms))
        held_s = None if nominal is None else nominal * float(trace.holding_s[of_class].mean())
        found.append(LatencyClass(name, float(of_class.mean()), common_ms, max(1.0, stretch), held_s))
    return tuple(found)
