"""Other people's topology files. ``import_topology`` looks at suffix and content and calls the right module.

Where to go:
  catalogue_json.py  our own form, as ``lightloop topologies import`` writes it
  workbook.py        sheets and CSV files as tables
  topologybench.py   TopologyBench's tables of nodes and edges
  gnpy_workbook.py   GNPy's workbooks
  edge_list.py       bare lists of links
  csv_table.py       one CSV file with node and link rows
  sndlib_native.py   SNDlib network, native text
  sndlib_xml.py      SNDlib network, XML
  totem.py           network of the TOTEM toolbox, XML
  graphml.py         GraphML of the Internet Topology Zoo and others
  networkx_graph.py  JSON and GML, as networkx writes them
  gnpy_json.py       GNPy network
  net2plan.py        Net2Plan's .n2p
  attributed_graph.py  what GraphML, GML and networkx JSON share
  draft.py           what they hand over; options of an import
  assembly.py        what is done after reading: lengths, positions, repairs, refusals
  faults.py          all that is wrong with a file, at once
  geography.py       great-circle distance; positions for pictures
  safe_xml.py        XML from strangers
"""

from __future__ import annotations

import json
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers import (
    catalogue_json,
    csv_table,
    edge_list,
    gnpy_json,
    gnpy_workbook,
    graphml,
    net2plan,
    networkx_graph,
    sndlib_native,
    sndlib_xml,
    topologybench,
    totem,
)
from topologies.importers.assembly import Imported, assemble
from topologies.importers.draft import Draft, ImportOptions
from topologies.importers.safe_xml import UnsafeXmlError, local_name, parse_xml
from topologies.importers.workbook import sheets_of
from topologies.model import Topology

TABLES = (".csv", ".xlsx", ".xls")
XML = (".xml", ".graphml", ".n2p")
MOST_KEYS = 5  # that a message names
KNOWN_SUFFIXES = (".json", *TABLES, *XML, ".gml", ".txt", ".native", ".snd")


def import_topology(path: Path) -> Topology:
    """The topology in a file, as it is; suffix and content tell the format.

    Raises:
        TopologyError: no such file, a format that nothing here reads, or a file with faults.
    """
    return read_topology(path, ImportOptions()).topology


def read_topology(path: Path, options: ImportOptions) -> Imported:
    """The topology in a file, and what was repaired where the options ask for repairs.

    Raises:
        TopologyError: no such file, a format that nothing here reads, or a file with faults that were not
            repaired.
    """
    suffix = path.suffix.lower()
    if suffix not in KNOWN_SUFFIXES:
        raise TopologyError(
            f"{path}: no importer for {path.suffix or 'a file without suffix'}; "
            f"known: {', '.join(KNOWN_SUFFIXES)}"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TopologyError(f"{path}: {error.strerror}") from None
    readers = {**dict.fromkeys(XML, _from_xml), **dict.fromkeys(TABLES, _from_tables)}
    found = readers.get(suffix, _from_text)(data, path, options)
    return found if isinstance(found, Imported) else assemble(found, options)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder that may hold a topology, by their suffix; of a pair of tables one."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in KNOWN_SUFFIXES)
    second = {topologybench.partner_of(path) for path in files if path.name.lower().startswith("edges_")}
    return [path for path in files if path not in second]


def _from_tables(data: bytes, path: Path, options: ImportOptions) -> Draft | Imported:
    sheets = sheets_of(data, path)
    if path.suffix.lower() == ".csv" and not topologybench.is_part(sheets):
        return _from_text(data, path, options)
    if gnpy_workbook.is_workbook(sheets):
        return gnpy_workbook.read(sheets, path)
    if topologybench.is_part(sheets):
        return topologybench.read(sheets, path)
    raise TopologyError(
        f"{path}: sheets {', '.join(sheets)}; GNPy's Nodes and Links, or TopologyBench's tables are needed"
    )


def _from_text(data: bytes, path: Path, options: ImportOptions) -> Draft | Imported:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TopologyError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _from_json(text, path, options)
    if suffix == ".csv":
        return csv_table.read(text, path)
    if suffix == ".gml":
        return networkx_graph.read_gml(text, path, options)
    if suffix == ".txt" and edge_list.is_edge_list(text):
        return edge_list.read(text, path, options)
    return sndlib_native.read(text, path)


def _from_xml(data: bytes, path: Path, options: ImportOptions) -> Draft | Imported:
    try:
        root = parse_xml(data)
    except UnsafeXmlError as error:
        raise TopologyError(f"{path}: {error}") from None
    if local_name(root) == "graphml":
        return graphml.read(root, path, options)
    if net2plan.is_network(root):
        return net2plan.read(root, path, options)
    if local_name(root) == "network":
        return sndlib_xml.read(root, path, options)
    if local_name(root) == "domain":
        return totem.read(root, path)
    raise TopologyError(f"{path}: root element <{local_name(root)}>; known: <network>, <graphml>, <domain>")


def _from_json(text: str, path: Path, options: ImportOptions) -> Draft | Imported:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise TopologyError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise TopologyError(f"{path}: JSON nested too deeply") from None
    if not isinstance(document, dict):
        raise TopologyError(f"{path}: an object is needed, not {type(document).__name__}")
    gnpy_network = gnpy_json.network_in(document)
    if gnpy_network is not None:
        return gnpy_json.read(gnpy_network, path)
    if networkx_graph.is_graph(document):
        return networkx_graph.read_json(document, path, options)
    if not catalogue_json.is_topology(document):
        keys = ", ".join(list(map(repr, document))[:MOST_KEYS])
        raise TopologyError(
            f"{path}: JSON of no network that is known; it has {keys or 'no keys'}. Known: the catalogue's "
            "own form, GNPy networks, and node-link, adjacency and Cytoscape JSON of networkx"
        )
    return Imported(catalogue_json.read(document, path), ())
