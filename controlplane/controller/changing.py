"""Changes of a service that is there: another lightpath, another capacity, locked and unlocked.

A change of the lightpath is make before break (``setting_up.py``): where the new one cannot be set up, the
service stays as it was. Not here: who asks for it (``draining.py``, ``datastore.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from controlplane.controller.configure import ConfigurationFailed, Configurator, cross_connects
from controlplane.controller.setting_up import ServiceSetUp
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.controller.writer import Show, Writer
from controlplane.elements.interface import CrossConnect
from controlplane.failpoints import hit
from controlplane.keyed_locks import KeyedLocks
from controlplane.tapi.connectivity import INSTALLED, Service
from controlplane.tapi.errors import TapiError, no_path, unknown
from controlplane.tapi.purpose import MOVE
from controlplane.tapi.service_body import ServiceRequest


class ServiceChanges:
    """Changes services; safe to share between threads.

    Args:
        state: of the network.
        set_up: sets lightpaths up.
        configurator: of elements.
        writer: into the store.
        lives: who changes a service holds its UUID's lock.
    """

    def __init__(
        self,
        state: NetworkState,
        set_up: ServiceSetUp,
        configurator: Configurator,
        writer: Writer,
        lives: KeyedLocks,
    ) -> None:
        self._state = state
        self._set_up = set_up
        self._configurator = configurator
        self._writer = writer
        self._lives = lives

    def move(self, uuid: str, is_needed: Callable[[Service], bool]) -> Service | None:
        """A service on another lightpath; None where it is gone, is down or does not need it any more.

        Raises:
            TapiError: as ``ServiceManager.create``; it stays where it was.
        """
        with self._lives.of(uuid):
            self._writer.trust()
            service = self._state.service(uuid)
            if service is None or service.path is None or not is_needed(service):
                return None
            return self._set_up.carry(service, MOVE, time.perf_counter())

    def change(self, uuid: str, changed: Callable[[ServiceRequest], ServiceRequest]) -> Service:
        """A service as it was asked to be: with another capacity, or locked, or unlocked.

        Args:
            uuid: of the service.
            changed: what is asked for now, out of what was asked for before.

        Raises:
            TapiError: 404 no such service; 400 another change, or both at once; 409 no second lightpath
                fits, or there is none to be changed; 502, 503 as ``ServiceManager.create``. Nothing is
                changed then.
        """
        with self._lives.of(uuid.lower()):
            self._writer.trust()
            service = self._state.service(uuid)
            if service is None or service.lifecycle != INSTALLED:
                raise unknown(f"no connectivity service {uuid!r} that is set up")
            request = changed(service.request)
            if request.digest == service.request.digest:
                return service
            if request.bit_rate_gbps != service.request.bit_rate_gbps:
                return self._with_capacity(service, request)
            if request.is_locked != service.request.is_locked:
                return self._lock(service, request)
            return self._writer.write(self._renewal(replace(service, request=request)))

    def _with_capacity(self, service: Service, request: ServiceRequest) -> Service:
        if service.path is None:
            raise no_path("a cut has left the service without a lightpath: change it once it is restored")
        if request.is_locked != service.request.is_locked:
            raise TapiError(
                400,
                "operation-not-supported",
                "requested-capacity and administrative-state change one after the other: ask twice",
            )
        try:
            return self._set_up.carry(replace(service, request=request), MOVE, time.perf_counter())
        except TapiError as error:
            if error.status != 409:
                raise
            raise no_path(
                f"no lightpath with {request.bit_rate_gbps:g} Gb/s fits beside the present one, and nothing "
                f"was changed: {error.message}"
            ) from error

    def _lock(self, service: Service, request: ServiceRequest) -> Service:
        after = replace(service, request=request)
        nodes = service.path.nodes if service.path else ()
        wanted: Mapping[str, CrossConnect | None] = cross_connects(after) or dict.fromkeys(nodes)
        try:
            with self._configurator.changed(service.key, wanted):
                hit("controller.relocked")
                return self._writer.write(self._renewal(after), nodes)
        except ConfigurationFailed as error:
            raise TapiError(
                503, "operation-failed", f"the elements could not be configured: {error}; nothing was changed"
            ) from error

    def _renewal(self, after: Service) -> Callable[[Writing], Show[Service]]:
        def write(writing: Writing) -> Show[Service]:
            now = self._state.service(after.uuid)
            assert now is not None
            if now.path != after.path:
                raise TapiError(503, "operation-failed", "its lightpath was cut meanwhile; ask again")
            done = replace(now, request=after.request)
            writing.update(done)

            def show() -> Service:
                self._state.renewed(done)
                return done

            return show

        return write
