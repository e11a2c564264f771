"""Changes of a service that is there: another lightpath, another capacity, locked and unlocked.

A change of the lightpath is make before break (``setting_up.py``): where the new one cannot be set up, the
service stays as it was. Not here: who asks for it (``draining.py``, ``datastore.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace

from controlplane.controller.change_documents import lock_change
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

log = logging.getLogger(__name__)


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
        self._usable_since_s: dict[str, float] = {}  # the first lightpath of those that wait to go back

    def move(self, uuid: str, is_needed: Callable[[Service], bool]) -> Service | None:
        """A service on another lightpath; None where it is gone, is down or does not need it any more.

        Raises:
            TapiError: as ``ServiceManager.create``; it stays where it was.
        """
        known = self._state.service(uuid)
        with self._lives.of(known.request.life if known else uuid):
            self._writer.trust()
            service = self._state.service(uuid)
            if service is None or service.path is None or not is_needed(service):
                return None
            home = service.home or (service.path if service.request.reverts else None)
            return self._set_up.carry(replace(service, home=home), MOVE, time.perf_counter())

    def go_back(self) -> tuple[str, ...]:
        """Services that a cut or a drain moved go back to their first lightpath, or to all of their capacity.

        Those that cannot stay as they are, until the next repair or end of a drain. Those that ask to wait
        are left to ``go_back_waited``.

        Returns:
            UUIDs of those that did.
        """
        return self._go_back(item for item in self._state.astray() if not item.waits_to_revert)

    def go_back_waited(self, now_s: float) -> tuple[str, ...]:
        """Of those that ask to wait, the ones whose first lightpath has been usable for so long.

        One that cannot go back then waits as long again. After a restart the wait begins anew, and so it does
        where a link or node on the way was closed meanwhile.

        Args:
            now_s: any clock that never jumps.

        Returns:
            UUIDs of those that went.
        """
        waiting = {item.uuid: item for item in self._state.astray() if item.waits_to_revert}
        # Whether its slots are free is seen when they are taken.
        closed = self._state.closed(self._state.drained)
        usable = {
            uuid: item
            for uuid, item in waiting.items()
            if item.home and not closed.is_crossed_by(item.home.nodes)
        }
        self._usable_since_s = {uuid: self._usable_since_s.get(uuid, now_s) for uuid in usable}
        due = [
            item
            for uuid, item in usable.items()
            if now_s - self._usable_since_s[uuid] >= item.request.wait_to_revert_s
        ]
        for item in due:
            self._usable_since_s[item.uuid] = now_s
        return self._go_back(due)

    def _go_back(self, services: Iterable[Service]) -> tuple[str, ...]:
        gone = []
        for known in services:
            with self._lives.of(known.request.life):
                try:
                    self._writer.trust()
                    service = self._state.service(known.uuid)
                    if service and service.path and self._goes_back(service):
                        gone.append(service.request.life)
                except TapiError as error:
                    log.info("service %s does not go back yet: %s", known.uuid, error.message)
                except Exception:
                    log.exception("service %s does not go back: a defect", known.uuid)
        return tuple(dict.fromkeys(gone))

    def _goes_back(self, service: Service) -> bool:
        home = service.home
        if home is not None and service.path is not None:
            here = service.path.nodes, service.path.first_slot
            if here == (home.nodes, home.first_slot):
                return False
            try:
                self._set_up.carry_back(service, home, time.perf_counter())
                return True
            except TapiError as error:
                if error.status != 409 or not service.carried_gbps:
                    raise
        if service.carried_gbps:
            self._set_up.carry(service, MOVE, time.perf_counter())
            return True
        return False

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
            if service is None or service.lifecycle != INSTALLED or service.request.protects:
                raise unknown(f"no connectivity service {uuid!r} that is set up")
            request = changed(service.request)
            if request.digest == service.request.digest:
                return service
            if request.bit_rate_gbps != service.request.bit_rate_gbps:
                return self._with_capacity(service, request)
            if request.is_locked != service.request.is_locked:
                return self._lock(service, request)
            return self._writer.write(self._renewal(service, request))

    def _with_capacity(self, service: Service, request: ServiceRequest) -> Service:
        if service.path is None:
            raise no_path("a cut has left the service without a lightpath: change it once it is restored")
        if request.is_locked != service.request.is_locked:
            raise TapiError(
                400,
                "operation-not-supported",
                "requested-capacity and administrative-state change one after the other: ask twice",
            )
        asked = {service.uuid: request, request.protection.uuid: request.protection}
        legs = [(replace(leg, request=asked[leg.uuid], home=None), MOVE) for leg in self._state.legs(service)]
        try:
            return self._set_up.carry_all(legs, time.perf_counter())[0]
        except TapiError as error:
            if error.status != 409:
                raise
            raise no_path(
                f"no lightpath with {request.bit_rate_gbps:g} Gb/s fits beside the present one, and nothing "
                f"was changed: {error.message}"
            ) from error

    def _lock(self, service: Service, request: ServiceRequest) -> Service:
        legs = self._state.legs(service)
        try:
            with ExitStack() as configured:
                for leg in legs:
                    after = replace(leg, request=replace(request, uuid=leg.uuid))
                    taken = dict.fromkeys(leg.path.nodes if leg.path else ())
                    wanted: Mapping[str, CrossConnect | None] = cross_connects(after) or taken
                    configured.enter_context(self._configurator.changed(leg.key, wanted))
                hit("controller.relocked")
                nodes = {node for leg in legs for node in (leg.path.nodes if leg.path else ())}
                return self._writer.write(self._renewal(service, request), nodes)
        except ConfigurationFailed as error:
            raise TapiError(
                503, "operation-failed", f"the elements could not be configured: {error}; nothing was changed"
            ) from error

    def _renewal(self, service: Service, request: ServiceRequest) -> Callable[[Writing], Show[Service]]:
        asked = {service.uuid: request, request.protection.uuid: request.protection}
        legs = self._state.legs(service)

        def write(writing: Writing) -> Show[Service]:
            renewed = []
            for leg in legs:
                now = self._state.service(leg.uuid)
                assert now is not None
                if now.path != leg.path:
                    raise TapiError(503, "operation-failed", "a lightpath was cut meanwhile; ask again")
                renewed.append(replace(now, request=asked[leg.uuid]))
            for item in renewed:
                writing.update(item)
            stored = None
            if request.is_locked != service.request.is_locked:
                stored = writing.lock(lock_change(renewed[0]), request.is_locked)

            def show() -> Service:
                for item in renewed:
                    self._state.renewed(item, stored)
                return renewed[0]

            return show

        return write
