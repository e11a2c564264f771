"""The stored state in memory, for quick answers, and its change feed. The store is the truth, this follows.

Readers may call anything at any time. Only ``services.py`` calls what changes the state, under its lock, with
what the store has already committed. Not here: deciding, configuring.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from controlplane.controller.change_log import PAGE_ROWS, Change
from controlplane.controller.network import PlantView, SpectrumMap
from controlplane.controller.store import Store
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
        self._revision = 0  # beside the version, because planned services are shown too
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
            self._revision += 1
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
                revision=self._revision,
            )

    def standing(self) -> tuple[int, tuple[Service, ...], tuple[tuple[str, str], ...]]:
        """The version, the services with a lightpath and the cut links, of one moment."""
        with self._lock:
            lit = tuple(service for service in self._services.values() if service.path)
            return self._version, lit, tuple(sorted(self._failed_links))

    def feed(self, since: int, store_identity: str | None = None, rows: int = PAGE_ROWS) -> dict[str, Any]:
        """What ``GET /changes`` answers: one page after a version.

        Raises:
            GoneError: the version is not of this store, or what followed it was removed.
        """
        page = self.store.log.page(-1 if store_identity not in (None, self.store.identity) else since, rows)
        return {
            "version": page.version,
            "last": page.last,
            "store": self.store.identity,
            "changes": [change.told for change in page.changes],
        }

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this after every change, from whatever thread made it; it must not block."""
        self._listeners.append(listener)

    def show(self, service: Service) -> None:
        """Show a service as planned; no slot is taken."""
        with self._lock:
            self._services.pop(service.uuid, None)
            self._services[service.uuid] = service
            self._revision += 1

    def hide(self, uuid: str) -> None:
        """Take a planned service out of sight."""
        with self._lock:
            self._services.pop(uuid, None)
            self._revision += 1

    def installed(self, service: Service, change: Change) -> None:
        """A lightpath was stored."""
        assert service.path is not None
        with self._lock:
            self.lit.light(service.path.nodes, service.path.first_slot, service.path.num_slots)
            self._services[service.uuid] = service
            self._version = change.version
            self._revision += 1
        self._tell()

    def removed(self, service: Service, change: Change) -> None:
        """A service was dropped."""
        with self._lock:
            self._release(service)
            self._services.pop(service.uuid, None)
            self._version = change.version
            self._revision += 1
        self._tell()

    def link_failed(self, ends: tuple[str, str], lost: Sequence[Service], last: Change) -> None:
        """A cut was stored, with the lightpaths it ended."""
        with self._lock:
            self._failed_links |= {ends}
            for service in lost:
                self._release(service)
                dark = Service(service.request, service.lifecycle, began_s=service.began_s)
                self._services[service.uuid] = dark
            self._version = last.version
            self._revision += 1
        self._tell()

    def link_repaired(self, ends: tuple[str, str], change: Change) -> None:
        """A repair was stored."""
        with self._lock:
            self._failed_links -= {ends}
            self._version = change.version
            self._revision += 1
        self._tell()

    def _release(self, service: Service) -> None:
        if service.path:
            self.lit.release(service.path.nodes, service.path.first_slot, service.path.num_slots)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
