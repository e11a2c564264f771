"""What a step earns: one formula for all use cases, told apart by its weights. Not here: what is counted."""

from __future__ import annotations

from typing import NamedTuple

from envs.compiled import inlined


class RewardWeights(NamedTuple):
    """Weights of the reward; a blocked request always costs 1.

    Attributes:
        slack: for latency slack, (bound - latency) / bound, of a carried request; 1 without a bound.
        margin: for GSNR above threshold and margin, in units of 10 dB.
        energy: against the power that the whole network draws once the request is answered, in kW. Its mean
            over a run is the mean power: what a request switches on counts for as long as it stays on.
    """

    slack: float = 0.0
    margin: float = 0.0
    energy: float = 0.0


ONLY_BLOCKING = RewardWeights()


@inlined
def reward_of_carried(weights, slack, margin_10db, power_kw):
    """Reward of a carried request, ``power_kw`` being drawn with it."""
    return weights.slack * slack + weights.margin * margin_10db - weights.energy * power_kw


@inlined
def reward_of_blocked(weights, power_kw):
    """Reward of a blocked request, ``power_kw`` being drawn without it."""
    return -1.0 - weights.energy * power_kw
