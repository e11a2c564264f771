"""How much worse than ``any-load`` assumes the Raman tilt of some set of lit channels is: a search.

``any-load`` takes the loss of a channel with every channel up to it lit and none above. That is the worst to
first order in power. Beyond it, a channel far above may feed those below, which then take more: a search over
sets finds what that is worth. It is a search, not a proof.
"""

from __future__ import annotations

import numpy as np

from envs.gsnr.bands import Comb
from envs.gsnr.isrs_gn import power_evolution
from envs.gsnr.line import FibreType
from envs.gsnr.link_tables import GROUP_THZ

ROUNDS = 60  # single flips, at the most, from each start


def tilt_beyond_any_load_db(fibre: FibreType, comb: Comb, span_km: float, seed: int = 1) -> float:
    """The most that the loss of a channel at the end of a span can exceed ``any-load``'s, as far as found.

    For every group of ``GROUP_THZ``, from the assumed set and from three random ones, the group whose flip
    raises the loss most is flipped until none does. A group counts as one channel of its whole power, in its
    middle, which is what the tilt is made of.
    """
    cell = np.floor((comb.frequency_thz - comb.frequency_thz[0]) / GROUP_THZ + 1e-6)
    group = np.unique(cell, return_inverse=True)[1]
    count = int(group[-1]) + 1
    frequency_hz = np.array([1e12 * comb.frequency_thz[group == g].mean() for g in range(count)])
    power_w = np.bincount(group, comb.launch_w)
    rng = np.random.default_rng(seed)

    def loss_db(lit: np.ndarray, target: int) -> np.ndarray:
        """(num_sets,) of sets (num_sets, count)."""
        power = power_evolution(fibre, frequency_hz, lit * power_w, 1e3 * span_km)
        return -10.0 * np.log10(power[:, target, -1])

    worst_db = 0.0
    for target in range(count):
        assumed = np.arange(count) <= target
        assumed_db = loss_db(assumed[None], target)[0]
        for start in (assumed, *(rng.random((3, count)) < 0.5)):
            lit, lit_db = start.copy(), -np.inf
            lit[target] = True
            for _ in range(ROUNDS):
                flipped = lit ^ (np.eye(count, dtype=bool) & (np.arange(count) != target)[:, None])
                losses_db = loss_db(flipped, target)
                best = int(losses_db.argmax())
                if losses_db[best] <= lit_db + 1e-6:
                    break
                lit, lit_db = flipped[best], float(losses_db[best])
            worst_db = max(worst_db, lit_db - assumed_db)
    return worst_db
