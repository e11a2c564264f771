"""Modulation formats, the GSNR they need, and what a carrier of each symbol rate carries with them.

Not here: which of them carries a request (``listing.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from envs.gsnr.errors import GsnrError
from envs.transceivers import STANDARD, Transceiver

FORMATS_FILE = Path(__file__).parents[1] / "data" / "gsnr_formats.json"


@dataclass(frozen=True)
class GsnrFormat:
    """A polarisation-multiplexed format.

    ``carrier_gbps_per_gbd`` is the net bit rate of one carrier for each GBd: 2 x bits / (1 + overhead).
    """

    name: str
    bits_per_symbol: int
    threshold_db: float
    overhead: float

    @property
    def carrier_gbps_per_gbd(self) -> float:
        """Net bit rate of one carrier, over its symbol rate."""
        return 2.0 * self.bits_per_symbol / (1.0 + self.overhead)


def load_formats(file: Path | None = None) -> tuple[GsnrFormat, ...]:
    """The formats in a file, the one that ships by default, from the most robust to the most efficient.

    Raises:
        GsnrError: the file is missing, is not JSON, lacks an entry, or is not in that order.
    """
    path = file or FORMATS_FILE
    try:
        document = json.loads(path.read_text())
        overhead = float(document["overhead"])
        formats = tuple(
            GsnrFormat(str(item["name"]), int(item["bits_per_symbol"]), float(item["threshold_db"]), overhead)
            for item in document["formats"]
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise GsnrError(f"{path}: no formats in it ({error!r}); compare {FORMATS_FILE}") from None
    order = [(item.bits_per_symbol, item.threshold_db) for item in formats]
    if not formats or any(b[0] <= a[0] or b[1] <= a[1] for a, b in pairwise(order)):
        raise GsnrError(f"{path}: formats must rise in bits per symbol and in threshold")
    return formats


@dataclass(frozen=True)
class CarrierFormat:
    """A format at a symbol rate: what the carriers of a lightpath are."""

    name: str
    modulation: GsnrFormat
    transceiver: Transceiver
    rate: int  # row of its transceiver among the plant's

    @property
    def carrier_gbps(self) -> float:
        """Net bit rate of one carrier."""
        return self.modulation.carrier_gbps_per_gbd * self.transceiver.symbol_rate_gbd

    def carriers(self, bit_rate_gbps: float) -> int:
        """Carriers side by side that carry a bit rate."""
        return math.ceil(bit_rate_gbps / self.carrier_gbps - 1e-9)


def carrier_formats(
    transceivers: Sequence[Transceiver], formats: Sequence[GsnrFormat] | None = None
) -> tuple[CarrierFormat, ...]:
    """The formats of a plant, from the most efficient to the most robust modulation.

    Within one modulation the symbol rates that fill their slots most come first. Where the plant names no
    transceivers, a format is called as its modulation; else the symbol rate is part of the name.

    >>> [item.name for item in carrier_formats((Transceiver(32.0, 4), Transceiver(130.0, 12)))[-2:]]
    ['PM-BPSK-130GBd', 'PM-BPSK-32GBd']
    """
    rates = list(enumerate(transceivers or (STANDARD,)))
    rates.sort(key=lambda item: -item[1].symbol_rate_gbd / item[1].slots)
    return tuple(
        CarrierFormat(
            f"{modulation.name}-{rate.symbol_rate_gbd:g}GBd" if transceivers else modulation.name,
            modulation,
            rate,
            row,
        )
        for modulation in reversed(formats or load_formats())
        for row, rate in rates
    )
