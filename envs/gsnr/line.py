"""What a line is made of, read from ``envs/data/line.json``, and what comes out of it.

FibreType parameters as functions of frequency are here; the noise is in ``isrs_gn.py``. SI units inside.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from envs.gsnr.bands import Band
from envs.gsnr.errors import GsnrError

LIGHT_M_S = 299_792_458.0
PLANCK_J_S = 6.62607015e-34
LINE_FILE = Path(__file__).parents[1] / "data" / "line.json"


@dataclass(frozen=True)
class FibreType:
    """A fibre; every parameter is taken at ``reference_wavelength_nm`` unless it says otherwise.

    ``raman_gamma_m_w`` is g0 times the overlap area (m/W) for a pump at ``raman_pump_thz``; the gain scales
    with the pump's frequency and with one over the mean effective area of the two waves [1, section III.D].
    Without a slope, D grows with frequency squared, so that beta2 is the same everywhere: GNPy's rule for the
    fibres of its equipment library. ``loss_thz`` and ``loss_db_km`` make the loss follow frequency: between
    two points it is linear, beyond the last it stays. Without them it is ``attenuation_db_km`` everywhere.

    [1] D'Amico et al., "Scalable and disaggregated GGN approximation applied to a C+L+S optical network",
        JLT 40(11), 2022.
    """

    attenuation_db_km: float
    dispersion_ps_nm_km: float
    dispersion_slope_ps_nm2_km: float | None
    reference_wavelength_nm: float
    nonlinear_index_m2_w: float
    effective_area_um2: float
    core_radius_um: float
    raman_pump_thz: float
    raman_offset_thz: tuple[float, ...] = field(repr=False)
    raman_gamma_m_w: tuple[float, ...] = field(repr=False)
    loss_thz: tuple[float, ...] = ()
    loss_db_km: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("attenuation_db_km", "reference_wavelength_nm", "effective_area_um2", "core_radius_um"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise GsnrError(f"fibre: {name} is {value}; a positive number is needed")
        if len(self.raman_offset_thz) != len(self.raman_gamma_m_w) or len(self.raman_offset_thz) < 2:
            raise GsnrError(
                "fibre: raman_offset_thz and raman_gamma_m_w must be two lists of the same length"
            )
        if np.any(np.diff(self.raman_offset_thz) <= 0) or self.raman_offset_thz[0] != 0:
            raise GsnrError("fibre: raman_offset_thz must begin at 0 and rise")
        if len(self.loss_thz) != len(self.loss_db_km) or np.any(np.diff(self.loss_thz) <= 0):
            raise GsnrError("fibre: loss_thz must rise and have as many entries as loss_db_km")
        if any(not (math.isfinite(value) and value > 0) for value in self.loss_db_km):
            raise GsnrError(f"fibre: loss_db_km is {self.loss_db_km}; positive numbers are needed")

    @property
    def attenuation_1_m(self) -> float:
        """Power attenuation in nepers per metre."""
        return self.attenuation_db_km / (10.0 * math.log10(math.e)) / 1e3

    def loss_1_m(self, frequency_hz: np.ndarray) -> np.ndarray:
        """(num_channels,) power attenuation at each frequency, in nepers per metre."""
        if not self.loss_thz:
            return np.full(np.shape(frequency_hz), self.attenuation_1_m)
        loss_db_km = np.interp(1e-12 * np.asarray(frequency_hz), self.loss_thz, self.loss_db_km)
        return loss_db_km / (10.0 * math.log10(math.e)) / 1e3

    def beta2_s2_m(self, frequency_hz: np.ndarray) -> np.ndarray:
        """Group-velocity dispersion from D and its slope, at each frequency."""
        wavelength_m = LIGHT_M_S / np.asarray(frequency_hz)
        if self.dispersion_slope_ps_nm2_km is None:
            reference_m = 1e-9 * self.reference_wavelength_nm
            everywhere = -(reference_m**2) * 1e-6 * self.dispersion_ps_nm_km / (2 * math.pi * LIGHT_M_S)
            return np.full(np.shape(wavelength_m), everywhere)
        dispersion_s_m2 = 1e-6 * self.dispersion_ps_nm_km + 1e3 * self.dispersion_slope_ps_nm2_km * (
            wavelength_m - 1e-9 * self.reference_wavelength_nm
        )
        return -(wavelength_m**2) * dispersion_s_m2 / (2 * math.pi * LIGHT_M_S)

    def effective_area_m2(self, frequency_hz: np.ndarray) -> np.ndarray:
        """Mode area pi w^2 with the mode radius w = r / sqrt(ln V) of a step-index fibre.

        V is proportional to frequency, its constant fixed by the effective area at the reference wavelength.
        """
        core_m2 = math.pi * (1e-6 * self.core_radius_um) ** 2
        reference_hz = LIGHT_M_S / (1e-9 * self.reference_wavelength_nm)
        log_v = core_m2 / (1e-12 * self.effective_area_um2) + np.log(np.asarray(frequency_hz) / reference_hz)
        return core_m2 / log_v

    def gamma_1_w_m(self, frequency_hz: np.ndarray) -> np.ndarray:
        """Nonlinear coefficient 2 pi f n2 / (c Aeff(f)) at each frequency."""
        area_m2 = self.effective_area_m2(frequency_hz)
        return 2 * math.pi * np.asarray(frequency_hz) * self.nonlinear_index_m2_w / (LIGHT_M_S * area_m2)

    def raman_gain_1_w_m(self, frequency_hz: np.ndarray) -> np.ndarray:
        """(n, n): how fast channel i grows, per metre and watt of channel j; negative where j takes from i.

        What one channel gains the other loses: the energy left as vibrations (at most 8 % of it at 15 THz) is
        neglected, as in the triangular model and in GNPy.
        """
        frequency_hz = np.asarray(frequency_hz)
        above_thz = 1e-12 * (frequency_hz[None, :] - frequency_hz[:, None])
        pump_hz = np.maximum(frequency_hz[None, :], frequency_hz[:, None])
        area_m2 = self.effective_area_m2(frequency_hz)
        overlap_m2 = (area_m2[None, :] + area_m2[:, None]) / 2
        profile = np.interp(np.abs(above_thz), self.raman_offset_thz, self.raman_gamma_m_w, right=0.0)
        return np.sign(above_thz) * profile * pump_hz / (1e12 * self.raman_pump_thz) / overlap_m2


@dataclass(frozen=True)
class LineParameters:
    """What ships in ``envs/data/line.json``: fibre, bands, spans."""

    fibre: FibreType
    bands: tuple[Band, ...]
    span_km: float

    def band(self, name: str) -> Band:
        """The band of that name.

        Raises:
            GsnrError: there is none.
        """
        for band in self.bands:
            if band.name == name.strip().upper():
                return band
        known = ", ".join(band.name for band in self.bands)
        raise GsnrError(f"unknown band {name!r}; known: {known}")


@dataclass(frozen=True)
class Line:
    """Identical spans, each followed by an amplifier that restores every channel's launch power.

    Attributes:
        fibre: of every span.
        spans: how many.
        span_km: length of each.
        transceiver_snr_db: back-to-back SNR of the two ends together; None leaves it out.
        roadm_loss_db: loss of the ROADMs at the two ends together, made good by an amplifier of the band's
            noise figure; None leaves it out.
    """

    fibre: FibreType
    spans: int
    span_km: float
    transceiver_snr_db: float | None = None
    roadm_loss_db: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.spans <= 1000:
            raise GsnrError(f"{self.spans} spans; give 1 to 1000")
        if not (math.isfinite(self.span_km) and 1 <= self.span_km <= 300):
            raise GsnrError(f"span of {self.span_km} km; give 1 to 300 km")
        if self.transceiver_snr_db is not None and not 0 < self.transceiver_snr_db < 100:
            raise GsnrError(
                f"transceiver SNR {self.transceiver_snr_db} dB; give 0 to 100 dB, or leave it out"
            )
        if self.roadm_loss_db is not None and not 0 <= self.roadm_loss_db < 100:
            raise GsnrError(f"ROADM loss {self.roadm_loss_db} dB; give 0 to 100 dB, or leave it out")


@dataclass(frozen=True)
class LineResult:
    """Signal-to-noise ratios of the lit channels at the end of a line, linear, in the symbol rate."""

    snr_ase: np.ndarray  # (num_lit,) float64, with the ROADMs' amplifiers if any
    snr_nli: np.ndarray  # (num_lit,) float64
    gsnr: np.ndarray  # (num_lit,) float64, with the transceiver's noise if any
    span_loss_db: np.ndarray  # (num_lit,) float64, Raman transfer included


def load_line_parameters(file: Path | None = None) -> LineParameters:
    """The line in a file; the one that ships by default.

    Raises:
        GsnrError: the file is missing, is not JSON, or lacks an entry.
    """
    path = file or LINE_FILE
    try:
        document = json.loads(path.read_text())
        values = dict(document["fibre"])
        raman = values.pop("raman")
        values.pop("source", None)
        values |= {
            "raman_pump_thz": raman["pump_thz"],
            "raman_offset_thz": tuple(map(float, raman["offset_thz"])),
            "raman_gamma_m_w": tuple(map(float, raman["gamma_m_w"])),
        }
        unknown = set(values) - {item.name for item in fields(FibreType)}
        if unknown:
            raise GsnrError(f"{path}: unknown fibre entries {', '.join(sorted(unknown))}; remove them")
        bands = tuple(
            Band(str(b["name"]), float(b["first_channel_thz"]), float(b["noise_figure_db"]))
            for b in document["bands"]
        )
        return LineParameters(FibreType(**values), bands, float(document["span_km"]))
    except FileNotFoundError:
        raise GsnrError(f"no line parameters in {path}; give a file that exists") from None
    except json.JSONDecodeError as error:
        raise GsnrError(f"{path} is not JSON ({error}); correct it") from None
    except (KeyError, TypeError) as error:
        raise GsnrError(
            f"{path}: an entry is missing or of the wrong kind ({error}); compare {LINE_FILE}"
        ) from None
