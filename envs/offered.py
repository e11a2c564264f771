"""What a traffic offers a plant, as the bounds need it: true Erlang, shares of pairs and of bit rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.plant import Plant
from envs.traffic import PoissonTraffic, traffic_arrays


@dataclass(frozen=True)
class OfferedTraffic:
    """Poisson traffic in the long run; insensitive to the law of the holding times, but for their mean."""

    load_erlang: float  # with the true mean holding time: truncated times are shorter than nominal
    pair_share: np.ndarray  # (num_nodes, num_nodes) of the requests, sums to one
    rates_gbps: np.ndarray  # (R,)
    rate_share: np.ndarray  # (R,) sums to one


def offered_by(traffic: PoissonTraffic, plant: Plant) -> OfferedTraffic:
    """The traffic on a plant, at its mean rate."""
    arrays = traffic_arrays(traffic, plant)
    count = plant.num_nodes
    weights = np.zeros((count, count))
    for index, pair in enumerate(arrays.pair):  # back from the alias table to probabilities
        weights[divmod(int(pair), count)] += arrays.pair_keep[index]
        weights[divmod(int(arrays.pair[arrays.pair_alias[index]]), count)] += 1 - arrays.pair_keep[index]
    # E[holding] of an exponential cut at c = 1 - e^-2 of its mass: 1 - 2 (1 - c) / c, times the mean.
    cut = arrays.holding_cut
    truth = 1.0 - 2.0 * (1.0 - cut) / cut if cut < 1.0 else 1.0
    rate_share = np.array(traffic.bit_rate_weights or (1.0,) * len(traffic.bit_rates_gbps), np.float64)
    return OfferedTraffic(
        load_erlang=traffic.load_erlang * truth,
        pair_share=weights / weights.sum(),
        rates_gbps=np.array(traffic.bit_rates_gbps),
        rate_share=rate_share / rate_share.sum(),
    )
