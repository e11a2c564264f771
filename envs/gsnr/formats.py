"""Modulation formats and the GSNR they need. Not here: which of them carries a request (``listing.py``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

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
