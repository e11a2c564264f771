"""Reads the project's own JSON form (``Topology.to_json``, ``catalogue.dump_topology``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topologies.model import Topology, topology_from_json


def is_topology(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object looks like our own form, whole or not."""
    return any(key in document for key in ("name", "fibres"))


def read(document: Mapping[str, Any], path: Path) -> Topology:
    """The topology in a JSON document.

    Raises:
        TopologyError: what ``topology_from_json`` refuses; a document of another kind lacks its fields.
    """
    return topology_from_json(document, str(path))
