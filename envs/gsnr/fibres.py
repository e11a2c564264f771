"""Fibre types by name: ``envs/data/fibres.json``. What a fibre is: ``line.FibreType``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from envs.gsnr.errors import GsnrError
from envs.gsnr.line import FibreType, load_line_parameters

FIBRES_FILE = Path(__file__).parents[1] / "data" / "fibres.json"


def load_fibres() -> dict[str, FibreType]:
    """Every known fibre type by each of its names: SSMF and G.652, NZDSF and G.655, LAF and G.654."""
    base = load_line_parameters().fibre
    known: dict[str, FibreType] = {}
    for name, values in json.loads(FIBRES_FILE.read_text())["types"].items():
        also = values.pop("also")
        known |= dict.fromkeys([name, *also], replace(base, **values))
    return known


def fibre_named(name: str, known: dict[str, FibreType]) -> FibreType:
    """The fibre type of that name.

    Raises:
        GsnrError: there is none.
    """
    if name not in known:
        raise GsnrError(f"unknown fibre {name!r}; known: {', '.join(known)}")
    return known[name]
