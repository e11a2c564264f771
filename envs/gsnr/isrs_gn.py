"""Noise of a line in closed form: ASE and the nonlinear interference (NLI) of the ISRS GN model.

[1] Semrau, Killey, Bayvel, "A closed-form approximation of the Gaussian noise model in the presence of
    inter-channel stimulated Raman scattering", JLT 37(9), 2019, arXiv:1808.07940.
[2] Semrau, Killey, Bayvel, "The Gaussian noise model in the presence of inter-channel stimulated Raman
    scattering", JLT 36(14), 2018, arXiv:1801.02460.
[3] Poggiolini et al., "A detailed analytical derivation of the GN model of non-linear interference in
    coherent optical transmission systems", arXiv:1209.0394.

Three things differ from [1], towards more accuracy; ``docs/qot.md`` says what they are worth:

* [1] takes the power along a span from the triangular Raman gain to first order: two exponentials whose
  weights follow from the total power (T in Eq. (10), (11)). Here the Raman equations of [2] are solved for
  the lit channels with the fibre's gain profile, and each channel's power is written with ``NUM_DECAYS``
  exponentials. The form of the noise stays: one term per exponential.
* [1] integrates SPM over a circle; here it is the hexagon of the signal's spectrum.
* [1] takes the interferer at its centre; here 1/(f_k - f_i) is averaged over its spectrum.

Not here: networks (``link_tables.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from envs.gsnr.bands import Comb
from envs.gsnr.errors import GsnrError
from envs.gsnr.line import PLANCK_J_S, FibreType, Line, LineResult

NUM_DECAYS = 4  # exponentials per channel: a, 2a, 3a, 4a
NODES = 32  # of the quadrature in SPM
STEP_M = 1000.0  # of the Raman equations
MAX_RAMAN_W = 10.0  # launch power of all channels; connectors burn well before


@dataclass(frozen=True)
class Profiles:
    """Power of each channel along a span, relative to launch, as sums of exponentials exp(-decay z)."""

    decay_1_m: np.ndarray  # (num_decays,) float64
    weight: np.ndarray  # (num_decays, num_channels) float64: w of ``fit_profiles``
    loss: np.ndarray  # (num_channels,) float64: launch power over power at the end of the span


def power_evolution(
    fibre: FibreType, frequency_hz: np.ndarray, launch_w: np.ndarray, length_m: float
) -> np.ndarray:
    """(..., num_channels, num_points) power over launch power along a span, at ``span_points(length_m)``.

    Solves d ln P_i / dz = -alpha + sum_j g_ij P_j, the Raman equations of [2] with the fibre's own gain,
    by fourth-order Runge-Kutta. ``launch_w`` may have leading axes, one per load.
    """
    gain = fibre.raman_gain_1_w_m(frequency_hz).T
    points_m = span_points(length_m)
    alpha = fibre.loss_1_m(frequency_hz)
    step_m = points_m[1] - points_m[0]
    level = np.zeros(launch_w.shape)
    levels = [level]

    def slope(value: np.ndarray) -> np.ndarray:
        return (launch_w * np.exp(value)) @ gain - alpha

    for _ in points_m[1:]:
        first = slope(level)
        second = slope(level + step_m / 2 * first)
        third = slope(level + step_m / 2 * second)
        fourth = slope(level + step_m * third)
        level = level + step_m / 6 * (first + 2 * second + 2 * third + fourth)
        levels.append(level)
    return np.exp(np.stack(levels, axis=-1))


def span_points(length_m: float) -> np.ndarray:
    """Positions along a span, from its start to its end in equal steps of about ``STEP_M``."""
    return np.linspace(0.0, length_m, max(8, math.ceil(length_m / STEP_M)) + 1)


def fit_profiles(power: np.ndarray, length_m: float, alpha_1_m: float) -> Profiles:
    """Exponentials for (num_channels, num_points) powers along a span.

    With rho(z) = sum_m c_m exp(-a_m z), |int rho exp(j phi z) dz|^2 over a long span is
    sum_m w_m a_m / (a_m^2 + phi^2), where w_m = 2 c_m sum_n c_n / (a_m + a_n): ``weight``. For two
    exponentials that is the bracket of [1, Eq. (10), (11)]. The coefficients are least squares in rho,
    which by Parseval is least squares in the spectrum too. The weights are scaled to int_0^L rho^2 dz,
    which is exact on short spans where the phase mismatch is large (nearly all of XPM).
    """
    points_m = span_points(length_m)
    decay_1_m = alpha_1_m * np.arange(1, NUM_DECAYS + 1)
    trapezoid = np.full(len(points_m), points_m[1] - points_m[0])
    trapezoid[[0, -1]] /= 2
    root = np.sqrt(trapezoid)
    basis = np.exp(-np.outer(points_m, decay_1_m))
    coefficient = np.linalg.lstsq(basis * root[:, None], (power * root).T, rcond=None)[0]
    pairs = 1.0 / (decay_1_m[:, None] + decay_1_m[None, :])
    weight = 2 * coefficient * (pairs @ coefficient)
    energy = np.einsum("mk,mn,nk->k", coefficient, pairs, coefficient)
    inside = (basis @ coefficient) ** 2
    return Profiles(decay_1_m, weight * (trapezoid @ inside / energy), 1.0 / power[:, -1])


def spm_efficiency(
    fibre: FibreType, frequency_hz: np.ndarray, baud_hz: float, profiles: Profiles
) -> np.ndarray:
    """(num_channels,) 1/W^2: NLI power per span that a channel makes for itself, over its launch power cubed.

    The double integral behind [1, Eq. (9)] over the hexagon |f1|, |f2|, |f1 + f2| < B/2. Per exponential the
    inner integral is an arctan, the outer one a quadrature with ``NODES`` nodes. ``spm_efficiency_circle``
    is the formula of [1].
    """
    gamma = fibre.gamma_1_w_m(frequency_hz)[:, None, None]
    kappa = 4 * math.pi**2 * np.abs(fibre.beta2_s2_m(frequency_hz))[:, None, None]
    decay = profiles.decay_1_m[:, None]
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    f1_hz, df1_hz = baud_hz / 4 * (nodes + 1), baud_hz / 4 * weights
    slope = kappa * f1_hz / decay
    inner = np.arctan(slope * (baud_hz / 2 - f1_hz)) + np.arctan(slope * baud_hz / 2)
    integral = 2 * (inner / (kappa * f1_hz) * df1_hz).sum(axis=2)
    return 16 / 27 * gamma[:, 0, 0] ** 2 / baud_hz**2 * (profiles.weight.T * integral).sum(axis=1)


def spm_efficiency_circle(
    fibre: FibreType, frequency_hz: np.ndarray, baud_hz: float, profiles: Profiles
) -> np.ndarray:
    """(num_channels,) 1/W^2: the same after [1, Eq. (10)], with phi_i = 3/2 pi^2 beta2(f_i): 0.2 dB above."""
    gamma = fibre.gamma_1_w_m(frequency_hz)
    phi = 1.5 * math.pi**2 * np.abs(fibre.beta2_s2_m(frequency_hz))
    decay = profiles.decay_1_m[:, None]
    total = (profiles.weight * np.arcsinh(phi * baud_hz**2 / (math.pi * decay))).sum(axis=0)
    return 4 / 9 * gamma**2 / baud_hz**2 * math.pi / phi * total


def xpm_shapes(
    fibre: FibreType, frequency_hz: np.ndarray, baud_hz: float, decay_1_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Parts of [1, Eq. (11)] that no power changes: (num_decays, n, n) arctan terms and the (n, n) factor.

    ``xpm[i, k] = factor[i, k] * sum_m weight[m, k] * arctan[m, i, k]``, 1/W^2, is the NLI power per span on
    channel i that channel k makes, over P_i P_k^2. phi_ik = 2 pi^2 (f_k - f_i) beta2 with beta2 the mean of
    the two channels', as in [1] for a linear slope. The mean of 1/(f_k - f_i) over channel k's bandwidth is
    ln((d + B/2) / (d - B/2)) / B, the limit of [3, Eq. (123)] for distant phases.
    """
    gamma = fibre.gamma_1_w_m(frequency_hz)
    beta2 = fibre.beta2_s2_m(frequency_hz)
    offset_hz = np.abs(frequency_hz[None, :] - frequency_hz[:, None])
    np.fill_diagonal(offset_hz, baud_hz)  # any: its factor is zero
    phi = np.abs(math.pi**2 * offset_hz * (beta2[None, :] + beta2[:, None]))
    spread = np.log((offset_hz + baud_hz / 2) / (offset_hz - baud_hz / 2)) * offset_hz / baud_hz
    factor = 32 / 27 * gamma[:, None] ** 2 / (baud_hz * phi) * spread
    np.fill_diagonal(factor, 0.0)
    return np.arctan(phi[None] * baud_hz / decay_1_m[:, None, None]), factor


