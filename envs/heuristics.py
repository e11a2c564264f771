"""The baselines, as scores of candidates: evaluation, gates, PCE and inference server use the same objects.

Each rule is an order on the candidates. Written as weights it is lexicographic: the gap between weights is
larger than anything the lesser features can add up to, and candidates equal in all of them fall to the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from envs.errors import PolicyError
from envs.policy import MASKED_SCORE, ScoringPolicy, linear_policy


@dataclass(frozen=True)
class RandomPolicy:
    """A candidate at random: the score is a hash of the candidate's features, so replays agree."""

    name: str = "random"

    def scores(self, features: np.ndarray, action_mask: np.ndarray, context: np.ndarray) -> np.ndarray:
        """(N, M) float32 in [0, 1), ``MASKED_SCORE`` where masked."""
        bits = np.ascontiguousarray(features, np.float32).view(np.uint32).astype(np.uint64)
        request = np.ascontiguousarray(context, np.float32).view(np.uint32).astype(np.uint64)
        digest = np.zeros(features.shape[:2], np.uint64) + request.sum(axis=1, dtype=np.uint64)[:, None]
        with np.errstate(over="ignore"):
            for column in range(bits.shape[2]):
                digest = (digest ^ bits[..., column]) * np.uint64(0x9E3779B97F4A7C15)
                digest ^= digest >> np.uint64(29)
        uniform = (digest >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
        return np.where(action_mask, uniform, MASKED_SCORE).astype(np.float32)


_BASELINES: dict[str, Callable[[], ScoringPolicy]] = {
    # the best path that fits, its lowest slot
    "ksp_ff": lambda: linear_policy("ksp_ff", path_rank=-1000.0),
    # the lowest slot over all paths, ties to the better path
    "ff_ksp": lambda: linear_policy("ff_ksp", first_slot=-1000.0, path_rank=-1.0),
    # the best path that fits, its tightest free run
    "ksp_bf": lambda: linear_policy("ksp_bf", path_rank=-1000.0, leftover=-5.0),
    # the best path that fits, its highest slot
    "ksp_lf": lambda: linear_policy("ksp_lf", path_rank=-1000.0, first_slot=1.0),
    # splits the fewest free runs and fills the most, per link; then the better path, then the lower slot
    "least_fragmentation": lambda: linear_policy(
        "least_fragmentation", splits=-100.0, fills=100.0, spend=-100.0, path_rank=-1.0, first_slot=-0.1
    ),
    # congestion-aware KSP: the least loaded path (by its worst link), its lowest slot
    "load_aware": lambda: linear_policy("load_aware", max_load=-1000.0, path_rank=-1.0, first_slot=-0.1),
    # of the shortlist, the fewest starting positions lost by all node pairs (minimum slot-capacity loss)
    "least_capacity_loss": lambda: linear_policy(
        "least_capacity_loss", shortlisted=1e5, capacity_loss=-1000.0, path_rank=-1.0, first_slot=-0.1
    ),
    # switches the fewest watts on, transponders included; then the better path, its lowest slot
    "least_marginal_power": lambda: linear_policy(
        "least_marginal_power", marginal_power=-1000.0, path_rank=-1.0
    ),
    # the fewest watts of amplifiers, each shared with what it amplifies already; then the better path
    "least_amplifier_share": lambda: linear_policy(
        "least_amplifier_share", amplifier_share=-1000.0, path_rank=-1e-3, first_slot=-1e-5
    ),
    # the same, but outside the backbone a watt counts ten times, and slots count, more where they are scarce
    "growing_backbone": lambda: linear_policy(
        "growing_backbone", amplifier_share=-1.0, off_backbone=-9.0, spend_loaded=-1.6, spend_total=-0.5
    ),
    # the path with the highest mean share of slots taken on its links; then the better path, its lowest slot
    "most_used": lambda: linear_policy("most_used", mean_load=10_000.0, path_rank=-1.0),
    # several bands: the band that fills first, its best path, the fewest channels, the lowest of them
    "band_by_band": lambda: linear_policy(
        "band_by_band", band_rank=-1e4, path_rank=-1000.0, slots=-10.0, first_slot=-1.0
    ),
    # quality of transmission: the block whose worst carrier is furthest above its threshold
    "max_margin": lambda: linear_policy("max_margin", gsnr_margin=1000.0),
    # quality of transmission: the fewest channels; of these the block with the largest margin
    "fewest_channels": lambda: linear_policy("fewest_channels", slots=-1000.0, gsnr_margin=100.0),
    # quality of transmission: the most that the worst-off lit carrier keeps above its threshold, low slots
    # first: 0.1 dB is worth the length of a band
    "most_reserve": lambda: linear_policy("most_reserve", gsnr_reserve=100.0, first_slot=-1.0),
    # quality of transmission: the least capacity lost by the paths that share a link
    "qot_mscl": lambda: linear_policy("qot_mscl", carrier_loss=-1000.0),
    "random": RandomPolicy,
}
BASELINE_NAMES = tuple(_BASELINES)


def baseline(name: str) -> ScoringPolicy:
    """A baseline by name.

    Raises:
        PolicyError: no baseline of that name.
    """
    try:
        return _BASELINES[name]()
    except KeyError:
        raise PolicyError(f"unknown baseline {name!r}; known: {', '.join(BASELINE_NAMES)}") from None
