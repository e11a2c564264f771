"""Years of operation in little: services set up and deleted through a controller, and what that costs.

Store, state, configurator and elements are those of the installation, in one process; the path computation
is a stand-in (shortest path, first fit on the controller's own state), so that what is measured is the
controller. Old changes are removed as the process goes along. Not here: the command (``bench_soak.py``).
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import networkx as nx

from controlplane.controller.compaction import Compaction
from controlplane.controller.database import sqlite_url
from controlplane.controller.network import PlantView
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Store
from controlplane.elements.configuration import element_specs
from controlplane.elements.host import ElementHost
from controlplane.elements.store import ElementStore
from controlplane.lightpath import Lightpath
from controlplane.tapi.errors import TapiError, no_path
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import ComputeRequest, build_service, parse_service

BIT_RATE_GBPS = 25.0
DAY_S = 86_400.0


@dataclass(frozen=True)
class Mark:
    """What was seen after some set-ups, and of those since the mark before.

    Attributes:
        set_ups: done so far, each later followed by its deletion.
        cpu_ms: processor time of a set-up and a deletion together.
        refused: set-ups for which there was no room.
        memory_mb: resident in the process.
        database_mb: of the controller's file.
        changes: kept in its log.
    """

    set_ups: int
    cpu_ms: float
    refused: int
    memory_mb: float
    database_mb: float
    changes: int


class ShortestFirstFit:
    """A path computation: shortest path by length, smallest block that carries, first free slots."""

    def __init__(self, state: NetworkState) -> None:
        self._state = state
        self._blocks: dict[tuple[str, str, float], Lightpath] = {}

    def compute(
        self, request: ComputeRequest, state_version: int, purpose: Purpose, waiting: int = 0
    ) -> Lightpath:
        """As ``PathComputation.compute``."""
        asked = (request.source, request.destination, request.bit_rate_gbps)
        if asked not in self._blocks:
            self._blocks[asked] = self._block(*asked)
        block = self._blocks[asked]
        for first_slot in range(self._state.plant.num_slots - block.num_slots + 1):
            if self._state.lit.clash(block.nodes, first_slot, block.num_slots) is None:
                return replace(block, uuid=purpose.service_uuid, first_slot=first_slot)
        raise no_path("no free slots")

    def forward(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """As ``PathComputation.forward``; nothing is passed on here."""
        raise TapiError(503, "operation-failed", "there is no path computation element behind")

    def _block(self, source: str, destination: str, bit_rate_gbps: float) -> Lightpath:
        """Route, format and size, from slot 0 on."""
        plant = self._state.plant
        nodes = tuple(nx.shortest_path(plant.topology.graph(), source, destination, weight="length_km"))
        latency_ms, length_km = plant.latency_ms(nodes), plant.length_km(nodes)
        for num_slots in range(1, plant.num_slots + 1):
            for name in plant.capacity.format_names:
                path = Lightpath("", nodes, 0, num_slots, name, latency_ms, "fallback")
                if plant.capacity.fault(path, bit_rate_gbps, length_km) is None:
                    return path
        raise no_path(f"no block of this plant carries {bit_rate_gbps:g} Gb/s so far")


def soak(
    folder: Path, plant: PlantView, set_ups: int, marks: int = 10, standing: int = 50, keep_s: float = 30.0
) -> Iterator[Mark]:
    """Set services up, each deleted once ``standing`` others came after it; a mark after each part.

    Args:
        folder: an empty one, for the databases.
        plant: the network.
        set_ups: to be done.
        marks: in equal parts.
        standing: services that are up at once.
        keep_s: age at which a change is removed.
    """
    store = Store(sqlite_url(str(folder / "controller.db")), plant.identity)
    state = NetworkState(plant, store)
    specs = element_specs(plant.topology, plant.bands, plant.shared_spectrum)
    host = ElementHost(specs, ElementStore(folder / "elements.db"))
    manager = ServiceManager(state, ShortestFirstFit(state), host)
    compaction, stop = Compaction(store.log, keep_s / DAY_S), threading.Event()
    random, up = Random(1), deque[str]()
    part = max(1, set_ups // marks)
    try:
        refused, began_s = 0, time.process_time()
        for number in range(1, set_ups + 1):
            pair = random.sample(plant.topology.node_names, 2)
            uuid = str(UUID(int=random.getrandbits(128), version=4))
            source, destination = (state.naming.sip_uuid(node) for node in pair)
            direction = "BIDIRECTIONAL" if plant.shared_spectrum else "UNIDIRECTIONAL"
            body = build_service(uuid, source, destination, BIT_RATE_GBPS, direction=direction)
            try:
                manager.create(parse_service(body, state.naming, plant.shared_spectrum))
                up.append(uuid)
            except TapiError as error:
                if error.status != 409:
                    raise
                refused += 1
            if len(up) > standing:
                manager.delete(up.popleft())
            if number % part == 0:
                cpu_ms = (time.process_time() - began_s) / part * 1000.0
                compaction.turn(datetime.now(UTC), stop)
                yield Mark(number, cpu_ms, refused, _memory_mb(), _megabytes(folder), _kept(store))
                refused, began_s = 0, time.process_time()
    finally:
        manager.close()
        host.close()
        store.close()


def draw(marks: list[Mark], picture: Path) -> None:
    """Draw processor time, memory and the size of the database against set-ups into a .png or .svg."""
    from matplotlib.figure import Figure

    thousands = [mark.set_ups / 1000.0 for mark in marks]
    curves = {
        "processor time of a set-up\nand its deletion (ms)": [mark.cpu_ms for mark in marks],
        "memory of the process (MB)": [mark.memory_mb for mark in marks],
        "controller's database (MB)": [mark.database_mb for mark in marks],
    }
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, (label, values) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        axes.plot(thousands, values, marker="o", ms=3, lw=1.4)
        axes.set(xlabel="set-ups (thousands)", ylabel=label, ylim=(0, 1.3 * max(values)))
        axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=130)


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.glob("controller.db*")) / 1e6


def _kept(store: Store) -> int:
    first, last = store.log.reach()
    return last - first + 1
