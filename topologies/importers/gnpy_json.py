"""Reads a GNPy network [1]: elements (Roadm, Transceiver, Fiber, Edfa, Fused) and their connections.

A ROADM becomes a node; so does a transceiver that stands at the end of a line without a ROADM. What lies
between two of them (fibres, amplifiers, fused sites) becomes a link whose length is the sum of its fibres'.

[1] https://gnpy.readthedocs.io/en/master/json.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, Link, clean_name, distinct_names, number, one_per_pair

FIBRE_TYPES = ("Fiber", "RamanFiber")
ENDS = ("Roadm", "Transceiver")
FUSED = "Fused"
KM_BY_UNIT = {"km": 1.0, "m": 1e-3}
API_KEY = "gnpy-api:api"  # everything GNPy's API takes, in one document
YANG_KEY = "gnpy-network-topology:topology"
YANG_TYPE = "gnpy-network-topology:"  # before an element's type, in some of them


@dataclass(frozen=True)
class _Segment:
    """One direction of a line between two sites."""

    begin: str
    end: str
    length_km: float


def network_in(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The GNPy network in a JSON object, in whichever of GNPy's forms; None where it has none."""
    api = document.get(API_KEY)
    inside = (api if isinstance(api, dict) else document).get(YANG_KEY)
    if isinstance(inside, dict):
        return inside
    return document if isinstance(document.get("elements"), list) else None


def read(document: Mapping[str, Any], path: Path) -> Draft:
    """The network in a GNPy document.

    Raises:
        TopologyError: an element without uid or type, a connection to nowhere, a fibre without length, or a
            line that forks or ends in nothing.
    """
    elements = _elements(document, path)
    segments = _segments(elements, _successors(document, elements, path), path)
    for uid, element in elements.items():
        if element["type"] == FUSED:
            segments = _without(uid, segments, path)
    segments = [segment for segment in segments if segment.length_km > 0]
    ends = {uid for segment in segments for uid in (segment.begin, segment.end)}
    sites = [uid for uid in elements if uid in ends]
    names = distinct_names([_site_name(uid) for uid in sites], sites)
    name_by_uid = dict(zip(sites, names, strict=True))
    links = [
        Link(
            name_by_uid[segment.begin],
            name_by_uid[segment.end],
            _without_dust(segment.length_km),
            f"line from {segment.begin!r} to {segment.end!r}",
        )
        for segment in segments
    ]
    num_directed = len(links)
    links, merged = one_per_pair(links)
    remark = merged if num_directed != len(links) and _differ(segments) else ""
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
    return Draft(
        path,
        path.stem,
        source,
        list(name_by_uid.values()),
        position_deg,
        links,
        lists_both_ways=num_directed == len(links),
    )


def _elements(document: Mapping[str, Any], path: Path) -> dict[str, Mapping[str, Any]]:
    elements: dict[str, Mapping[str, Any]] = {}
    for count, element in enumerate(document.get("elements") or [], start=1):
        if not isinstance(element, dict) or not element.get("uid") or not element.get("type"):
            raise TopologyError(f"{path}: GNPy network: element number {count}: uid or type is missing")
        uid = str(element["uid"])
        if uid in elements:
            raise TopologyError(f"{path}: element {uid!r} is given twice")
        elements[uid] = {**element, "type": str(element["type"]).removeprefix(YANG_TYPE)}
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


def _segments(
    elements: Mapping[str, Mapping[str, Any]], successors: Mapping[str, list[str]], path: Path
) -> list[_Segment]:
    """Every directed run of fibres and amplifiers between two sites (ROADM, transceiver, fused).

    They come in the order in which the file lists what they begin with. A run without a fibre joins a
    transceiver to its ROADM, or a fused site to either; it has a length of 0.
    """
    order = {uid: index for index, uid in enumerate(elements)}
    starts = [
        (order[first], begin, first)
        for begin, element in elements.items()
        if element["type"] in (*ENDS, FUSED)
        for first in successors[begin]
    ]
    segments = []
    for _, begin, first in sorted(starts):
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
        segments.append(_Segment(begin, here, length_km))
    return segments


def _without(fused: str, segments: Sequence[_Segment], path: Path) -> list[_Segment]:
    """The segments with a fused site taken out and what it joined made one."""
    into = [segment for segment in segments if segment.end == fused]
    out_of = [segment for segment in segments if segment.begin == fused]
    neighbours = sorted({segment.begin for segment in into} | {segment.end for segment in out_of})
    if len(neighbours) > 2:
        raise TopologyError(
            f"{path}: fused site {fused!r} joins {', '.join(neighbours)}; only two can be made one link"
        )
    joined = []
    for segment in segments:
        if segment.end == fused:
            ahead = [after for after in out_of if after.end != segment.begin]
            joined += [
                _Segment(segment.begin, after.end, segment.length_km + after.length_km) for after in ahead
            ]
        elif segment.begin != fused:
            joined.append(segment)
    return joined


def _differ(segments: Sequence[_Segment]) -> bool:
    length_km = {(segment.begin, segment.end): segment.length_km for segment in segments}
    return any(length_km.get((end, begin), km) != km for (begin, end), km in length_km.items())


def _without_dust(length_km: float) -> float:
    """A sum of lengths without what binary fractions add to it."""
    rounded = round(length_km, 6)
    return rounded if abs(rounded - length_km) < 1e-9 else length_km


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
