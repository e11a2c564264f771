"""Weights of what a step earns; nothing compiled. The formula: ``serving.py``."""

from __future__ import annotations

from typing import NamedTuple

from envs.fields import NonNegativeFloat


class RewardWeights(NamedTuple):
    """Weights of the reward; a blocked request always costs 1.

    Attributes:
        slack: for latency slack, (bound - latency) / bound, of a carried request; 1 without a bound.
        margin: for GSNR above threshold and margin, in units of 10 dB.
        energy: against the power that the whole network draws once the request is answered, in kW. Its mean
            over a run is the mean power: what a request switches on counts for as long as it stays on.
    """

    slack: NonNegativeFloat = 0.0
    margin: NonNegativeFloat = 0.0
    energy: NonNegativeFloat = 0.0


ONLY_BLOCKING = RewardWeights()
