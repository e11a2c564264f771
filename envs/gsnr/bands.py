"""Bands and the channels of a line: names, frequencies, noise figures, launch powers.

A channel is one carrier on a regular grid: channel i of a band stands ``i`` spacings above the band's first.
Not here: the fibre (``line.py``), what is lit in a network (``carriers.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from envs.gsnr.errors import GsnrError

MAX_CHANNELS = 2000  # in all; the Raman equations and the NLI are tables of channels by channels


@dataclass(frozen=True)
class Band:
    """An amplification band.

    Attributes:
        name: such as ``C``.
        first_channel_thz: centre frequency of its lowest channel.
        noise_figure_db: of its amplifiers.
    """

    name: str
    first_channel_thz: float
    noise_figure_db: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.first_channel_thz) and 100 <= self.first_channel_thz <= 300):
            raise GsnrError(
                f"band {self.name}: first channel at {self.first_channel_thz} THz; give 100 to 300 THz"
            )
        if not (math.isfinite(self.noise_figure_db) and 0 <= self.noise_figure_db <= 30):
            raise GsnrError(f"band {self.name}: noise figure {self.noise_figure_db} dB; give 0 to 30 dB")


@dataclass(frozen=True)
class Comb:
    """Channels in order of frequency, with what each carries when lit."""

    band_names: tuple[str, ...]
    baud_gbd: float
    spacing_ghz: float
    band: np.ndarray = field(repr=False)  # (num_channels,) int64 index into band_names
    frequency_thz: np.ndarray = field(repr=False)  # (num_channels,) float64, rising
    noise_figure_db: np.ndarray = field(repr=False)  # (num_channels,) float64
    launch_dbm: np.ndarray = field(repr=False)  # (num_channels,) float64 into every span

    @property
    def num_channels(self) -> int:
        """Channels of all bands together."""
        return len(self.frequency_thz)

    @property
    def launch_w(self) -> np.ndarray:
        """(num_channels,) launch power into every span."""
        return 1e-3 * 10.0 ** (self.launch_dbm / 10.0)

    def channels_of(self, name: str) -> range:
        """Channel indices of a band."""
        inside = np.flatnonzero(self.band == self.band_names.index(name))
        return range(int(inside[0]), int(inside[-1]) + 1)

    def only(self, lit: np.ndarray) -> Comb:
        """The comb of the lit channels alone: (num_channels,) bool."""
        return replace(
            self,
            band=self.band[lit],
            frequency_thz=self.frequency_thz[lit],
            noise_figure_db=self.noise_figure_db[lit],
            launch_dbm=self.launch_dbm[lit],
        )


def make_comb(
    bands: Sequence[Band],
    channels: int = 96,
    spacing_ghz: float = 50.0,
    baud_gbd: float = 32.0,
    power_dbm: float | Mapping[str, float] = 0.0,
) -> Comb:
    """The channels of some bands.

    Args:
        bands: in any order.
        channels: per band.
        spacing_ghz: between channels.
        baud_gbd: symbol rate of each.
        power_dbm: launch power per channel, one for all or one per band name.

    Raises:
        GsnrError: no band, a band twice, overlapping bands or channels, or a number out of range.
    """
    if not bands:
        raise GsnrError("no band is given; name at least one")
    names = [band.name for band in bands]
    if len(set(names)) != len(names):
        raise GsnrError(f"bands {', '.join(names)}: one is given twice; name each once")
    if channels < 1 or channels * len(bands) > MAX_CHANNELS:
        raise GsnrError(
            f"{channels} channels in {len(bands)} band(s); 1 to {MAX_CHANNELS} in all are supported"
        )
    if not (math.isfinite(baud_gbd) and 1 <= baud_gbd <= 400):
        raise GsnrError(f"symbol rate {baud_gbd} GBd; give 1 to 400")
    if not (math.isfinite(spacing_ghz) and baud_gbd <= spacing_ghz <= 1000):
        raise GsnrError(
            f"channel spacing {spacing_ghz} GHz at {baud_gbd} GBd; give the symbol rate to 1000 GHz"
        )
    ordered = sorted(bands, key=lambda band: band.first_channel_thz)
    frequency_thz = [
        round(band.first_channel_thz + 1e-3 * spacing_ghz * i, 6) for band in ordered for i in range(channels)
    ]
    gaps_ghz = 1e3 * np.diff(frequency_thz)
    if len(gaps_ghz) and gaps_ghz.min() < spacing_ghz - 1e-3:
        at = int(gaps_ghz.argmin())
        raise GsnrError(
            f"bands {', '.join(names)} with {channels} channels of {spacing_ghz} GHz overlap at "
            f"{frequency_thz[at + 1]:.3f} THz; use fewer channels or a smaller spacing"
        )
    powers = [_power_dbm(band, power_dbm) for band in ordered]
    return Comb(
        band_names=tuple(band.name for band in ordered),
        baud_gbd=float(baud_gbd),
        spacing_ghz=float(spacing_ghz),
        band=np.repeat(np.arange(len(ordered)), channels),
        frequency_thz=np.array(frequency_thz),
        noise_figure_db=np.repeat([band.noise_figure_db for band in ordered], channels),
        launch_dbm=np.repeat(powers, channels),
    )


def _power_dbm(band: Band, power_dbm: float | Mapping[str, float]) -> float:
    if isinstance(power_dbm, Mapping):
        if band.name not in power_dbm:
            raise GsnrError(f"no launch power for band {band.name}; given: {', '.join(power_dbm)}")
        value = float(power_dbm[band.name])
    else:
        value = float(power_dbm)
    if not (math.isfinite(value) and -40 <= value <= 10):
        raise GsnrError(f"launch power {value} dBm in band {band.name}; give -40 to 10 dBm per channel")
    return value


def random_part(num_channels: int, share: float, seed: int) -> np.ndarray:
    """(num_channels,) bool, a random share lit, at least one channel.

    Raises:
        GsnrError: a share that is not above 0 and at most 1.
    """
    if not (math.isfinite(share) and 0 < share <= 1):
        raise GsnrError(f"share of lit channels is {share}; give a number above 0 and at most 1")
    lit = np.zeros(num_channels, bool)
    count = max(1, round(share * num_channels))
    lit[np.random.default_rng(seed).choice(num_channels, count, replace=False)] = True
    return lit
