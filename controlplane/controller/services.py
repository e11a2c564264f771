"""Creation and deletion of services, their told end, cuts and repairs, recovery after a restart.

Services live side by side; what one service goes through is done one after another, by its UUID. What a
method returned from is stored. Readers are never held up. Not here: HTTP (``app.py``), one set-up
(``setting_up.py``), restoration (``restoration.py``), elements (``configure.py``), the store (``writer.py``).
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace

from controlplane.controller.change_documents import lightpath_change, removed_dark
from controlplane.controller.changing import ServiceChanges
from controlplane.controller.configure import ConfigurationFailed, Configurator
from controlplane.controller.draining import Draining
from controlplane.controller.network import link_ends
from controlplane.controller.pce_client import PathComputation
from controlplane.controller.progress import SetUpProgress
from controlplane.controller.reservations import Reservations
from controlplane.controller.restoration import Restoration, Restorer
from controlplane.controller.scheduled import ScheduledServices
from controlplane.controller.setting_up import ServiceSetUp
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.controller.writer import Show, Writer
from controlplane.elements.interface import Southbound
from controlplane.failpoints import hit
from controlplane.keyed_locks import KeyedLocks
from controlplane.metrics import ControllerMetrics
from controlplane.tapi.connectivity import PLANNED, Service
from controlplane.tapi.errors import TapiError, unknown
from controlplane.tapi.purpose import CREATE
from controlplane.tapi.schedule import refuse_past_end
from controlplane.tapi.service_body import ROOT, ServiceRequest

log = logging.getLogger(__name__)
DELETE, ENDED = "delete", "ended"  # why a service was released


def _by_node(services: Iterable[Service]) -> dict[str, list[str]]:
    """Keys of the lightpaths that pass a node, by node."""
    keys: dict[str, list[str]] = defaultdict(list)
    for service in services:
        for node in service.path.nodes if service.path else ():
            keys[node].append(service.key)
    return keys


class ServiceManager:
    """The one who changes the network; safe to share between threads.

    Args:
        state: the network's state; only this object changes it from now on.
        pce: computes paths.
        southbound: reaches the elements.
        clock: tells the time, since 1970 UTC; replaced in tests.
        restored_first: service classes that come before the others after a cut, in this order.
    """

    def __init__(
        self,
        state: NetworkState,
        pce: PathComputation,
        southbound: Southbound,
        clock: Callable[[], float] = time.time,
        restored_first: Sequence[str] = (),
    ) -> None:
        self.state = state
        self._clock = clock
        self.metrics = ControllerMetrics()
        self.configurator = Configurator(southbound, state, state.plant.topology.node_names)
        self.reservations = Reservations(state)
        self.writer = Writer(state, self.configurator.suspect, self._reloaded)
        self._set_up = ServiceSetUp(
            state, pce, self.reservations, self.configurator, self.writer, self.metrics
        )
        self._lives = KeyedLocks()
        self.changes = ServiceChanges(state, self._set_up, self.configurator, self.writer, self._lives)
        self.scheduled = ScheduledServices(state, self._set_up, self.writer, self._lives, clock)
        self._restorer = Restorer(state, self._set_up, self._lives, self.writer.trust, restored_first)
        self.draining = Draining(state, self.writer, self.changes, self._restorer)
        self._away: frozenset[str] = frozenset()  # elements that did not answer at the last maintenance

    @property
    def num_waiting(self) -> int:
        """Set-ups that wait for their turn."""
        return len(self._set_up.waiting)

    @property
    def progress(self) -> SetUpProgress:
        """Where each set-up is."""
        return self._set_up.progress

    def close(self) -> None:
        """Let what is under way end, then stop."""
        self._restorer.close()
        self.configurator.close()

    def create(self, request: ServiceRequest) -> tuple[Service, bool]:
        """The service set up for a request, or kept for later, and whether it is new.

        Asking again with the same content answers with the service that is there.

        Raises:
            TapiError: 400 an end that is past; 409 another content under the same UUID; 409 no path, with the
                reason; 502 the path computation element proposed what is not valid; 503 it or an element does
                not answer. Nothing is allocated then.
        """
        arrived = time.perf_counter()
        with self._lives.of(request.uuid):
            self.writer.trust()
            known = self.state.service(request.uuid)
            if known:
                if known.request.digest == request.digest:
                    return known, False
                raise TapiError(
                    409,
                    "data-exists",
                    f"service {request.uuid} is there with another content; delete it first, "
                    "or choose another uuid",
                )
            refuse_past_end(request.ends_s, ROOT, self._clock())
            if self.scheduled.is_to_come(request):
                return self.scheduled.keep(request), True
            planned = Service(request, PLANNED)
            self.state.show(planned)
            hit("controller.planned")
            try:
                self._set_up.carry(planned, CREATE, arrived)
            except BaseException:
                self.state.hide(request.uuid)
                raise
            made = self.state.service(request.uuid)
            assert made is not None
            return made, True

    def delete(self, uuid: str) -> None:
        """Release a service, its elements and its spectrum.

        Raises:
            TapiError: 404 no such service; 503 an element does not answer, the service stays.
        """
        with self._lives.of(uuid.lower()):
            self.writer.trust()
            service = self.state.service(uuid)
            if service is None or service.request.protects:
                raise unknown(f"no connectivity service {uuid!r}")
            self._release(service, DELETE)

    def end_due(self) -> tuple[str, ...]:
        """Release the services whose told end has come; which they were.

        One whose elements do not answer stays, and is due the next time.
        """
        ended = []
        now_s = self._clock()
        for _, uuid in sorted(item for item in self.state.told_ends() if item[0] <= now_s):
            with self._lives.of(uuid):
                self.writer.trust()
                service = self.state.service(uuid)
                ends_s = service.request.ends_s if service else None
                if service is None or ends_s is None or ends_s > now_s:
                    continue  # deleted, or made anew, meanwhile
                try:
                    self._release(service, ENDED)
                except TapiError as error:
                    log.warning("service %s has ended and cannot be released yet: %s", uuid, error.message)
                else:
                    ended.append(uuid)
        return tuple(ended)

    def _release(self, service: Service, cause: str) -> None:
        legs = self.state.legs(service)

        def write(writing: Writing) -> Show[None]:
            removed = []
            for leg in legs:
                now = self.state.service(leg.uuid)  # a cut may have come before
                assert now is not None
                change = lightpath_change("lightpath-removed", now) if now.path else removed_dark(now)
                removed.append((now, writing.remove(now.uuid, change, cause)))

            def show() -> None:
                for now, stored in removed:
                    self.state.removed(now, stored)

            return show

        try:
            with ExitStack() as released:
                for leg in legs:
                    nodes = dict.fromkeys(leg.path.nodes if leg.path else ())
                    released.enter_context(self.configurator.changed(leg.key, nodes))
                hit("controller.released")
                self.writer.write(write, {node for leg in legs if leg.path for node in leg.path.nodes})
                hit("controller.removed")
        except ConfigurationFailed as error:
            raise TapiError(
                503, "operation-failed", f"the elements could not be configured: {error}; nothing was changed"
            ) from error
        self.metrics.releases.labels(cause).inc()

    def fail_link(self, nodes: Sequence[str]) -> Restoration:
        """Note that a link is cut, and move the services over it to other paths; no other is touched.

        Raises:
            TapiError: 400 there is no such link.
        """
        ends = link_ends(self.state.plant, nodes)
        concerned: set[str] = set()

        lost: list[Service] = []

        def write(writing: Writing) -> Show[dict[str, Future[None]]]:
            lost.clear()
            if ends in self.state.failed_links:
                return dict
            over = self.state.over(ends)
            lost.extend(over)
            concerned.update(_by_node(over))
            removals = [(service.uuid, lightpath_change("lightpath-removed", service)) for service in over]
            stored = writing.fail_link(*ends, {"kind": "link-failed", "nodes": list(ends)}, removals)
            for service in over:
                if service.request.reverts:
                    writing.update(service.darkened)

            def show() -> dict[str, Future[None]]:
                with self.reservations.none():  # who gets the slots then comes after it in every queue
                    self.state.link_failed(ends, over, stored[-1])
                    return self.configurator.bring(_by_node(over))

            return show

        released = self.writer.write(write, concerned, is_alone=True)
        hit("controller.cut")
        if not lost:
            return Restoration()
        self.metrics.releases.labels("cut").inc(len(lost))
        found = self._restorer.restore(service.uuid for service in lost)
        for error in self.configurator.wait(released).values():
            log.warning("link %s-%s cut: %s; to be repaired", *ends, error)
        log.info("link %s-%s cut: %s", *ends, found)
        return found

    def repair_link(self, nodes: Sequence[str]) -> Restoration:
        """Note that a link works again, and set up the services that are without a lightpath.

        Then services that a cut moved, or left with less than they ask for, go back, if they ask for it.

        Raises:
            TapiError: 400 there is no such link.
        """
        ends = link_ends(self.state.plant, nodes)

        def write(writing: Writing) -> Show[None]:
            if ends not in self.state.failed_links:
                return lambda: None
            stored = writing.repair_link(*ends, {"kind": "link-repaired", "nodes": list(ends)})
            return lambda: self.state.link_repaired(ends, stored)

        self.writer.write(write, is_alone=True)
        found = self._restorer.restore(service.uuid for service in self.state.dark())
        found = replace(found, reverted=self.changes.go_back())
        log.info("link %s-%s repaired: %s", *ends, found)
        return found

    def maintain(self, everything: bool = False) -> None:
        """Audit the suspect elements, try again what may have failed in passing, then audit the others.

        Nobody else is held up: an element is audited in its own turn.

        Args:
            everything: the others too, one after another.
        """
        self.writer.trust()
        self.reservations.end_left()
        suspects = sorted(self.configurator.suspects)
        self._audit(suspects)
        self._restorer.again()
        before, self._away = self._away, self.configurator.away
        if before - self._away:
            # What was restored around them may have all of its capacity, or its path, again.
            self.changes.go_back()
        for node in self.state.plant.topology.node_names if everything else ():
            if node not in suspects:
                self._audit([node])

    def _audit(self, nodes: Sequence[str]) -> None:
        for reason in self.configurator.audit(nodes).values():
            log.warning("not yet as the state says: %s", reason)

    def _reloaded(self) -> None:
        self.reservations.end_left()
        self._restorer.try_all_again()
