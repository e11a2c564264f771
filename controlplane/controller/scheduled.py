"""Services whose start is to come: kept, and set up when it does.

One that finds no way then stays, without a lightpath, and says why: nobody waits for the answer any more. One
that fails for a reason that may pass is tried again. Not here: the clock's turns (``maintenance.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from controlplane.controller.setting_up import ServiceSetUp
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.controller.writer import Show, Writer
from controlplane.failpoints import hit
from controlplane.keyed_locks import KeyedLocks
from controlplane.tapi.connectivity import SCHEDULED, Service
from controlplane.tapi.errors import TapiError
from controlplane.tapi.purpose import CREATE
from controlplane.tapi.service_body import ServiceRequest

log = logging.getLogger(__name__)


class ScheduledServices:
    """Keeps services until their start; safe to share between threads.

    Args:
        state: of the network.
        set_up: sets one up.
        writer: into the store.
        lives: who changes a service holds its UUID's lock.
        clock: tells the time, since 1970 UTC.
    """

    def __init__(
        self,
        state: NetworkState,
        set_up: ServiceSetUp,
        writer: Writer,
        lives: KeyedLocks,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._set_up = set_up
        self._writer = writer
        self._lives = lives
        self._clock = clock

    def is_to_come(self, request: ServiceRequest) -> bool:
        """Whether a request is for later."""
        return request.starts_s is not None and request.starts_s > self._clock()

    def keep(self, request: ServiceRequest) -> Service:
        """A service that is to come, stored; who calls this holds its life.

        Raises:
            TapiError: 503 the database failed.
        """
        service = Service(request, SCHEDULED)

        def write(writing: Writing) -> Show[Service]:
            writing.schedule(service)
            return lambda: self._shown(service)

        kept = self._writer.write(write)
        hit("controller.scheduled")
        return kept

    def start_due(self) -> tuple[str, ...]:
        """Set up the services whose start has come; which they were."""
        started = []
        now_s = self._clock()
        for _, uuid in sorted(item for item in self._state.told_starts() if item[0] <= now_s):
            with self._lives.of(uuid):
                try:
                    self._writer.trust()
                    service = self._state.service(uuid)
                    if service is None or service.lifecycle != SCHEDULED or service.refused:
                        continue  # deleted, or started, meanwhile
                    self._start(service)
                except TapiError as error:
                    log.warning("service %s was to begin, and is tried again: %s", uuid, error.message)
                except Exception:
                    log.exception("service %s was to begin, and is tried again: a defect", uuid)
                else:
                    started.append(uuid)
        return tuple(started)

    def _start(self, service: Service) -> None:
        try:
            self._set_up.carry(service, CREATE, time.perf_counter())
        except TapiError as error:
            if error.status >= 500:
                raise
            log.warning("service %s was to begin, and is blocked: %s", service.uuid, error.message)
            refused = replace(service, refused=f"blocked: {error.message}")

            def write(writing: Writing) -> Show[Service]:
                writing.update(refused)
                return lambda: self._shown(refused)

            self._writer.write(write)

    def _shown(self, service: Service) -> Service:
        self._state.renewed(service)
        return service
