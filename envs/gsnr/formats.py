"""Modulation formats, the GSNR they need, and how many channels each takes for a bit rate."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.gsnr.errors import GsnrError

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


class Options(NamedTuple):
    """Ways to carry each bit rate, fewest channels first; -1 in ``width`` pads the rows."""

    width: np.ndarray  # (num_rates, num_options) int64 channels side by side
    format: np.ndarray  # (num_rates, num_options) int64 row of the format table
    most_noise: np.ndarray  # (num_rates, num_options) float64 1 / GSNR it bears, margin taken off


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


def carrying_options(
    bit_rates_gbps: Sequence[float],
    formats: Sequence[GsnrFormat],
    baud_gbd: float,
    margin_db: float = 1.0,
    transceiver_noise: float = 0.0,
) -> Options:
    """For each bit rate the formats worth trying: fewest channels first, and of equals the most robust.

    Raises:
        GsnrError: a bit rate that is not above 0, or a margin below 0.
    """
    if not (math.isfinite(margin_db) and margin_db >= 0):
        raise GsnrError(f"margin is {margin_db} dB; give 0 or more")
    rows: list[list[tuple[int, int]]] = []
    for bit_rate_gbps in bit_rates_gbps:
        if not (math.isfinite(bit_rate_gbps) and bit_rate_gbps > 0):
            raise GsnrError(f"bit rate is {bit_rate_gbps} Gb/s; give a number above 0")
        by_width: dict[int, int] = {}
        for index, item in enumerate(formats):
            width = math.ceil(bit_rate_gbps / (item.carrier_gbps_per_gbd * baud_gbd) - 1e-9)
            by_width.setdefault(width, index)
        rows.append(sorted(by_width.items()))
    shape = (len(rows), max(map(len, rows), default=0))
    options = Options(np.full(shape, -1, np.int64), np.zeros(shape, np.int64), np.zeros(shape))
    for r, row in enumerate(rows):
        for o, (width, index) in enumerate(row):
            options.width[r, o] = width
            options.format[r, o] = index
            needed_db = formats[index].threshold_db + margin_db
            options.most_noise[r, o] = 10.0 ** (-needed_db / 10.0) - transceiver_noise
    return options
