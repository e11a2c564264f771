"""Where a plant keeps the detours that were looked for. Not here: looking for them (``around.py``)."""

from __future__ import annotations

from topologies.detours import Detours
from topologies.model import Topology
from topologies.paths import PathTable


class DetourBook:
    """The detours of a plant, kept as they are found.

    Shared by plants that differ in their forecast only; for one thread at a time.

    Attributes:
        paths: finds a pair's paths on what is left.
        known: what ``envs.around`` has made of them; None before the first.
    """

    def __init__(self, topology: Topology, table: PathTable) -> None:
        self.paths = Detours(topology, table)
        self.known: object | None = None
