"""GNPy's files: amplifiers and fibres of an equipment file, and a network that is one line.

Read are Transceiver, Fiber, Edfa, Fused; a Roadm is refused, as what it does follows from GNPy's design of a
whole network. Not here: the models of the noise figures (``noise_figures.py``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from envs.gsnr.errors import GsnrError
from envs.gsnr.mixed_line import Amplifier
from envs.gsnr.noise_figures import (
    DualStage,
    FixedGain,
    GainPolynomial,
    NoiseFigure,
    NoiseTable,
    OpenRoadm,
    TwoCoils,
)

DEFAULT_BAND_THZ = (191.275, 196.125)  # of a type that names no f_min and f_max: GNPy's default


@dataclass(frozen=True)
class Equipment:
    """An equipment file."""

    file: Path
    amplifiers: Mapping[str, Mapping[str, Any]] = field(repr=False)  # entries of Edfa by type_variety
    fibres: Mapping[str, Mapping[str, Any]] = field(repr=False)
    spectrum: Mapping[str, Any] = field(repr=False)  # the first entry of SI

    def amplifier(self, variety: str) -> Amplifier:
        """An amplifier of that type, its gain left open.

        Raises:
            GsnrError: no such type, or one of a kind that is not known.
        """
        entry = self._entry(variety)
        shape = self._detail(entry)
        low, high = (
            1e-12 * shape[key] if key in shape else default
            for key, default in zip(("f_min", "f_max"), DEFAULT_BAND_THZ, strict=True)
        )
        ripple = shape.get("gain_ripple") or [0.0]
        return Amplifier(
            noise_figure=self._noise_figure(variety),
            ripple_thz=tuple(np.linspace(low, high, len(ripple)).tolist()),
            ripple_db=tuple(map(float, ripple)),
            most_dbm=float(entry["p_max"]) if "p_max" in entry else None,
        )

    def _entry(self, variety: str) -> Mapping[str, Any]:
        if variety not in self.amplifiers:
            raise GsnrError(f"{self.file}: no Edfa {variety!r}; known: {', '.join(self.amplifiers)}")
        return self.amplifiers[variety]

    def _detail(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """The entry with the file of details that it may name."""
        name = entry.get("advanced_config_from_json")
        if not name:
            return entry
        try:
            return {**entry, **json.loads((self.file.parent / name).read_text())}
        except (OSError, ValueError) as error:
            raise GsnrError(f"{self.file.parent / name}: cannot be read ({error}); put it there") from None

    def _noise_figure(self, variety: str) -> NoiseFigure:
        entry = self._entry(variety)
        kind = entry.get("type_def")
        try:
            if kind == "fixed_gain":
                return FixedGain(entry["gain_min"], entry["nf0"])
            if kind == "variable_gain":
                gains = entry["gain_min"], entry["gain_flatmax"]
                return TwoCoils(*gains, entry["nf_min"], entry["nf_max"])
            if kind == "openroadm":
                return OpenRoadm(tuple(entry["nf_coef"]))
            if kind == "openroadm_preamp":
                return OpenRoadm(())
            if kind == "dual_stage":
                first = entry["preamp_variety"]
                return DualStage(
                    self._entry(first)["gain_flatmax"],
                    self._noise_figure(first),
                    self._noise_figure(entry["booster_variety"]),
                )
            if kind == "advanced_model":
                shape = self._detail(entry)
                ripple = shape.get("nf_ripple") or [0.0]
                thz = np.linspace(1e-12 * shape["f_min"], 1e-12 * shape["f_max"], len(ripple))
                return GainPolynomial(
                    entry["gain_min"],
                    entry["gain_flatmax"],
                    tuple(shape["nf_fit_coeff"]),
                    NoiseTable(tuple(thz.tolist()), tuple(map(float, ripple))),
                )
        except KeyError as error:
            raise GsnrError(f"{self.file}: Edfa {variety!r} lacks {error}; add it") from None
        raise GsnrError(f"{self.file}: Edfa {variety!r} is of type_def {kind!r}, which is not known here")


def load_equipment(document: Any, file: Path) -> Equipment:
    """An equipment file that has been read.

    Raises:
        GsnrError: it has no amplifiers.
    """
    if not isinstance(document, dict) or not isinstance(document.get("Edfa"), list):
        raise GsnrError(f"{file}: no list Edfa in it; name a GNPy equipment file")
    named = {
        key: {str(item.get("type_variety")): item for item in document.get(key, [])}
        for key in ("Edfa", "Fiber")
    }
    spectrum = (document.get("SI") or [{}])[0]
    return Equipment(file, named["Edfa"], named["Fiber"], spectrum)


def is_network(document: Any) -> bool:
    """Whether a document is a GNPy network."""
    return isinstance(document, dict) and "elements" in document and "connections" in document


def document_of_network(document: Mapping[str, Any], equipment: Equipment) -> dict[str, Any]:
    """A GNPy network of one line as a line file has it; channels are those of the equipment file's SI.

    Raises:
        GsnrError: it forks, has an element that is not known here or two fibres side by side, lacks an
            entry.
    """
    try:
        reader = _NetworkReader(equipment)
        for element in _in_order(document):
            reader.take(element)
        return {"name": document.get("network_name", ""), **reader.document()}
    except (KeyError, TypeError, AttributeError) as error:
        raise GsnrError(f"an entry is missing or of the wrong kind ({error!r}); correct it") from None


class _NetworkReader:
    """Takes the elements of a line one by one."""

    def __init__(self, equipment: Equipment):
        self._equipment = equipment
        self._fibres: dict[str, Any] = {}
        self._amplifiers: dict[str, Any] = {}
        self._spans: list[dict[str, Any]] = []
        self._in_fibre = False
        self._behind_amplifier_db = 0.0  # attenuator at the last amplifier's output

    def take(self, element: Mapping[str, Any]) -> None:
        """The next element of the line."""
        uid, kind = element["uid"], element["type"]
        if kind == "Fiber":
            if self._in_fibre:
                raise GsnrError(f"{uid}: two fibres without an amplifier between; make them one")
            self._take_fibre(uid, element)
        elif kind == "Fused" and self._in_fibre:
            self._spans[-1]["connector_out_db"] += element.get("params", {}).get("loss", 1.0)
        elif kind == "Edfa" and self._in_fibre:
            self._take_amplifier(uid, element)
        elif kind != "Transceiver":
            raise GsnrError(f"{uid}: a {kind} here is not read; a line is Fiber, Edfa, Fiber, Edfa ...")

    def _take_fibre(self, uid: str, element: Mapping[str, Any]) -> None:
        params = element["params"]
        self._fibres[uid] = _fibre_kind(element, self._equipment)
        scale = {"km": 1.0, "m": 1e-3}[params.get("length_units", "km")]
        into_db = (params.get("con_in") or 0.0) + (params.get("att_in") or 0.0)
        self._spans.append(
            {
                "length_km": scale * params["length"],
                "fibre": uid,
                "connector_in_db": into_db + self._behind_amplifier_db,
                "connector_out_db": params.get("con_out") or 0.0,
            }
        )
        self._in_fibre = True

    def _take_amplifier(self, uid: str, element: Mapping[str, Any]) -> None:
        run = element.get("operational", {})
        if run.get("tilt_target"):
            raise GsnrError(f"{uid}: tilt_target is not read; write it as ripple_db of a line file")
        self._amplifiers[uid] = {
            "type_variety": element.get("type_variety"),
            "gain_db": run.get("gain_target"),
        }
        self._spans[-1]["amplifier"] = uid
        self._spans[-1]["connector_out_db"] += run.get("in_voa") or 0.0
        self._behind_amplifier_db = run.get("out_voa") or 0.0
        self._in_fibre = False

    def document(self) -> dict[str, Any]:
        """Channels, fibres, amplifiers and spans of what was taken."""
        if self._in_fibre or not self._spans:
            raise GsnrError("the line does not end in an amplifier; add one")
        si = self._equipment.spectrum
        group = {
            "band": "C",
            "first_thz": 1e-12 * si["f_min"],
            "count": int((si["f_max"] - si["f_min"]) // si["spacing"]) + 1,
            "spacing_ghz": 1e-9 * si["spacing"],
            "baud_gbd": 1e-9 * si["baud_rate"],
            "launch_dbm": si["power_dbm"],
        }
        return {
            "channels": [group],
            "fibres": self._fibres,
            "amplifiers": self._amplifiers,
            "spans": self._spans,
        }


def _in_order(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Elements from the transceiver that nothing leads to, along the connections."""
    known = {element["uid"]: element for element in document["elements"]}
    after = {item["from_node"]: item["to_node"] for item in document["connections"]}
    targets = set(after.values())
    starts = [uid for uid in known if uid not in targets]
    if len(after) != len(document["connections"]) or len(starts) != 1 or len(after) != len(known) - 1:
        raise GsnrError("not one line from one transceiver to another; give one direction of a line")
    at, found = starts[0], []
    while at is not None:
        if at not in known:
            raise GsnrError(f"a connection leads to {at!r}, which is no element; correct it")
        found.append(known[at])
        at = after.get(at)
    return found


def _fibre_kind(element: Mapping[str, Any], equipment: Equipment) -> dict[str, Any]:
    variety = element.get("type_variety", "SSMF")
    if variety not in equipment.fibres:
        raise GsnrError(f"{element['uid']}: no Fiber {variety!r} in {equipment.file}")
    entry = {**equipment.fibres[variety], **element["params"]}
    for key in ("dispersion_per_frequency", "lumped_losses", "raman_coefficient"):
        if entry.get(key):
            raise GsnrError(f"{element['uid']}: {key} is not read; leave it out")
    loss = entry.get("loss_coef", 0.2)
    if isinstance(loss, Mapping):
        loss = [[1e-12 * f, v] for f, v in zip(loss["frequency"], loss["value"], strict=True)]
    slope = entry.get("dispersion_slope")
    return {
        "attenuation_db_km": loss,
        "dispersion_ps_nm_km": 1e6 * entry.get("dispersion", 1.67e-5),
        "dispersion_slope_ps_nm2_km": None if slope is None else 1e-3 * slope,
        "effective_area_um2": 1e12 * entry.get("effective_area", 83e-12),
    }
