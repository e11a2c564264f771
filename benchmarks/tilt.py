"""How much worse than ``any-load`` assumes the Raman tilt of some set of lit channels is: search and bound.

``any-load`` takes the loss of a channel with every channel up to it lit and none above. That is the worst to
first order in power. Beyond it, a channel far above may feed those below, which then take more. A search over
sets finds what that is worth at least; the bound is proven for all of them.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import cumulative_trapezoid

from envs.gsnr.bands import Comb
from envs.gsnr.isrs_gn import power_evolution, span_points
from envs.gsnr.line import FibreType
from envs.gsnr.link_tables import GROUP_THZ

ROUNDS = 60  # single flips, at the most, from each start
POINTS = 1601  # along the span, of the bound


def tilt_beyond_any_load_db(fibre: FibreType, comb: Comb, span_km: float, seed: int = 1) -> float:
    """The most that the loss of a channel at the end of a span can exceed ``any-load``'s, as far as found.

    For every group of ``GROUP_THZ``, from the assumed set and from three random ones, the group whose flip
    raises the loss most is flipped until none does. A group counts as one channel of its whole power, in its
    middle, which is what the tilt is made of.
    """
    frequency_hz, power_w = _groups(comb)
    count = len(power_w)
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


def tilt_bound_db(fibre: FibreType, comb: Comb, span_km: float) -> tuple[float, float]:
    """Proven of any lit set, beyond ``any-load``: the most loss of a channel, the most power along the span.

    Channel i follows d ln P_i/dz = -alpha + sum over k of g_ik P_k, where g_ik is positive for k above it and
    negative below. Let u_i follow the same without what lies below, fed by u_k in the place of P_k. Nothing
    feeds the highest channel, so there P <= u; and downwards P_i <= u_i where that holds of all above it,
    whatever is lit, as what is dark feeds nobody. So no channel i loses more than what all below it take at
    u: alpha L + sum over k below i of |g_ik| times the integral of u_k.

    The assumed loss is that with every channel up to i lit, the assumed power that with every channel from i
    up lit. Groups of ``GROUP_THZ`` count as one channel, as in the search.
    """
    frequency_hz, power_w = _groups(comb)
    count, length_m, alpha = len(power_w), 1e3 * span_km, fibre.attenuation_1_m
    flow = fibre.raman_gain_1_w_m(frequency_hz) * power_w
    points_m = np.linspace(0.0, length_m, POINTS)
    upper, taken = np.zeros((count, POINTS)), np.zeros((count, POINTS))  # and its integral
    for i in range(count)[::-1]:
        upper[i] = np.exp(-alpha * points_m + flow[i, i + 1 :] @ taken[i + 1 :])
        taken[i] = cumulative_trapezoid(upper[i], points_m, initial=0.0)
    to_below = np.array([-flow[i, :i] @ taken[:i, -1] for i in range(count)])
    lit = np.tri(count) * power_w
    each = np.arange(count)
    drained = power_evolution(fibre, frequency_hz, lit, length_m)[each, each, -1]
    fed = power_evolution(fibre, frequency_hz, np.tri(count).T * power_w, length_m)[each, each]
    beyond = np.array([np.interp(span_points(length_m), points_m, row) for row in upper]) / fed
    loss_db = 10 * np.log10(np.exp(alpha * length_m + to_below) * drained)
    return float(loss_db.max()), float(10 * np.log10(beyond.max()))


def _groups(comb: Comb) -> tuple[np.ndarray, np.ndarray]:
    """Of each group its frequency, and its power with all its channels lit."""
    cell = np.floor((comb.frequency_thz - comb.frequency_thz[0]) / GROUP_THZ + 1e-6)
    group = np.unique(cell, return_inverse=True)[1]
    count = int(group[-1]) + 1
    frequency_hz = np.array([1e12 * comb.frequency_thz[group == g].mean() for g in range(count)])
    return frequency_hz, np.bincount(group, comb.launch_w)
