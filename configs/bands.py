"""The spectrum that a configuration describes.

Apart from ``build.py``, so that controller, elements and console, which need only this, do not load compiled
code.
"""

from __future__ import annotations

from configs.schema import Config
from topologies.grid import SpectrumBand, c_band


def bands_of(config: Config) -> tuple[SpectrumBand, ...]:
    """The bands of a spectrum unit, in order of frequency."""
    return (c_band(config.plant.num_slots),)
