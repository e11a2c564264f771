"""Reads bare lists of links, ``node node length``, as FUSION and Optical-RL-Gym (DeepRMSA) have them.

    # NSFNET
    14
    22
    1 2 1100

The two counts, of nodes and of links, may be missing. The form states no unit and has no coordinates to tell
it from: it is asked for.
"""

from __future__ import annotations

from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers.draft import KM_BY_UNIT, Draft, ImportOptions, Link, clean_name, one_per_pair
from topologies.importers.faults import Fault, FileFaultsError


def is_edge_list(text: str) -> bool:
    """Whether every line is a link or, above the first link, a count."""
    lines = [line for _, line in _lines(text)]
    first = next((index for index, line in enumerate(lines) if len(line) == 3), None)
    if first is None or first > 2:
        return False
    counts, links = lines[:first], lines[first:]
    return all(len(line) == 1 and line[0].isdecimal() for line in counts) and all(map(_is_link, links))


def read(text: str, path: Path, options: ImportOptions) -> Draft:
    """The network in a list of links.

    Raises:
        FileFaultsError: the options do not say the unit of the lengths.
        TopologyError: a count that is not that of the links or nodes found.
    """
    if options.length_unit is None:
        fault = Fault(
            "unit not stated",
            "a list of links states no unit of its lengths",
            "say it: --length-unit m, km or mi",
        )
        raise FileFaultsError(path, [fault])
    km = KM_BY_UNIT[options.length_unit]
    counts, links = [], []
    for line_number, line in _lines(text):
        if len(line) == 1:
            counts.append(int(line[0]))
        else:
            ends = clean_name(line[0]), clean_name(line[1])
            links.append(Link(*ends, float(line[2]) * km, f"line {line_number}"))
    names = list(dict.fromkeys(end for link in links for end in (link.node_a, link.node_b)))
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    found = (len(names), len(links))
    for told, number, what in zip(counts, found, ("nodes", "links"), strict=False):
        if told != number:
            raise TopologyError(f"{path}: {told} {what} are announced, {number} found")
    pairs, remark = one_per_pair(links)
    source = f"{path.stem}, imported from a list of links, lengths in {options.length_unit}.{remark}"
    return Draft(path, path.stem, source, names, {}, pairs)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    lines = [
        (line_number, line.partition("#")[0].replace(",", " ").split())
        for line_number, line in enumerate(text.splitlines(), start=1)
    ]
    return [(line_number, fields) for line_number, fields in lines if fields]


def _is_link(fields: list[str]) -> bool:
    try:
        float(fields[-1])
    except ValueError:
        return False
    return len(fields) == 3
