"""One demand matrix, as a file has it: SNDlib's XML and native text, and TOTEM's XML [1].

Not here: which files there are and their order in time (``sndlib_files.py``).

[1] Uhlig et al. 2006, "Providing public intradomain traffic matrices to the research community", ACM SIGCOMM
    Computer Communication Review 36(1): GEANT, a file every 15 minutes, sites as numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree

import numpy as np

from envs.trace import TraceError
from topologies.importers.safe_xml import UnsafeXmlError, child, children, local_name, parse_xml, text_of
from topologies.importers.sndlib_native import section_lines

GBPS_BY_UNIT = {
    "BITPERSEC": 1e-9,
    "KBITPERSEC": 1e-6,
    "MBITPERSEC": 1e-3,
    "GBITPERSEC": 1.0,
    "TBITPERSEC": 1e3,
}
TOTEM_UNITS = {
    "bps": "BITPERSEC",
    "kbps": "KBITPERSEC",
    "mbps": "MBITPERSEC",
    "gbps": "GBITPERSEC",
    "tbps": "TBITPERSEC",
}
SECONDS_BY_UNIT = {
    "s": 1,
    "sec": 1,
    "min": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "month": 2592000,
}
TEXT_SUFFIXES = (".txt", ".native", ".snd")


class SndlibError(TraceError):
    """A demand matrix that cannot be used; names the file, the element and the reason."""


@dataclass(frozen=True)
class DemandMatrix:
    """What one file tells.

    Attributes:
        file: for messages.
        time: as written, or "".
        granularity_s: length of the interval; None: not told.
        origin: who measured, or "".
        node_ids: in the order of the file.
        position_deg: (num_nodes, 2) float64 latitude, longitude; nan: not given.
        demand_gbps: (num_nodes, num_nodes) float64, zero diagonal.
        names_all_nodes: whether nodes without demand are listed too.
    """

    file: str
    time: str
    granularity_s: float | None
    origin: str
    node_ids: tuple[str, ...]
    position_deg: np.ndarray
    demand_gbps: np.ndarray
    names_all_nodes: bool = True


def is_matrix(name: str, data: bytes) -> bool:
    """Whether a file found beside others may hold a matrix: any XML but TOTEM's network, native text."""
    if name.lower().endswith(".xml"):
        return b"<domain" not in data[:2000]
    return (
        name.lower().endswith(TEXT_SUFFIXES) and re.search(rb"^DEMANDS\s*\(", data, re.MULTILINE) is not None
    )


def read_matrix(data: bytes, file: str) -> DemandMatrix:
    """The matrix in a file; content tells the form.

    Raises:
        SndlibError: none of the forms, an unknown unit or granularity, a demand that is no number, negative,
            or of a node that is not listed.
    """
    if not data.lstrip().startswith(b"<") and file.lower().endswith(TEXT_SUFFIXES):
        return _native_matrix(data.decode("utf-8-sig", errors="replace"), file)
    try:
        root = parse_xml(data)
    except UnsafeXmlError as error:
        raise SndlibError(f"{file}: {error}") from None
    if child(root, "IntraTM") is not None:
        return _totem_matrix(root, file)
    return _sndlib_matrix(root, file)


def _sndlib_matrix(root: ElementTree.Element, file: str) -> DemandMatrix:
    demands = child(root, "demands")
    if local_name(root) != "network" or demands is None:
        raise SndlibError(
            f"{file}: not an SNDlib demand matrix: <network> with <demands> is needed, or TOTEM's <IntraTM>"
        )
    node_ids, position_deg = _nodes(root, file)
    rows = []
    for element in children(demands, "demand"):
        where = f"{file}: demand {element.get('id')!r}"
        text = text_of(element, "demandValue")
        if text is None:
            raise SndlibError(f"{where}: demandValue is missing")
        routing_unit = _number(text_of(element, "routingUnit") or "1", where)
        ends = (text_of(element, "source") or "", text_of(element, "target") or "")
        rows.append((where, *ends, text, routing_unit))
    meta = {name: text_of(root, "meta", name) or "" for name in ("unit", "time", "granularity", "origin")}
    return _described(meta, file, node_ids, position_deg, rows)


def _native_matrix(text: str, file: str) -> DemandMatrix:
    """``META ( key = value )``, ``NODES ( name ( x y ) )``, ``DEMANDS ( id ( a b ) unit value longest )``."""
    meta: dict[str, str] = {}
    position_by_name: dict[str, tuple[float, float]] = {}
    rows = []
    for section, line_number, line in section_lines(text):
        where = f"{file}: line {line_number}"
        words = line.replace("(", " ").replace(")", " ").split()
        if section == "META":
            key, _, value = line.partition("=")
            meta[key.strip()] = value.strip()
        elif section == "NODES":
            if len(words) != 3:
                raise SndlibError(f"{where}: {line!r}; 'node ( longitude latitude )' is needed")
            if words[0] in position_by_name:
                raise SndlibError(f"{file}: node id {words[0]!r} is missing or given twice")
            position_by_name[words[0]] = _number(words[2], where), _number(words[1], where)
        elif section == "DEMANDS":
            if len(words) < 5:
                raise SndlibError(f"{where}: {line!r}; 'demand ( source target ) unit value ...' is needed")
            rows.append(
                (f"{where}: demand {words[0]!r}", words[1], words[2], words[4], _number(words[3], where))
            )
    if len(position_by_name) < 2:
        raise SndlibError(f"{file}: no nodes")
    position_deg = np.array(list(position_by_name.values()))
    return _described(meta, file, tuple(position_by_name), position_deg, rows)


