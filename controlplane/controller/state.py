"""The stored state in memory, for quick answers, and its change feed. The store is the truth, this follows.

Readers may call anything at any time. Only ``writer.py`` calls what changes the state, one change after
another in the order of their versions, with what the store has already committed; planned services, which are
not stored, are shown and hidden by whoever sets them up. What is asked for at each set-up costs what it
finds, not what stands. Not here: deciding, configuring.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from controlplane.controller.change_log import PAGE_ROWS, Change
from controlplane.controller.network import PlantView, SpectrumMap
from controlplane.controller.store import Store
from controlplane.tapi.connectivity import INSTALLED, PLANNED, SCHEDULED, Service
from controlplane.tapi.context import Drained, NetworkView
from controlplane.tapi.ids import connection_uuid
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.service_body import ServiceRequest


class _Services:
    """Services in order of creation, and which of them are where."""

    def __init__(self, services: Iterable[Service] = ()) -> None:
        self.by_uuid: dict[str, Service] = {}
        self.crossing: dict[str, dict[str, None]] = {}
        self.dark: dict[str, None] = {}
        self.astray: dict[str, None] = {}
        self.ends_s: dict[str, float] = {}
        self.starts_s: dict[str, float] = {}
        self.of_connection: dict[str, str] = {}
        self.of_path: dict[str, str] = {}
        self.of_key: dict[str, str] = {}
        for service in services:
            self.put(service)

    def put(self, service: Service) -> None:
        """Add a service, or put another state of it in its place."""
        self._unlist(service.uuid)
        self.by_uuid[service.uuid] = service
        self._tell_protection(service.request)
        if service.lifecycle == PLANNED:
            return
        if service.request.ends_s is not None and not service.request.protects:
            self.ends_s[service.uuid] = service.request.ends_s
        if service.lifecycle == SCHEDULED:
            if service.request.starts_s is not None and not service.refused:
                self.starts_s[service.uuid] = service.request.starts_s
            return
        if service.path is None:
            self.dark[service.uuid] = None
            return
        if service.home or service.carried_gbps:
            self.astray[service.uuid] = None
        self.of_connection[connection_uuid(service.uuid)] = service.uuid
        self.of_path[service.path.uuid] = service.uuid
        self.of_key[service.key] = service.uuid
        for node in service.path.nodes:
            self.crossing.setdefault(node, {})[service.uuid] = None

    def drop(self, uuid: str) -> None:
        """Remove a service, if it is there."""
        self._unlist(uuid)
        self.by_uuid.pop(uuid, None)

    def _unlist(self, uuid: str) -> None:
        before = self.by_uuid.get(uuid)
        if before is None:
            return
        self.dark.pop(uuid, None)
        self.astray.pop(uuid, None)
        self.ends_s.pop(uuid, None)
        self.starts_s.pop(uuid, None)
        if before.path is None:
            return
        self.of_connection.pop(connection_uuid(uuid), None)
        self.of_path.pop(before.path.uuid, None)
        self.of_key.pop(before.key, None)
        for node in before.path.nodes:
            self.crossing[node].pop(uuid, None)

    def _tell_protection(self, request: ServiceRequest) -> None:
        """Have a protected service know its second lightpath as it stands now."""
        first = self.by_uuid.get(request.life) if request.disjoint else None
        if first is not None:
            second = self.by_uuid.get(first.request.protection.uuid)
            self.by_uuid[first.uuid] = replace(first, protection=second.path if second else None)

    def named(self, uuids: Iterable[str]) -> tuple[Service, ...]:
        """Services by their UUIDs."""
        return tuple(map(self.by_uuid.__getitem__, uuids))


class NetworkState:
    """Services, spectrum and failed links.

    Args:
        plant: the network.
        store: read once, here; afterwards only its change log is read.
    """

    def __init__(self, plant: PlantView, store: Store) -> None:
        self.plant = plant
        self.naming = plant.naming
        self.store = store
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._revision = 0  # beside the version, because planned services are shown too
        self._services = _Services()
        self.reload()

    def reload(self) -> None:
        """Read everything from the store; services that are being set up stay in sight.

        Raises:
            SQLAlchemyError: the database does not answer; the state is as it was.
        """
        self.store.check()
        services = _Services(self.store.services())
        failed_links, version = self.store.failed_links(), self.store.version()
        drained = self.store.drained()
        lit = SpectrumMap(self.plant)
        for service in services.by_uuid.values():
            if service.path:
                lit.light(service.path.nodes, service.path.first_slot, service.path.num_slots)
        with self._lock:
            for service in self._services.by_uuid.values():
                if service.lifecycle == PLANNED and service.uuid not in services.by_uuid:
                    services.put(service)
            self._services, self._failed_links, self._version, self.lit = services, failed_links, version, lit
            self._drained = drained
            self._revision += 1
        self.tell()

    @property
    def version(self) -> int:
        """Version of the last change."""
        return self._version

    def closed(self, drained: Drained) -> Drained:
        """What no route may cross: what is drained, and the links that are cut."""
        return Drained(drained.links | self._failed_links, drained.nodes)

    @property
    def failed_links(self) -> frozenset[tuple[str, str]]:
        """Ends of the links that are cut, in the topology's order."""
        return self._failed_links

    @property
    def drained(self) -> Drained:
        """The links and nodes that are drained."""
        return self._drained

    def carried_as(self, key: str) -> Service | None:
        """The service whose lightpath the elements hold under a key (``Service.key``)."""
        with self._lock:
            return self._services.by_uuid.get(self._services.of_key.get(key, ""))

    def service(self, uuid: str) -> Service | None:
        """A service by its UUID; None when there is none."""
        with self._lock:
            return self._services.by_uuid.get(uuid.lower())

    def service_of_connection(self, uuid: str) -> Service | None:
        """The service that a connection carries."""
        with self._lock:
            return self._services.by_uuid.get(self._services.of_connection.get(uuid.lower(), ""))

    def service_of_path(self, uuid: str) -> Service | None:
        """The service whose lightpath was computed as a path."""
        with self._lock:
            return self._services.by_uuid.get(self._services.of_path.get(uuid.lower(), ""))

    def legs(self, service: Service) -> tuple[Service, ...]:
        """A service, and what protects it; where it is the latter, and what it protects."""
        request = service.request
        if not request.disjoint:
            return (service,)
        other = self.service(request.protects or request.protection.uuid)
        return (service,) if other is None else (service, other)

    def services(self) -> tuple[Service, ...]:
        """Every service, in order of creation."""
        with self._lock:
            return tuple(self._services.by_uuid.values())

    def crossing(self, node: str) -> tuple[Service, ...]:
        """The services whose lightpath passes a node, or ends there."""
        with self._lock:
            return self._services.named(self._services.crossing.get(node, ()))

    def over(self, ends: tuple[str, str]) -> tuple[Service, ...]:
        """The services whose lightpath crosses a link, in either direction."""
        here, there = self.crossing(ends[0]), frozenset(ends)
        return tuple(
            service
            for service in here
            if service.path and any(frozenset(hop) == there for hop in hops_of(service.path.nodes))
        )

    def dark(self) -> tuple[Service, ...]:
        """The services that are set up and have no lightpath."""
        with self._lock:
            return self._services.named(self._services.dark)

    def astray(self) -> tuple[Service, ...]:
        """The services with another lightpath than the first, or less capacity, that are to go back."""
        with self._lock:
            return self._services.named(self._services.astray)

    def num_dark(self) -> int:
        """How many these are."""
        return len(self._services.dark)

    def told_ends(self) -> tuple[tuple[float, str], ...]:
        """When services end, since 1970 UTC, and their UUIDs; of those whose clients told it."""
        with self._lock:
            return tuple((ends_s, uuid) for uuid, ends_s in self._services.ends_s.items())

    def told_starts(self) -> tuple[tuple[float, str], ...]:
        """When services are to be set up, since 1970 UTC, and their UUIDs."""
        with self._lock:
            return tuple((starts_s, uuid) for uuid, starts_s in self._services.starts_s.items())

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
                drained=self._drained,
                services=tuple(self._services.by_uuid.values()),
                revision=self._revision,
            )

    def lit_by_link(self) -> dict[tuple[str, str], int]:
        """Slots taken on each directed link, bit i = slot i."""
        with self._lock:
            return self.lit.by_link()

    def standing(self) -> tuple[int, tuple[Service, ...], tuple[tuple[str, str], ...], Drained]:
        """The version, the services with a lightpath, the cut links and what is drained, of one moment."""
        with self._lock:
            lit = tuple(service for service in self._services.by_uuid.values() if service.path)
            return self._version, lit, tuple(sorted(self._failed_links)), self._drained

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

    def tell(self) -> None:
        """Tell the listeners that the state has changed."""
        for listener in self._listeners:
            listener()

    def show(self, service: Service) -> None:
        """Show a service as planned; no slot is taken."""
        with self._lock:
            self._services.drop(service.uuid)
            self._services.put(service)
            self._revision += 1

    def hide(self, uuid: str) -> None:
        """Take a planned service out of sight."""
        with self._lock:
            service = self._services.by_uuid.get(uuid)
            if service is not None and service.lifecycle == PLANNED:
                self._services.drop(uuid)
                self._revision += 1

    def installed(self, service: Service, change: Change) -> None:
        """A lightpath was stored; a service that was planned takes its place in the order of creation."""
        assert service.path is not None
        with self._lock:
            self.lit.light(service.path.nodes, service.path.first_slot, service.path.num_slots)
            known = self._services.by_uuid.get(service.uuid)
            if known is not None and known.lifecycle != INSTALLED:
                self._services.drop(service.uuid)
            self._services.put(service)
            self._count(change)

    def moved(self, before: Service, after: Service, last: Change) -> None:
        """A service's lightpath was stored in the place of the one before."""
        assert after.path is not None
        with self._lock:
            self._release(before)
            self.lit.light(after.path.nodes, after.path.first_slot, after.path.num_slots)
            self._services.put(after)
            self._count(last)

    def renewed(self, service: Service, change: Change | None = None) -> None:
        """A service was stored with the same lightpath, or with none, and something else of it changed.

        Args:
            service: as it is now.
            change: that tells it; None where the log tells nothing of it.
        """
        with self._lock:
            self._services.put(service)
            if change is None:
                self._revision += 1
            else:
                self._count(change)

    def drained_are(self, drained: Drained, last: Change) -> None:
        """Other links and nodes are drained, as it was stored."""
        with self._lock:
            self._drained = drained
            self._count(last)

    def removed(self, service: Service, change: Change) -> None:
        """A service was dropped."""
        with self._lock:
            self._release(service)
            self._services.drop(service.uuid)
            self._count(change)

    def link_failed(self, ends: tuple[str, str], lost: Sequence[Service], last: Change) -> None:
        """A cut was stored, with the lightpaths it ended."""
        with self._lock:
            self._failed_links |= {ends}
            for service in lost:
                self._release(service)
                self._services.put(service.darkened)
            self._count(last)

    def link_repaired(self, ends: tuple[str, str], change: Change) -> None:
        """A repair was stored."""
        with self._lock:
            self._failed_links -= {ends}
            self._count(change)

    def _count(self, change: Change) -> None:
        self._version = change.version
        self._revision += 1

    def _release(self, service: Service) -> None:
        if service.path:
            self.lit.release(service.path.nodes, service.path.first_slot, service.path.num_slots)
