"""A line from a file, JSON or YAML: what ``lightloop gsnr line --line FILE`` reads.

Keys: ``line_schema.py``, docs/lines.md. GNPy's equipment files and networks of one line: ``gnpy_files.py``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from envs.gsnr.bands import MAX_CHANNELS
from envs.gsnr.errors import GsnrError
from envs.gsnr.fibres import fibre_named, load_fibres
from envs.gsnr.filters import PassbandFilter, PassTable
from envs.gsnr.gnpy_files import Equipment, document_of_network, is_network, load_equipment
from envs.gsnr.line import LIGHT_M_S, FibreType, load_line_parameters
from envs.gsnr.line_schema import AmplifierKind, FibreKind, LineDocument, RoadmEntry, SpanEntry
from envs.gsnr.mixed_line import (
    Amplifier,
    ChannelBlock,
    LineChannels,
    LineSpan,
    MixedLine,
    Roadm,
    line_channels,
)
from envs.gsnr.noise_figures import NoiseTable


@dataclass(frozen=True)
class LoadedLine:
    """A line and its channels."""

    name: str
    line: MixedLine
    channels: LineChannels


def load_line(file: Path, equipment: Path | None = None) -> LoadedLine:
    """The line in a file: a line file, or a GNPy network of one line.

    Args:
        file: JSON or YAML.
        equipment: a GNPy equipment file, in the place of the one that the file names.

    Raises:
        GsnrError: a file that is missing, is neither, or says what cannot be; names the entry.
    """
    try:
        document = _read(file)
        if is_network(document):
            if equipment is None:
                raise GsnrError("a GNPy network needs its equipment file: add --equipment FILE")
            known = load_equipment(_read(equipment), equipment)
            return build_line(_checked(document_of_network(document, known)), known)
        parsed = _checked(document)
        beside = file.parent / parsed.equipment if parsed.equipment else None
        chosen = equipment or beside
        return build_line(parsed, load_equipment(_read(chosen), chosen) if chosen else None)
    except GsnrError as error:
        raise GsnrError(f"{file}: {error}") from None


def _checked(document: Any) -> LineDocument:
    try:
        return LineDocument.model_validate(document)
    except ValidationError as error:
        raise GsnrError(_first_of(error)) from None


def build_line(document: LineDocument, equipment: Equipment | None = None) -> LoadedLine:
    """The line that a checked document describes.

    Raises:
        GsnrError: an unknown name, tables out of order, channels that are too many or overlap, a fibre that
            cannot be.
    """
    if sum(group.count for group in document.channels) > MAX_CHANNELS:
        raise GsnrError(f"more than {MAX_CHANNELS} channels; light fewer")
    channels = line_channels(
        [
            ChannelBlock(
                group.band,
                np.round(group.first_thz + 1e-3 * group.spacing_ghz * np.arange(group.count), 6),
                group.baud_gbd,
                group.spacing_ghz,
                group.launch_dbm,
            )
            for group in document.channels
        ]
    )
    fibres = load_fibres()
    for name, kind in document.fibres.items():
        fibres[name] = _fibre(name, kind, fibres)
    amplifiers = {
        name: _amplifier(f"amplifier {name}", kind, equipment) for name, kind in document.amplifiers.items()
    }
    spans = [
        span
        for number, entry in enumerate(document.spans, 1)
        for span in [_span(f"spans[{number}]", entry, fibres, amplifiers, channels.band_names, equipment)]
        * entry.count
    ]
    if any(span.roadm for span in spans) and document.roadm is None:
        raise GsnrError("a span ends in a ROADM, but the section roadm is missing: add it, it may be empty")
    line = MixedLine(
        tuple(spans), _roadm(document.roadm) if document.roadm else None, document.transceiver_snr_db
    )
    return LoadedLine(document.name, line, channels)


def _fibre(name: str, kind: FibreKind, known: Mapping[str, FibreType]) -> FibreType:
    base = fibre_named(kind.base, dict(known))
    changes: dict[str, Any] = {}
    if isinstance(kind.attenuation_db_km, list):
        thz, db_km = _rising(f"fibres.{name}.attenuation_db_km", kind.attenuation_db_km)
        reference_thz = 1e-3 * LIGHT_M_S / base.reference_wavelength_nm
        changes |= {
            "loss_thz": thz,
            "loss_db_km": db_km,
            "attenuation_db_km": float(np.interp(reference_thz, thz, db_km)),
        }
    elif kind.attenuation_db_km is not None:
        changes |= {"attenuation_db_km": kind.attenuation_db_km, "loss_thz": (), "loss_db_km": ()}
    if kind.dispersion_ps_nm_km is not None or kind.dispersion_slope_ps_nm2_km is not None:
        if kind.dispersion_ps_nm_km is not None:
            changes["dispersion_ps_nm_km"] = kind.dispersion_ps_nm_km
        changes["dispersion_slope_ps_nm2_km"] = kind.dispersion_slope_ps_nm2_km
    area_um2 = kind.effective_area_um2
    if kind.gamma_1_w_km is not None:
        per_area = 2 * math.pi / (1e-9 * base.reference_wavelength_nm)
        if area_um2 is None:
            area_um2 = 1e12 * per_area * base.nonlinear_index_m2_w / (1e-3 * kind.gamma_1_w_km)
        else:
            changes["nonlinear_index_m2_w"] = 1e-3 * kind.gamma_1_w_km * 1e-12 * area_um2 / per_area
    if area_um2 is not None:
        changes["effective_area_um2"] = area_um2
    return replace(base, **changes)


def _amplifier(where: str, kind: AmplifierKind, equipment: Equipment | None) -> Amplifier:
    if kind.type_variety is not None:
        if equipment is None:
            raise GsnrError(f"{where}: type_variety {kind.type_variety!r} needs an equipment file: name one")
        made = equipment.amplifier(kind.type_variety)
    else:
        made = Amplifier(_noise_figure(where, kind.noise_figure_db))
    if kind.ripple_db is not None:
        thz, db = _rising(f"{where}.ripple_db", kind.ripple_db)
        made = replace(made, ripple_thz=thz, ripple_db=db)
    if kind.most_dbm is not None:
        made = replace(made, most_dbm=kind.most_dbm)
    return replace(made, gain_db=kind.gain_db)


def _noise_figure(where: str, given: float | Sequence[tuple[float, float]] | None) -> NoiseTable:
    if isinstance(given, int | float):
        return NoiseTable((193.0,), (float(given),))
    return NoiseTable(*_rising(f"{where}.noise_figure_db", given or []))


def _span(
    where: str,
    entry: SpanEntry,
    fibres: dict[str, FibreType],
    amplifiers: Mapping[str, Amplifier],
    bands: Sequence[str],
    equipment: Equipment | None,
) -> LineSpan:
    def one(band: str, given: str | float | None) -> Amplifier:
        if given is None:
            return Amplifier(NoiseTable((193.0,), (load_line_parameters().band(band).noise_figure_db,)))
        if not isinstance(given, str):
            return Amplifier(_noise_figure(where, given))
        if given in amplifiers:
            return amplifiers[given]
        if equipment is not None and given in equipment.amplifiers:
            return replace(equipment.amplifier(given), gain_db=None)
        known = ", ".join([*amplifiers, *(equipment.amplifiers if equipment else ())]) or "none"
        raise GsnrError(f"{where}: unknown amplifier {given!r}; known: {known}")

    if isinstance(entry.amplifier, dict):
        unknown = set(entry.amplifier) - set(bands)
        if unknown:
            raise GsnrError(
                f"{where}.amplifier: no band {', '.join(sorted(unknown))}; known: {', '.join(bands)}"
            )
        chosen = {band: one(band, given) for band, given in entry.amplifier.items()}
    else:
        chosen = {band: one(band, entry.amplifier) for band in bands}
    fibre = fibre_named(entry.fibre, fibres)
    return LineSpan(
        fibre, entry.length_km, entry.connector_in_db, entry.connector_out_db, chosen, entry.roadm
    )


def _roadm(entry: RoadmEntry) -> Roadm:
    made: PassbandFilter | PassTable | None = None
    if entry.filter is not None:
        made = PassbandFilter(entry.filter.guard_ghz, entry.filter.edge_ghz)
    elif entry.penalty_db is not None:
        made = PassTable(*_rising("roadm.penalty_db", entry.penalty_db))
    return Roadm(entry.loss_db, NoiseTable((193.0,), (entry.noise_figure_db,)), made, entry.at_ends)


def _rising(where: str, pairs: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not pairs or any(b[0] <= a[0] for a, b in pairwise(pairs)):
        raise GsnrError(f"{where}: the first numbers of its pairs must rise; order them")
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)


def _read(file: Path) -> Any:
    try:
        text = file.read_text()
        # YAML 1.1 reads 83e-12, a number in JSON, as text.
        return json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise GsnrError(f"cannot read {file} ({error}); name a file that exists") from None
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise GsnrError(f"{file} is neither JSON nor YAML ({what}); correct it") from None


def _first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in first["loc"]]
    where = "".join(parts).lstrip(".") or "the file"
    others = f" ({error.error_count()} faults in all)" if error.error_count() > 1 else ""
    given = "" if first["type"] == "missing" else f", given {str(first['input'])[:80]!r}"
    return f"{where}: {first['msg']}{given}{others}; docs/lines.md lists what may stand there"
