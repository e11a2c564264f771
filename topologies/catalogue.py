"""Networks by name (``catalogue/*.json``, each with its source) or from a file of any known format.

Not here: how foreign formats are read (``importers/``), what a topology is (``model.py``).
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers import import_topology
from topologies.model import Topology, topology_from_json

CATALOGUE_DIR = Path(__file__).parent / "catalogue"


def topology_names() -> list[str]:
    """Networks that ship with the project."""
    return sorted(path.stem for path in CATALOGUE_DIR.glob("*.json"))


def load_topology(name_or_file: str | os.PathLike[str]) -> Topology:
    """A topology of the catalogue by its name, or one read from a file whose suffix tells the format.

    Args:
        name_or_file: ``"nsfnet"``; or a path such as ``"plants/mine.json"``, ``"zoo/Geant.graphml"``.

    Raises:
        TopologyError: neither a known name nor a file, a format that no importer reads, or a file that its
            importer refuses.
    """
    text = os.fspath(name_or_file)
    path = Path(text)
    if not path.suffix and os.sep not in text:
        if text not in topology_names():
            raise TopologyError(
                f"unknown topology {text!r}; known: {', '.join(topology_names())}; or give the path of a file"
            )
        return _from_catalogue(text)
    return import_topology(path)


def dump_topology(topology: Topology) -> str:
    """The catalogue form as text, one node, fibre or risk group a line: a change reads well in a diff."""
    document = topology.to_json()

    def rows(key: str) -> str:
        return ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in document[key])

    groups = f',\n  "risk_groups": [\n{rows("risk_groups")}\n  ]' if topology.risk_groups else ""
    return (
        "{\n"
        f'  "name": {json.dumps(topology.name, ensure_ascii=False)},\n'
        f'  "source": {json.dumps(topology.source, ensure_ascii=False)},\n'
        f'  "nodes": [\n{rows("nodes")}\n  ],\n'
        f'  "fibres": [\n{rows("fibres")}\n  ]{groups}\n'
        "}\n"
    )


@lru_cache(maxsize=32)
def _from_catalogue(name: str) -> Topology:
    path = CATALOGUE_DIR / f"{name}.json"
    return topology_from_json(json.loads(path.read_text(encoding="utf-8")), f"catalogue {name}")
