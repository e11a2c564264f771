"""Other people's topology files. ``import_topology`` looks at suffix and content and calls the right module.

catalogue_json.py  our own form, as ``lightloop topologies import`` writes it
"""

from __future__ import annotations

from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers import catalogue_json
from topologies.model import Topology


def import_topology(path: Path) -> Topology:
    """The topology in a file.

    Raises:
        TopologyError: no such file, a format that nothing here reads, or a file that its importer refuses.
    """
    if path.suffix.lower() != ".json":
        raise TopologyError(f"{path}: no importer for {path.suffix or 'a file without suffix'}; known: .json")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TopologyError(f"{path}: {error.strerror}") from None
    return catalogue_json.read(text, path)
