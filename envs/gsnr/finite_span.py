"""Nonlinear interference (NLI) of one span of finite length, from the power along it as it is.

``isrs_gn.py`` writes the power of a channel with decaying exponentials and lets the span go on for ever, as
its closed form needs it. Here nothing is fitted and the span ends where it ends, so short spans, low
dispersion and symbol rates that differ come out right.

The integral of the GN model over the spectra of two channels needs only one function of the power rho(z) of
the interferer along the span,

    F(phi) = integral over 0..phi of |integral over the span of rho(z) exp(j x z) dz|^2 dx
           = 2 integral over 0..L of R(t) sin(phi t) / t dt,    R(t) = integral of rho(z) rho(z + t) dz,

the second line by the Wiener-Khinchin theorem. With R linear between grid points every piece is a sine
integral and a cosine, in closed form. For rho = exp(-a z) and L without end, F is arctan(phi / a) / a: the
arctan of [1, Eq. (11)].

[1] Semrau, Killey, Bayvel, "A closed-form approximation of the Gaussian noise model in the presence of
    inter-channel stimulated Raman scattering", JLT 37(9), 2019, arXiv:1808.07940.
[2] Semrau, Killey, Bayvel, "The Gaussian noise model in the presence of inter-channel stimulated Raman
    scattering", JLT 36(14), 2018, arXiv:1801.02460, Eq. (4) to (7).
[3] Poggiolini et al., "A detailed analytical derivation of the GN model of non-linear interference in
    coherent optical transmission systems", arXiv:1209.0394.

Not here: the power along the span (``isrs_gn.power_evolution``), lines (``mixed_line.py``).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import sici

from envs.gsnr.line import FibreType

LOWEST_1_M, HIGHEST_1_M = 1e-8, 1e3  # of the phase mismatch; below it F grows in proportion, above it is flat
PHASES = 1200  # of the table in between, in equal ratios
SPM_NODES = 48
XPM_NODES = 12


def autocorrelation(power: np.ndarray, step_m: float) -> np.ndarray:
    """(num_channels, num_points) R at multiples of ``step_m``, of powers (num_channels, num_points)."""
    count = power.shape[1]
    spectrum = np.fft.rfft(power, 2 * count, axis=1)
    summed = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :count]
    # Trapezoids: half of the product at either end of the overlap.
    ends = power[:, :1] * power + (power[:, -1:] * power)[:, ::-1]
    return step_m * (summed - ends / 2)


class SpanMixing:
    """F(phi) / phi of each channel of a span, tabulated once for all pairs."""

    def __init__(self, power: np.ndarray, length_m: float):
        """Takes (num_channels, num_points) power over launch power, in equal steps along the span."""
        points_m = np.linspace(0.0, length_m, power.shape[1])
        self._log_phi = np.linspace(math.log(LOWEST_1_M), math.log(HIGHEST_1_M), PHASES)
        phi = np.exp(self._log_phi)
        correlation = autocorrelation(power, points_m[1])
        slope = np.diff(correlation, axis=1) / points_m[1]
        level = correlation[:, :-1] - slope * points_m[:-1]
        angle = points_m[:, None] * phi
        sine_integral = np.diff(sici(angle)[0], axis=0)
        cosine = -np.diff(np.cos(angle), axis=0) / phi
        self._over_phi = 2.0 * (level @ sine_integral + slope @ cosine) / phi

    def over_phi(self, channel: int, phi_1_m: np.ndarray) -> np.ndarray:
        """F(phi) / phi in m^2; at phi = 0 the square of the effective length."""
        at = np.log(np.maximum(phi_1_m, LOWEST_1_M))
        return np.interp(at, self._log_phi, self._over_phi[channel])


def finite_spm(
    fibre: FibreType, frequency_hz: np.ndarray, baud_hz: np.ndarray, mixing: SpanMixing
) -> np.ndarray:
    """(num_channels,) 1/W^2: NLI power that a channel makes for itself in the span, over its power cubed.

    The double integral behind [1, Eq. (9)] over the hexagon |f1|, |f2|, |f1 + f2| < B/2, at the centre of the
    channel; the inner integral is F, the outer one a quadrature.
    """
    gamma = fibre.gamma_1_w_m(frequency_hz)
    kappa = 4 * math.pi**2 * np.abs(fibre.beta2_s2_m(frequency_hz))
    node, weight = np.polynomial.legendre.leggauss(SPM_NODES)
    result = np.empty(len(frequency_hz))
    for i, half_hz in enumerate(baud_hz / 2):
        f1_hz, df1_hz = half_hz / 2 * (node + 1), half_hz / 2 * weight
        near = (half_hz - f1_hz) * mixing.over_phi(i, kappa[i] * f1_hz * (half_hz - f1_hz))
        far = half_hz * mixing.over_phi(i, kappa[i] * f1_hz * half_hz)
        result[i] = 16 / 27 * (gamma[i] / baud_hz[i]) ** 2 * 2 * ((near + far) @ df1_hz)
    return result


def finite_xpm(
    fibre: FibreType, frequency_hz: np.ndarray, baud_hz: np.ndarray, mixing: SpanMixing
) -> np.ndarray:
    """(n, n) 1/W^2: NLI power of the span on channel i over P_i P_k^2, zero on the diagonal.

    The double integral behind [1, Eq. (11)] where f1 lies in channel i, f2 and f1 + f2 - f_i in channel k: F
    over f1, a quadrature over f2. beta2 is the mean of the two channels', as in [1] for a linear slope.
    """
    gamma, beta2 = fibre.gamma_1_w_m(frequency_hz), fibre.beta2_s2_m(frequency_hz)
    node, weight = np.polynomial.legendre.leggauss(XPM_NODES)
    result = np.empty((len(frequency_hz), len(frequency_hz)))
    for k, half_hz in enumerate(baud_hz / 2):
        f2_hz = half_hz * node
        room_hz = np.minimum(baud_hz[:, None] / 2, half_hz - f2_hz)
        apart_hz = np.abs(frequency_hz[k] - frequency_hz)[:, None]
        kappa = 2 * math.pi**2 * np.abs(beta2 + beta2[k])[:, None]
        # The nodes are symmetric, so f1 < 0 with f2 is f1 > 0 with -f2: both signs of the offset are summed.
        inner = np.zeros_like(room_hz)
        for sign in (1, -1):
            phi_1_m = kappa * np.abs(apart_hz + sign * f2_hz) * room_hz
            inner += room_hz * mixing.over_phi(k, phi_1_m)
        result[:, k] = 32 / 27 * (gamma / baud_hz[k]) ** 2 * half_hz * (inner @ weight)
    np.fill_diagonal(result, 0.0)
    return result
