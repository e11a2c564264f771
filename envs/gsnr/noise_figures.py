"""Noise figures of amplifiers by gain, input power and frequency: the models of GNPy's equipment files.

Each follows "Amplifiers" of GNPy's documentation (docs/model.rst and the equipment JSON, type_def): a number,
``fixed_gain``, ``variable_gain``, ``advanced_model``, ``openroadm``, ``openroadm_preamp``, ``dual_stage``.
Reading the files: ``gnpy_files.py``. The noise itself: ``mixed_line.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from envs.gsnr.errors import GsnrError


class NoiseFigure(Protocol):
    """A noise figure in dB that may depend on how the amplifier is run."""

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """(num_channels,) noise figure in dB.

        Args:
            frequency_thz: (num_channels,) of the band it amplifies.
            gain_db: total power out over total power in.
            input_dbm: mean power of a channel at its input, scaled to a channel of 50 GHz.
        """


@dataclass(frozen=True)
class NoiseTable:
    """A noise figure by frequency alone, linear between points; one point is a constant."""

    thz: tuple[float, ...]
    db: tuple[float, ...]

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """See ``NoiseFigure``."""
        return np.interp(frequency_thz, self.thz, self.db)


@dataclass(frozen=True)
class TwoCoils:
    """``variable_gain``: two coils with an attenuator between them; best at the most gain, worse below.

    NF = NF1 + NF2 / (G - dP - dG), dG how far the gain is below the most, dP what the first coil gains less.
    NF1, NF2 and dP follow from the noise figures at the most and the least gain. A gain below the least is
    reached by an attenuator in front: dB by dB of noise figure.
    """

    gain_min_db: float
    gain_max_db: float
    nf_min_db: float
    nf_max_db: float

    @cached_property
    def _coils(self) -> tuple[float, float, float]:
        """NF1, NF2 and dP in dB."""
        best, worst = _linear(self.nf_min_db), _linear(self.nf_max_db)
        below_db = 5.0
        least_db = 2 * self.gain_min_db - self.gain_max_db
        span = 1 / _linear(self.gain_max_db - below_db) - 1 / _linear(least_db - below_db)
        second = (best - worst) / span
        first = best - second / _linear(self.gain_max_db - below_db)
        if first <= 0 or _db(first) < 4:
            raise GsnrError(
                f"noise figures {self.nf_min_db:g} to {self.nf_max_db:g} dB at gains {self.gain_max_db:g} to "
                f"{self.gain_min_db:g} dB ask for a first coil below 4 dB; correct them"
            )
        first_db, second_db = _db(first), _db(second)
        if not first_db + 0.3 < second_db < first_db + 2:
            second_db = min(max(second_db, first_db + 0.3), first_db + 2)
            below_db = self.gain_max_db - _db(_linear(second_db) / (best - first))
        return first_db, second_db, below_db

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """See ``NoiseFigure``."""
        first_db, second_db, below_db = self._coils
        pad_db = max(self.gain_min_db - gain_db, 0.0)
        gain_db = gain_db + pad_db
        between_db = gain_db - below_db - max(self.gain_max_db - gain_db, 0.0)
        nf_db = _db(_linear(first_db) + _linear(second_db) / _linear(between_db))
        return np.full(len(frequency_thz), nf_db + pad_db)


@dataclass(frozen=True)
class GainPolynomial:
    """``advanced_model``: a polynomial of how far the gain is below the most, and a ripple by frequency."""

    gain_min_db: float
    gain_max_db: float
    coefficients: tuple[float, ...]  # highest power first
    ripple: NoiseTable

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """See ``NoiseFigure``."""
        pad_db = max(self.gain_min_db - gain_db, 0.0)
        below_db = max(self.gain_max_db - gain_db - pad_db, 0.0)
        nf_db = float(np.polyval(self.coefficients, -below_db)) + pad_db
        return nf_db + self.ripple.at(frequency_thz, gain_db, input_dbm)


@dataclass(frozen=True)
class FixedGain:
    """``fixed_gain``: one noise figure; gains below the least are reached by an attenuator in front."""

    gain_min_db: float
    nf_db: float

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """See ``NoiseFigure``."""
        return np.full(len(frequency_thz), self.nf_db + max(self.gain_min_db - gain_db, 0.0))


@dataclass(frozen=True)
class OpenRoadm:
    """``openroadm``: OSNR in 0.1 nm as a polynomial of the input power of a 50 GHz channel.

    Without coefficients, ``openroadm_preamp``: OSNR = min((4 P + 275) / 7, 33) dB.
    """

    coefficients: tuple[float, ...]  # highest power first

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """See ``NoiseFigure``."""
        if self.coefficients:
            osnr_db = float(np.polyval(self.coefficients, input_dbm))
        else:
            osnr_db = min((4 * input_dbm + 275) / 7, 33.0)
        return np.full(len(frequency_thz), input_dbm - osnr_db + 58)


@dataclass(frozen=True)
class DualStage:
    """``dual_stage``: a preamplifier at its most gain and a booster that makes up the rest."""

    preamp_gain_db: float
    preamp: NoiseFigure
    booster: NoiseFigure

    def at(self, frequency_thz: np.ndarray, gain_db: float, input_dbm: float) -> np.ndarray:
        """See ``NoiseFigure``."""
        first_db = self.preamp.at(frequency_thz, self.preamp_gain_db, input_dbm)
        rest_db = gain_db - self.preamp_gain_db
        second_db = self.booster.at(frequency_thz, rest_db, input_dbm + self.preamp_gain_db)
        total = 10 ** (first_db / 10) + 10 ** ((second_db - self.preamp_gain_db) / 10)
        return 10 * np.log10(total)


def _linear(db: float) -> float:
    return 10.0 ** (db / 10.0)


def _db(ratio: float) -> float:
    return 10.0 * math.log10(ratio)
