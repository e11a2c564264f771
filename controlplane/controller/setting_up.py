"""One set-up: a path is asked for, verified and reserved; elements are configured; the lightpath is stored.

A service that has a lightpath is moved: the new one is set up beside it, one transaction stores the one in
the place of the other, and only then do the elements let go of the old one.

Set-ups run side by side. Nothing is held while the path computation element or an element is waited for, but
the service's own life, and the slots. Not here: who may set up what (``services.py``), what happens after a
cut (``restoration.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from controlplane.controller.change_documents import lightpath_change
from controlplane.controller.configure import ConfigurationFailed, Configurator, cross_connects
from controlplane.controller.pce_client import PathComputation
from controlplane.controller.progress import SetUpProgress
from controlplane.controller.reservations import Reservation, Reservations
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.controller.verify import PathRejected
from controlplane.controller.writer import Show, Writer
from controlplane.failpoints import hit
from controlplane.keyed_locks import KeyedLocks
from controlplane.lightpath import Lightpath
from controlplane.metrics import ControllerMetrics, SetUpStep
from controlplane.tapi.connectivity import INSTALLED, SCHEDULED, Service
from controlplane.tapi.context import Drained
from controlplane.tapi.errors import TapiError, no_path
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.purpose import CREATE, MOVE, Purpose
from controlplane.tapi.service_body import ServiceRequest

log = logging.getLogger(__name__)
MOST_ANSWERS = 12  # of the path computation element for one set-up, when others come first each time
MOST_CUTS = 4  # or drains, of a link on the way, while the elements are configured
OVERTAKEN = 3  # so many times, and nobody else reserves on the same links before it has its slots
IN_THE_WAY_S = 10.0  # that a set-up waits for others that have slots of its paths


class _ClosedMeanwhileError(Exception):
    """A link of the path was cut, or what it crosses drained, while the elements were configured."""


class Waiting:
    """Set-ups that wait for their turn."""

    def __init__(self) -> None:
        self._tickets: dict[object, None] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self) -> object:
        """One more waits; until the ticket that is returned is given to ``leave``."""
        ticket = object()
        self._tickets[ticket] = None
        return ticket

    def leave(self, ticket: object) -> None:
        """It waits no more; once is enough."""
        self._tickets.pop(ticket, None)


class ServiceSetUp:
    """Sets services up; safe to share between threads.

    Args:
        state: of the network.
        pce: computes paths.
        reservations: of slots.
        configurator: of elements.
        writer: into the store.
        metrics: count what comes of it.
    """

    def __init__(
        self,
        state: NetworkState,
        pce: PathComputation,
        reservations: Reservations,
        configurator: Configurator,
        writer: Writer,
        metrics: ControllerMetrics,
    ) -> None:
        self._state = state
        self._pce = pce
        self._reservations = reservations
        self._configurator = configurator
        self._writer = writer
        self._metrics = metrics
        self._turns = KeyedLocks()
        self.waiting = Waiting()
        self.progress = SetUpProgress()

    def carry(self, service: Service, cause: str, began: float) -> Service:
        """The service with a new lightpath, in the place of the one that it has; nobody else changes it.

        No route passes an element that does not answer; one that fails is gone around from then on.
        What is drained is avoided, but the ends of a service that is there already.

        Args:
            service: to be set up, or to be moved, with the request as it is to be from now on.
            cause: ``create``, ``restore`` or ``move``.
            began: when, by ``time.perf_counter``.

        Raises:
            TapiError: as ``ServiceManager.create``; nothing is changed then.
        """
        ends = {service.request.source, service.request.destination}
        dead = set(self._configurator.away - ends)
        at = self.progress.begin(service, cause, began)
        with self._metrics.setting_up(cause, began, at), at.ending():
            for _ in range(MOST_CUTS):
                try:
                    return self._around(service, cause, began, at, dead)
                except ConfigurationFailed as error:
                    if error.nodes & ends or error.nodes <= dead:
                        raise TapiError(
                            503,
                            "operation-failed",
                            f"the elements could not be configured: {error}; nothing was changed",
                        ) from error
                    dead |= error.nodes
                    log.warning("service %s: %s; trying another route", service.uuid, error)
                except _ClosedMeanwhileError:
                    log.info("service %s: its route was cut or drained meanwhile; trying again", service.uuid)
            raise TapiError(503, "operation-failed", "links are cut faster than the service can be set up")

    def _around(self, service: Service, cause: str, began: float, at: SetUpStep, dead: set[str]) -> Service:
        """The service on a route that passes nothing dead."""
        request, drained = service.request, self._avoided(service, cause)
        request = replace(
            request,
            exclude_nodes=(*request.exclude_nodes, *sorted(dead | drained.nodes)),
            exclude_links=(*request.exclude_links, *sorted(drained.links)),
        )
        try:
            reservation = self._reserve(request, Purpose(request.uuid, cause, request.service_class), at)
        except TapiError as error:
            if dead and error.status == 409:  # without them there might be a way, so it is no refusal
                around = f"{error.message} (no answer from the element(s) {', '.join(sorted(dead))})"
                raise TapiError(503, "operation-failed", around) from error
            if drained and error.status == 409:
                message = f"{error.message} (avoided, being drained: {drained})"
                raise TapiError(409, error.tag, message) from error
            raise
        with self._reserved(reservation):
            hit("controller.reserved")
            return self._install(service, reservation.path, cause, began, at)

    def _avoided(self, service: Service, cause: str) -> Drained:
        """What is drained and must not be crossed.

        Raises:
            TapiError: 409, a new service begins or ends at a node that is drained.
        """
        drained = self._state.drained
        ends = drained.nodes & {service.request.source, service.request.destination}
        if not ends:
            return drained
        if cause == CREATE:
            where = " and ".join(sorted(ends))
            raise no_path(f"{where} is being drained: nothing new begins or ends there until that is undone")
        return replace(drained, nodes=drained.nodes - ends)

    @contextmanager
    def _reserved(self, reservation: Reservation) -> Iterator[None]:
        try:
            yield
        finally:
            if self._writer.is_in_doubt:
                self._reservations.leave(reservation)
            else:
                self._reservations.end(reservation)

    def _install(self, service: Service, path: Lightpath, cause: str, began: float, at: SetUpStep) -> Service:
        leg = 1 - service.path.leg if service.path else 0
        new = Service(service.request, INSTALLED, replace(path, leg=leg), began_s=service.began_s)
        released: dict[str, Future[None]] = {}

        def write(writing: Writing) -> Show[Service]:
            if self._is_closed(path, self._avoided(service, cause)):
                raise _ClosedMeanwhileError
            done = replace(new, setup_ms=round((time.perf_counter() - began) * 1000.0, 3))
            added = lightpath_change("lightpath-added", done)
            before = self._state.service(service.uuid)  # a cut may have come before
            if before is None or before.path is None:
                is_known = before is not None and before.lifecycle == SCHEDULED
                stored = writing.install(done, added, cause, is_known)
            else:
                stored = writing.move(done, lightpath_change("lightpath-removed", before), added, cause)
            done = stored.stamped(done)

            def show() -> Service:
                if before is None or before.path is None:
                    self._state.installed(done, stored)
                    return done
                with self._reservations.none():  # who gets the slots then comes after it in every queue
                    self._state.moved(before, done, stored)
                    released.update(self._configurator.bring(dict.fromkeys(before.path.nodes, (before.key,))))
                return done

            return show

        at.step = "elements"
        with self._configurator.changed(new.key, cross_connects(new)):
            at.step = "database"
            hit("controller.configured")
            nodes = {*path.nodes, *(service.path.nodes if service.path else ())}
            done = self._writer.write(write, nodes)
            hit("controller.stored")
        for error in self._configurator.wait(released).values():
            log.warning("service %s has moved: %s; to be released there yet", service.uuid, error)
        if released:
            self._metrics.releases.labels(MOVE).inc()
        return done

    def _is_closed(self, path: Lightpath, drained: Drained) -> bool:
        links = {frozenset(hop) for hop in hops_of(path.nodes)}
        closed = self._state.failed_links | drained.links
        return any(frozenset(ends) in links for ends in closed) or not drained.nodes.isdisjoint(path.nodes)

    def _reserve(self, request: ServiceRequest, purpose: Purpose, at: SetUpStep) -> Reservation:
        """Slots on a path that the path computation element proposes and that is valid now.

        An answer that others overtook is asked for again. Where one of them still has the slots, it is waited
        for. Those that were overtaken on the same link ask one after another, and who is overtaken again and
        again keeps the link to itself meanwhile: each gets its slots in turn.
        """
        end_s = time.monotonic() + IN_THE_WAY_S
        patience_s = IN_THE_WAY_S
        with ExitStack() as turn:
            for number in range(1, MOST_ANSWERS + 1):
                moment = self._reservations.moment
                at.step = "path-computation"
                computed = self._pce.compute(request, moment[0], purpose, len(self.waiting))
                at.step = "check"
                hit("controller.computed")
                try:
                    return self._reservations.reserve(computed, request, patience_s)
                except PathRejected as error:
                    in_the_way = self._reservations.in_the_way_of(computed)
                    if not in_the_way:
                        self._writer.catch_up()
                        if moment == self._reservations.moment:
                            raise self._invalid(computed, request, error) from error
                    log.debug("service %s: the path is out of date: %s", request.uuid, error)
                clash = self._reservations.clash(computed.nodes, computed.first_slot, computed.num_slots)
                if clash and patience_s:
                    ticket = self.waiting.join()
                    try:
                        turn.enter_context(self._turns.of(frozenset(clash)))
                    finally:
                        self.waiting.leave(ticket)
                    patience_s = 0.0
                if number >= OVERTAKEN:
                    for unit in {unit for unit in (clash, *(unit for _, unit in in_the_way)) if unit}:
                        turn.enter_context(self._reservations.kept(unit))
                if not all(other.ended.wait(max(0.0, end_s - time.monotonic())) for other, _ in in_the_way):
                    break
        raise TapiError(
            503,
            "operation-failed",
            "others were quicker each time: a path was taken before it could be reserved; ask again with the "
            "same uuid",
        )

    @staticmethod
    def _invalid(computed: Lightpath, request: ServiceRequest, error: PathRejected) -> TapiError:
        log.error("path %s for service %s rejected: %s", computed.uuid, request.uuid, error)
        return TapiError(
            502, "operation-failed", f"the path computation element proposed an invalid path: {error}"
        )
