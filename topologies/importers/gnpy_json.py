"""Reads a GNPy network [1]: elements (Roadm, Transceiver, Fiber, Edfa, Fused) and their connections.

A ROADM becomes a node; so does a transceiver that stands at the end of a line without a ROADM. What lies
between two of them (fibres, amplifiers, fused sites) becomes a link whose length is the sum of its fibres'.

[1] https://gnpy.readthedocs.io/en/master/json.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topologies.errors import TopologyError
from topologies.importers.assembly import Link, assemble, clean_name, number
from topologies.model import Topology

FIBRE_TYPES = ("Fiber", "RamanFiber")
ENDS = ("Roadm", "Transceiver")
FUSED = "Fused"
KM_BY_UNIT = {"km": 1.0, "m": 1e-3}


def read(document: Mapping[str, Any], path: Path) -> Topology:
    """The topology in a GNPy document.

    Raises:
        TopologyError: an element without uid or type, a connection to nowhere, a fibre without length, a line
            that forks, ends in nothing or has no way back, or what ``assemble`` refuses.
    """
    elements = _elements(document, path)
    segments_km = _segments_km(elements, _successors(document, elements, path), path)
    for uid, element in elements.items():
        if element["type"] == FUSED:
            segments_km = _without(uid, segments_km, path)
    name_by_uid = {uid: _site_name(uid) for uid in elements if any(uid in pair for pair in segments_km)}
    order = {uid: index for index, uid in enumerate(name_by_uid)}
    links = []
    remark = ""
    for (uid_a, uid_b), length_km in segments_km.items():
        if (uid_b, uid_a) not in segments_km:
            raise TopologyError(
                f"{path}: link {uid_a!r}-{uid_b!r} has no way back from {uid_b!r} to {uid_a!r}"
            )
        back_km = segments_km[uid_b, uid_a]
        if back_km != length_km:
            remark = " Where the two directions of a link differ in length, the longer one."
        if order[uid_a] < order[uid_b]:
            ends = name_by_uid[uid_a], name_by_uid[uid_b]
            links.append(Link(*ends, round(max(length_km, back_km), 6), f"line from {uid_a!r}"))
    position_deg: dict[str, tuple[float, float]] = {}
    for uid, name in name_by_uid.items():
        location = (elements[uid].get("metadata") or {}).get("location") or {}
        if "latitude" in location and "longitude" in location:
            where = f"{path}: element {uid!r}"
            latitude_deg, longitude_deg = (number(location[k], k, where) for k in ("latitude", "longitude"))
            position_deg[name] = (latitude_deg, longitude_deg)
    if len(set(position_deg.values())) <= 1:
        position_deg = {}  # GNPy puts everything at (0, 0) unless told otherwise
    name = str(document.get("network_name") or path.stem)
    source = f"{name}, imported from a GNPy network file.{remark}"
    return assemble(path, path.stem, source, list(name_by_uid.values()), position_deg, links)


def _elements(document: Mapping[str, Any], path: Path) -> dict[str, Mapping[str, Any]]:
    elements: dict[str, Mapping[str, Any]] = {}
    for count, element in enumerate(document.get("elements") or [], start=1):
        if not isinstance(element, dict) or not element.get("uid") or not element.get("type"):
            raise TopologyError(f"{path}: element number {count}: uid or type is missing")
        uid = str(element["uid"])
        if uid in elements:
            raise TopologyError(f"{path}: element {uid!r} is given twice")
        elements[uid] = element
    return elements


def _successors(
    document: Mapping[str, Any], elements: Mapping[str, Any], path: Path
) -> defaultdict[str, list[str]]:
    successors: defaultdict[str, list[str]] = defaultdict(list)
    for count, connection in enumerate(document.get("connections") or [], start=1):
        for key in ("from_node", "to_node"):
            uid = connection.get(key) if isinstance(connection, dict) else None
            if uid not in elements:
                raise TopologyError(f"{path}: connection number {count}: unknown node {uid!r} as {key}")
        successors[str(connection["from_node"])].append(str(connection["to_node"]))
    return successors


def _segments_km(
    elements: Mapping[str, Mapping[str, Any]], successors: Mapping[str, list[str]], path: Path
) -> dict[tuple[str, str], float]:
    """Length of every directed run of fibres and amplifiers between two sites (ROADM, transceiver, fused)."""
    segments_km: dict[tuple[str, str], float] = {}
    for begin, element in elements.items():
        if element["type"] not in (*ENDS, FUSED):
            continue
        for first in list(successors[begin]):
            length_km = 0.0
            here = first
            passed = {begin}
            while elements[here]["type"] not in (*ENDS, FUSED):
                if elements[here]["type"] in FIBRE_TYPES:
                    length_km += _fibre_km(here, elements[here], path)
                ahead = successors[here]
                if len(ahead) != 1 or here in passed:
                    reason = "forks" if len(ahead) > 1 else "ends"
                    raise TopologyError(f"{path}: the line from {begin!r} {reason} at {here!r}")
                passed.add(here)
                here = ahead[0]
            if length_km == 0 and "Transceiver" in (element["type"], elements[here]["type"]):
                continue  # the add and drop side of a ROADM
            _add(segments_km, begin, here, length_km, path)
    return segments_km


def _without(
    fused: str, segments_km: dict[tuple[str, str], float], path: Path
) -> dict[tuple[str, str], float]:
    """The segments with a fused site taken out and what it joined made one."""
    into = {begin: km for (begin, end), km in segments_km.items() if end == fused}
    out_of = {end: km for (begin, end), km in segments_km.items() if begin == fused}
    neighbours = sorted({*into, *out_of})
    if len(neighbours) > 2:
        raise TopologyError(
            f"{path}: fused site {fused!r} joins {', '.join(neighbours)}; only two can be made one link"
        )
    rest = {pair: km for pair, km in segments_km.items() if fused not in pair}
    for begin, begin_km in into.items():
        for end, end_km in out_of.items():
            if begin != end:
                _add(rest, begin, end, begin_km + end_km, path)
    return rest


def _add(
    segments_km: dict[tuple[str, str], float], begin: str, end: str, length_km: float, path: Path
) -> None:
    if (begin, end) in segments_km:
        raise TopologyError(f"{path}: link {begin!r}-{end!r} is given twice; keep one of the parallel lines")
    segments_km[begin, end] = length_km


def _fibre_km(uid: str, element: Mapping[str, Any], path: Path) -> float:
    params = element.get("params") or {}
    unit = params.get("length_units", "km")
    if unit not in KM_BY_UNIT:
        raise TopologyError(f"{path}: fibre {uid!r}: length_units is {unit!r}; km or m is needed")
    if params.get("length") is None:
        raise TopologyError(f"{path}: fibre {uid!r}: length is missing")
    length_km = number(params["length"], "length", f"{path}: fibre {uid!r}") * KM_BY_UNIT[unit]
    if not length_km > 0:
        raise TopologyError(
            f"{path}: fibre {uid!r}: length is {params['length']}; a positive number is needed"
        )
    return length_km


def _site_name(uid: str) -> str:
    prefix, _, rest = uid.partition(" ")
    return clean_name(rest if prefix.lower() in ("roadm", "trx") and rest else uid)
