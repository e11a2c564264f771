"""The stored state in memory, for quick answers, and its change feed. The store is the truth, this follows.

Readers may call anything at any time. Only ``services.py`` calls what changes the state, under its lock, with
what the store has already committed. Not here: deciding, configuring.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from controlplane.controller.network import PlantView, SpectrumMap
from controlplane.controller.store import Change, Store
from controlplane.tapi.connectivity import Service
from controlplane.tapi.context import NetworkView

log = logging.getLogger(__name__)


class NetworkState:
    """Services, spectrum and failed links.

    Args:
        plant: the network.
        store: read once, here; afterwards only its change log is read. Services that were planned and never
            set up are dropped: nobody was told of them, and the audit of the elements takes out what is left.
    """

    def __init__(self, plant: PlantView, store: Store) -> None:
        self.plant = plant
        self.naming = plant.naming
        self.store = store
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.reload()

    def reload(self) -> None:
        """Read everything from the store.

        Raises:
            SQLAlchemyError: the database does not answer; the state is as it was.
        """
        for uuid in self.store.forget_planned():
            log.warning("service %s was never set up: dropped", uuid)
        services = {service.uuid: service for service in self.store.services()}
        failed_links, version = self.store.failed_links(), self.store.version()
        lit = SpectrumMap(self.plant)
        for service in services.values():
            if service.path:
                lit.light(service.path.nodes, service.path.first_slot, service.path.num_slots)
        with self._lock:
            self._services, self._failed_links, self._version, self.lit = services, failed_links, version, lit
        self._tell()

    @property
    def version(self) -> int:
        """Version of the last change."""
        return self._version

    @property
    def failed_links(self) -> frozenset[tuple[str, str]]:
        """Ends of the links that are cut, in the topology's order."""
        return self._failed_links

    def service(self, uuid: str) -> Service | None:
        """A service by its UUID; None when there is none."""
        with self._lock:
            return self._services.get(uuid.lower())

    def services(self) -> tuple[Service, ...]:
        """Every service, in order of creation."""
        with self._lock:
            return tuple(self._services.values())

    def view(self) -> NetworkView:
        """The state at one moment, for the TAPI builders."""
        with self._lock:
            return NetworkView(
                naming=self.naming,
                latency_model=self.plant.latency_model,
                formats=self.plant.capacity.format_names,
                bands=self.plant.bands,
                occupied=self.lit.by_port(),
                failed_links=self._failed_links,
                services=tuple(self._services.values()),
            )

    def feed(self, since: int, store_identity: str | None = None) -> dict[str, Any]:
        """What ``GET /changes`` answers.

        ``reset`` tells a reader to forget what it has: its version is unknown here, or of another store. The
        changes are then all there are, from the first.
        """
        unknown = store_identity is not None and store_identity != self.store.identity
        version, changes = self.store.changes(0 if unknown or since < 0 else since)
        reset = unknown or since < 0 or since > version
        if reset and since > version:
            version, changes = self.store.changes(0)
        return {
            "version": version,
            "reset": reset,
            "store": self.store.identity,
            "changes": [change.told for change in changes],
        }

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this after every change, from whatever thread made it; it must not block."""
        self._listeners.append(listener)

    def show(self, service: Service) -> None:
        """Show a service as planned; no slot is taken."""
        with self._lock:
            self._services.pop(service.uuid, None)
            self._services[service.uuid] = service

    def hide(self, uuid: str) -> None:
        """Take a planned service out of sight."""
        with self._lock:
            self._services.pop(uuid, None)

    def installed(self, service: Service, change: Change) -> None:
        """A lightpath was stored."""
        assert service.path is not None
        with self._lock:
            self.lit.light(service.path.nodes, service.path.first_slot, service.path.num_slots)
            self._services[service.uuid] = service
            self._version = change.version
        self._tell()

    def removed(self, service: Service, change: Change) -> None:
        """A service was dropped."""
        with self._lock:
            self._release(service)
            self._services.pop(service.uuid, None)
            self._version = change.version
        self._tell()

    def link_failed(self, ends: tuple[str, str], lost: Sequence[Service], last: Change) -> None:
        """A cut was stored, with the lightpaths it ended."""
        with self._lock:
            self._failed_links |= {ends}
            for service in lost:
                self._release(service)
                self._services[service.uuid] = Service(service.request, service.lifecycle)
            self._version = last.version
        self._tell()

    def link_repaired(self, ends: tuple[str, str], change: Change) -> None:
        """A repair was stored."""
        with self._lock:
            self._failed_links -= {ends}
            self._version = change.version
        self._tell()

    def _release(self, service: Service) -> None:
        if service.path:
            self.lit.release(service.path.nodes, service.path.first_slot, service.path.num_slots)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
