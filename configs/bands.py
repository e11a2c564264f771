"""The spectrum that a configuration describes.

Apart from ``build.py``, so that controller, elements and console, which need only this, do not load compiled
code.
"""

from __future__ import annotations

from configs.schema import Config
from topologies.grid import CHANNEL_SLOTS, SpectrumBand, c_band, spectrum_bands


def bands_of(config: Config) -> tuple[SpectrumBand, ...]:
    """The bands of a spectrum unit, in order of frequency; the C band alone where none is named.

    Raises:
        ValueError: bands that overlap.
    """
    if config.plant.bands:
        return spectrum_bands(config.plant.bands, config.plant.channels_per_band * CHANNEL_SLOTS)
    return (c_band(config.plant.num_slots),)
