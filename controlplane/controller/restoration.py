"""After a cut: services are set up on other paths, protected classes first, many at a time, with a report.

Not here: how one is set up (``setting_up.py``), what a cut ends (``services.py``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from controlplane.controller.setting_up import ServiceSetUp
from controlplane.controller.state import NetworkState
from controlplane.keyed_locks import KeyedLocks
from controlplane.tapi.connectivity import INSTALLED, Service
from controlplane.tapi.errors import NoRoomAroundError, TapiError
from controlplane.tapi.purpose import RESTORE

log = logging.getLogger(__name__)
AT_ONCE = 8


@dataclass(frozen=True)
class Restoration:
    """What became of the services without a lightpath: restored, or still without and why.

    After a repair, or the end of a drain, also which went back to their first lightpath, or to all of their
    capacity.
    """

    restored: tuple[str, ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    took_s: float = 0.0
    reverted: tuple[str, ...] = ()

    def __str__(self) -> str:
        total = len(self.restored) + len(self.lost)
        return f"{len(self.restored)} of {total} services restored in {self.took_s:.2f} s"


class Restorer:
    """Sets services without a lightpath up again; safe to share between threads.

    Args:
        state: of the network.
        set_up: sets one up.
        lives: who changes a service holds its UUID's lock.
        trust: has the state be the store's.
        first: service classes that come before the others, in this order.
    """

    def __init__(
        self,
        state: NetworkState,
        set_up: ServiceSetUp,
        lives: KeyedLocks,
        trust: Callable[[], None],
        first: Sequence[str],
    ) -> None:
        self._state = state
        self._set_up = set_up
        self._lives = lives
        self._trust = trust
        self._first = tuple(first)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="restoration")
        # Without a lightpath for a reason that may pass by itself; the others wait for a repair.
        self._try_again: set[str] = set()
        self._lock = threading.Lock()
        self.try_all_again()

    def close(self) -> None:
        """Let what is under way end, then stop."""
        self._threads.shutdown(wait=True)

    def try_all_again(self) -> None:
        """Nobody knows why services have no lightpath."""
        with self._lock:
            self._try_again.update(service.uuid for service in self._state.dark())

    def again(self) -> Restoration:
        """Try what failed for a reason that may have passed."""
        with self._lock:
            uuids = tuple(self._try_again)
        return self.restore(uuids) if uuids else Restoration()

    def restore(self, uuids: Iterable[str]) -> Restoration:
        """Set services up again; one that fails, for whatever reason, stops no other.

        Those of one class go at the same time; a class begins when the one before it has ended. The second
        lightpath of a protected service is told under the service's UUID.
        """
        began = time.perf_counter()
        uuids = tuple(uuids)
        known = {uuid: self._state.service(uuid) for uuid in uuids}
        told = {uuid: service.request.life if service else uuid for uuid, service in known.items()}
        waiting = sorted(((self._rank(uuid), uuid) for uuid in uuids), key=lambda item: item[0])
        tickets = {uuid: self._set_up.waiting.join() for _, uuid in waiting}
        restored: list[str] = []
        lost: list[tuple[str, str]] = []
        for _, together in groupby(waiting, key=lambda item: item[0]):
            group = [uuid for _, uuid in together]
            outcomes = self._threads.map(lambda uuid: self._restore(uuid, tickets[uuid]), group)
            for uuid, why in zip(group, outcomes, strict=True):
                if why:
                    lost.append((told[uuid], why))
                elif why is not None:
                    restored.append(told[uuid])
        return Restoration(tuple(dict.fromkeys(restored)), tuple(lost), time.perf_counter() - began)

    def _rank(self, uuid: str) -> int:
        service = self._state.service(uuid)
        name = service.request.service_class if service else ""
        return self._first.index(name) if name in self._first else len(self._first)

    def _restore(self, uuid: str, ticket: object) -> str | None:
        """Why a service is still without a lightpath; empty: it has one; None: it needs none."""
        try:
            known = self._state.service(uuid)
            with self._lives.of(known.request.life if known else uuid):
                self._set_up.waiting.leave(ticket)
                self._trust()
                service = self._state.service(uuid)
                if service is None or service.path or service.lifecycle != INSTALLED:
                    self._note(uuid, False)
                    return None
                self._set_up_again(service)
        except TapiError as error:
            log.warning("service %s has no lightpath: %s", uuid, error.message)
            self._note(uuid, error.status >= 500)
            return error.message
        except Exception as error:
            log.exception("service %s has no lightpath: a defect", uuid)
            self._note(uuid, True)
            return f"a defect in the controller: {error!r}"
        finally:
            self._set_up.waiting.leave(ticket)
        self._note(uuid, False)
        return ""

    def _set_up_again(self, service: Service) -> None:
        """With all that it asks for, or where it allows that with as much as fits."""
        began = time.perf_counter()
        try:
            self._set_up.carry(service, RESTORE, began)
        except TapiError as error:
            has_no_room = error.status == 409 or isinstance(error, NoRoomAroundError)
            if not has_no_room or service.request.lowest_gbps is None:
                raise
            carried = self._set_up.carry_less(service, RESTORE, began)
            log.warning("service %s is restored with %g Gb/s only", service.uuid, carried.carried_gbps)

    def _note(self, uuid: str, is_to_be_tried: bool) -> None:
        with self._lock:
            (self._try_again.add if is_to_be_tried else self._try_again.discard)(uuid)