def _totem_matrix(root: ElementTree.Element, file: str) -> DemandMatrix:
    """``<IntraTM><src id=".."><dst id="..">value``; the file's name tells the time."""
    rows = []
    for source in children(child(root, "IntraTM"), "src"):
        for target in children(source, "dst"):
            ends = source.get("id", ""), target.get("id", "")
            rows.append((f"{file}: demand {' to '.join(ends)}", *ends, (target.text or "").strip(), 1.0))
    units = children(child(root, "info", "units"), "unit")
    told = next((unit.get("value", "") for unit in units if unit.get("type") == "bandwidth"), "")
    stamp = re.search(r"(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)", PurePosixPath(file).name)
    meta = {
        "unit": TOTEM_UNITS.get(told.lower(), told),
        "time": "".join(stamp.groups()) if stamp else "",
        "origin": "TOTEM",
    }
    node_ids = tuple(dict.fromkeys(end for row in rows for end in row[1:3]))
    position_deg = np.full((len(node_ids), 2), np.nan)
    return _described(meta, file, node_ids, position_deg, rows, names_all_nodes=False)


def _described(
    meta: Mapping[str, str],
    file: str,
    node_ids: tuple[str, ...],
    position_deg: np.ndarray,
    rows: Iterable[tuple[str, str, str, str, float]],
    names_all_nodes: bool = True,
) -> DemandMatrix:
    """The matrix of rows (place, source, target, value, times)."""
    unit = meta.get("unit", "").upper()
    if unit not in GBPS_BY_UNIT:
        raise SndlibError(f"{file}: unit {unit or '(none)'}; known: {', '.join(GBPS_BY_UNIT)}")
    index_by_id = {node_id: index for index, node_id in enumerate(node_ids)}
    demand_gbps = np.zeros((len(node_ids), len(node_ids)))
    for where, source, target, text, times in rows:
        for tag, end in (("source", source), ("target", target)):
            if end not in index_by_id:
                raise SndlibError(f"{where}: unknown node {end!r} as {tag}; known: {', '.join(node_ids)}")
        value = _number(text, where) * times
        if value < 0:
            raise SndlibError(f"{where}: demandValue is {text}; it cannot be negative")
        if source != target:  # traffic from a site to itself needs no lightpath
            demand_gbps[index_by_id[source], index_by_id[target]] += value * GBPS_BY_UNIT[unit]
    return DemandMatrix(
        file=file,
        time=meta.get("time", ""),
        granularity_s=_granularity_s(meta.get("granularity") or None, file),
        origin=meta.get("origin", ""),
        node_ids=node_ids,
        position_deg=position_deg,
        demand_gbps=demand_gbps,
        names_all_nodes=names_all_nodes,
    )


def _nodes(root: ElementTree.Element, file: str) -> tuple[tuple[str, ...], np.ndarray]:
    section = child(root, "networkStructure", "nodes")
    nodes = children(section, "node")
    node_ids = tuple(node.get("id", "") for node in nodes)
    twice = sorted({node_id for node_id in node_ids if node_ids.count(node_id) > 1 or not node_id})
    if len(nodes) < 2 or twice:
        raise SndlibError(
            f"{file}: {f'node id {twice[0]!r} is missing or given twice' if twice else 'no nodes'}"
        )
    geographical = section is not None and section.get("coordinatesType", "geographical") == "geographical"
    position_deg = np.full((len(nodes), 2), np.nan)
    for row, node in enumerate(nodes):
        longitude, latitude = (text_of(node, "coordinates", axis) for axis in ("x", "y"))
        if geographical and longitude and latitude:
            where = f"{file}: node {node_ids[row]!r}"
            position_deg[row] = _number(latitude, where), _number(longitude, where)
    return node_ids, position_deg


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise SndlibError(f"{where}: {text!r} is not a number") from None
    if not math.isfinite(value):
        raise SndlibError(f"{where}: {text!r} is not a finite number")
    return value


def _granularity_s(text: str | None, file: str) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d*)\s*([a-z]+?)s?", text.lower()) if text.lower() != "s" else None
    if match is None or match[2] not in SECONDS_BY_UNIT or match[1] == "0":
        raise SndlibError(
            f"{file}: granularity {text!r}; a number and one of {', '.join(SECONDS_BY_UNIT)} is needed"
        )
    return int(match[1] or 1) * float(SECONDS_BY_UNIT[match[2]])