def xpm_efficiency(
    fibre: FibreType, frequency_hz: np.ndarray, baud_hz: float, profiles: Profiles
) -> np.ndarray:
    """(n, n) 1/W^2: NLI power per span on channel i over P_i P_k^2, zero on the diagonal; [1, Eq. (11)]."""
    arctan, factor = xpm_shapes(fibre, frequency_hz, baud_hz, profiles.decay_1_m)
    return factor * np.einsum("mk,mik->ik", profiles.weight, arctan)


def ase_power_w(
    frequency_hz: np.ndarray, baud_hz: float, noise_figure_db: np.ndarray, loss: np.ndarray
) -> np.ndarray:
    """(num_channels,) noise h f B NF G of an amplifier that makes good ``loss``, referred to its output."""
    return PLANCK_J_S * frequency_hz * baud_hz * 10.0 ** (noise_figure_db / 10.0) * loss


def evaluate_line(line: Line, comb: Comb) -> LineResult:
    """Signal-to-noise ratios at the end of a line on which exactly the comb's channels are lit.

    NLI adds up span by span in power ([1, Eq. (5)] with coherence exponent 0); P_NLI = eta P^3 [1, Eq. (1)].

    Raises:
        GsnrError: more power than a fibre takes.
    """
    frequency_hz, launch_w = 1e12 * comb.frequency_thz, comb.launch_w
    baud_hz, length_m = 1e9 * comb.baud_gbd, 1e3 * line.span_km
    if launch_w.sum() > MAX_RAMAN_W:
        raise GsnrError(
            f"{comb.num_channels} channels launch {launch_w.sum():.1f} W together, above {MAX_RAMAN_W:g} W: "
            "lower the power or the number of channels"
        )
    power = power_evolution(line.fibre, frequency_hz, launch_w, length_m)
    profiles = fit_profiles(power, length_m, line.fibre.attenuation_1_m)
    spm = spm_efficiency(line.fibre, frequency_hz, baud_hz, profiles)
    xpm = xpm_efficiency(line.fibre, frequency_hz, baud_hz, profiles)
    nli = line.spans * (spm * launch_w**2 + xpm @ launch_w**2)
    noise_w = line.spans * ase_power_w(frequency_hz, baud_hz, comb.noise_figure_db, profiles.loss)
    if line.roadm_loss_db is not None:
        made_good = np.full(comb.num_channels, 10.0 ** (line.roadm_loss_db / 10.0))
        noise_w = noise_w + ase_power_w(frequency_hz, baud_hz, comb.noise_figure_db, made_good)
    ase = noise_w / launch_w
    ends = 0.0 if line.transceiver_snr_db is None else 10.0 ** (-line.transceiver_snr_db / 10.0)
    return LineResult(1.0 / ase, 1.0 / nli, 1.0 / (ase + nli + ends), 10.0 * np.log10(profiles.loss))
