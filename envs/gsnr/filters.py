"""What the filters of ROADMs cost a channel that passes several of them.

[1] Pulikkaseril et al., "Spectral modeling of channel band shapes in wavelength selective switches",
    Optics Express 19(9), 2011, Eq. (3) to (6).
[2] Proakis, Salehi, Digital Communications, 5th ed., 9.4: noise left by a linear equaliser of least mean
    square error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

FREQUENCIES = 129  # across the symbol rate


@dataclass(frozen=True)
class PassbandFilter:
    """A wavelength selective switch: channel width less a guard, blurred by the width of the beam.

    Attributes:
        guard_ghz: how much narrower the passband at half amplitude (-6 dB) is than the channel spacing.
        edge_ghz: width at half maximum of the optical transfer function that blurs its edges, BW_OTF of [1].
    """

    guard_ghz: float
    edge_ghz: float

    def amplitude(self, offset_ghz: np.ndarray, spacing_ghz: float) -> np.ndarray:
        """Field transmission at offsets from the channel's centre, 1 at the centre; [1, Eq. (6)]."""
        sigma = self.edge_ghz / (2 * math.sqrt(2 * math.log(2)))
        half_ghz = (spacing_ghz - self.guard_ghz) / 2

        def window(offset: np.ndarray) -> np.ndarray:
            root = math.sqrt(2) * sigma
            return np.asarray(erf((half_ghz - offset) / root) - erf((-half_ghz - offset) / root))

        return window(offset_ghz) / window(np.zeros(1))

    def penalty_db(self, passes: int, baud_gbd: float, spacing_ghz: float, snr: float) -> float:
        """How much SNR a channel of a rectangular spectrum loses, in dB.

        Noise enters evenly between the first filter and the last, so it passes those behind it; where there
        is one only, before and behind it. The receiver has a linear equaliser of least mean square error:
        1/(1 + SNR) = mean over the spectrum of 1/(1 + SNR(f)) [2].
        """
        if passes == 0:
            return 0.0
        offset_ghz = np.linspace(-baud_gbd / 2, baud_gbd / 2, FREQUENCIES)
        power = np.maximum(self.amplitude(offset_ghz, spacing_ghz) ** 2, 1e-30)
        behind = np.arange(1, passes) if passes > 1 else np.arange(2)
        noise = np.mean(power[None, :] ** behind[:, None], axis=0)
        left = np.trapezoid(1.0 / (1.0 + snr * power**passes / noise), offset_ghz) / baud_gbd
        return 10.0 * math.log10(snr / (1.0 / left - 1.0))


@dataclass(frozen=True)
class PassTable:
    """Measured penalties: dB by number of passes, linear between, and from 0 dB at none."""

    passes: tuple[float, ...]
    db: tuple[float, ...]

    def penalty_db(self, passes: int, baud_gbd: float, spacing_ghz: float, snr: float) -> float:
        """Penalty in dB; beyond the last entry the last slope goes on."""
        count, db = (0.0, *self.passes), (0.0, *self.db)
        if passes > count[-1]:
            slope = (db[-1] - db[-2]) / (count[-1] - count[-2])
            return db[-1] + slope * (passes - count[-1])
        return float(np.interp(passes, count, db))
