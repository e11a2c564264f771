"""Reads the project's own JSON form (``Topology.to_json``, ``catalogue.dump_topology``)."""

from __future__ import annotations

import json
from pathlib import Path

from topologies.errors import TopologyError
from topologies.model import Topology, topology_from_json


def read(text: str, path: Path) -> Topology:
    """The topology in a JSON text.

    Raises:
        TopologyError: not JSON, not an object, or refused by ``topology_from_json``.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise TopologyError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(document, dict):
        raise TopologyError(f"{path}: an object is needed, not {type(document).__name__}")
    return topology_from_json(document, str(path))
