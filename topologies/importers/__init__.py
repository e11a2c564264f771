"""Other people's topology files. ``import_topology`` looks at suffix and content and calls the right module.

Where to go:
  catalogue_json.py  our own form, as ``lightloop topologies import`` writes it
  csv_table.py       one CSV file with node and link rows
  sndlib_native.py   SNDlib network, native text
  sndlib_xml.py      SNDlib network, XML
  graphml.py         GraphML of the Internet Topology Zoo and others
  gnpy_json.py       GNPy network
  assembly.py        what all of them do after reading: lengths, positions, refusals
  geography.py       great-circle distance; positions for pictures
  safe_xml.py        XML from strangers
"""

from __future__ import annotations

import json
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers import catalogue_json, csv_table, gnpy_json, graphml, sndlib_native, sndlib_xml
from topologies.importers.safe_xml import UnsafeXmlError, local_name, parse_xml
from topologies.model import Topology

KNOWN_SUFFIXES = (".json", ".csv", ".graphml", ".xml", ".txt", ".native", ".snd")


def import_topology(path: Path) -> Topology:
    """The topology in a file; suffix and content tell the format.

    Raises:
        TopologyError: no such file, a format that nothing here reads, or a file that its importer refuses.
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
    if suffix in (".xml", ".graphml"):
        return _from_xml(data, path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TopologyError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    if suffix == ".json":
        return _from_json(text, path)
    if suffix == ".csv":
        return csv_table.read(text, path)
    return sndlib_native.read(text, path)


def _from_xml(data: bytes, path: Path) -> Topology:
    try:
        root = parse_xml(data)
    except UnsafeXmlError as error:
        raise TopologyError(f"{path}: {error}") from None
    readers = {"network": sndlib_xml.read, "graphml": graphml.read}
    reader = readers.get(local_name(root))
    if reader is None:
        raise TopologyError(f"{path}: root element <{local_name(root)}>; known: <{'>, <'.join(readers)}>")
    return reader(root, path)


def _from_json(text: str, path: Path) -> Topology:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise TopologyError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise TopologyError(f"{path}: JSON nested too deeply") from None
    if not isinstance(document, dict):
        raise TopologyError(f"{path}: an object is needed, not {type(document).__name__}")
    reader = gnpy_json.read if "elements" in document else catalogue_json.read
    return reader(document, path)
