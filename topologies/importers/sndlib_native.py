"""Reads an SNDlib network in the native text format, version 1.0 [1]: sections NODES and LINKS.

SNDlib networks carry no lengths (their costs and capacities are of no use here), so a length is the
great-circle distance of the coordinates. Coordinates of networks that are no map (pixels) are refused
where they lie off the globe.

[1] http://sndlib.zib.de/html/docu/io-formats/native/network.description.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, Link, clean_name, number, one_per_pair

HEADER = "?SNDlib native format"
_NODE = re.compile(r"(\S+)\s*\(\s*(\S+)\s+(\S+?)\s*\)")
_LINK = re.compile(r"(\S+)\s*\(\s*(\S+)\s+(\S+?)\s*\)")


def read(text: str, path: Path) -> Draft:
    """The network in an SNDlib native text.

    Raises:
        TopologyError: another file type, a line that cannot be read, or a coordinate that is no
            number.
    """
    first_line = text.lstrip().partition("\n")[0]
    if not re.match(r"\?SNDlib native format;\s*type:\s*network\s*;", first_line):
        raise TopologyError(
            f"{path}: line 1: {first_line!r}; '{HEADER}; type: network; version: 1.0' is needed"
        )
    names: list[str] = []
    position_deg: dict[str, tuple[float, float]] = {}
    links: list[Link] = []
    for section, line_number, line in section_lines(text):
        where = f"line {line_number}"
        if section == "NODES":
            match = _NODE.match(line)
            if match is None:
                raise TopologyError(f"{path}: {where}: {line!r}; 'node ( longitude latitude )' is needed")
            name = clean_name(match[1])
            names.append(name)
            position_deg[name] = (
                number(match[3], "latitude", f"{path}: {where}"),
                number(match[2], "longitude", f"{path}: {where}"),
            )
        elif section == "LINKS":
            match = _LINK.match(line)
            if match is None:
                raise TopologyError(f"{path}: {where}: {line!r}; 'link ( node node ) ...' is needed")
            links.append(Link(clean_name(match[2]), clean_name(match[3]), None, where))
    links, remark = one_per_pair(links)
    source = f"SNDlib network {path.stem}, imported from its native format.{remark}"
    return Draft(path, path.stem, source, names, position_deg, links)


def section_lines(text: str) -> Iterator[tuple[str, int, str]]:
    """Section, number and content of every line in a section; comments are left out."""
    section = ""
    for line_number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        opening = re.fullmatch(r"([A-Z_]+)\s*\(", line)
        if opening:
            section = opening[1]
        elif line == ")":
            section = ""
        elif line and section:
            yield section, line_number, line
