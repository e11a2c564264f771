"""One set-up: a path is asked for, verified and reserved; then it is installed (``installing.py``).

Set-ups run side by side. Nothing is held while the path computation element or an element is waited for, but
the service's own life, and the slots. Not here: who may set up what (``services.py``), what happens after a
cut (``restoration.py``).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from controlplane.controller.configure import ConfigurationFailed, Configurator
from controlplane.controller.disjoint import apart_from, on_route, two_routes
from controlplane.controller.installing import ClosedMeanwhileError, Installer, NewLightpath
from controlplane.controller.pce_client import PathComputation
from controlplane.controller.progress import SetUpProgress
from controlplane.controller.reservations import Reservation, Reservations
from controlplane.controller.roomy_route import roomy_route
from controlplane.controller.state import NetworkState
from controlplane.controller.verify import PathRejected
from controlplane.controller.waiting import Waiting
from controlplane.controller.writer import Writer
from controlplane.failpoints import hit
from controlplane.keyed_locks import KeyedLocks
from controlplane.lightpath import Lightpath
from controlplane.metrics import ControllerMetrics, SetUpStep
from controlplane.tapi.connectivity import Service
from controlplane.tapi.context import Drained
from controlplane.tapi.errors import NoRoomAroundError, TapiError, no_path
from controlplane.tapi.purpose import CREATE, MOVE, PROTECT, RESTORE, Purpose
from controlplane.tapi.service_body import ServiceRequest

log = logging.getLogger(__name__)
MOST_ANSWERS = 12  # of the path computation element for one set-up, when others come first each time
MOST_CUTS = 4  # or drains, of a link on the way, while the elements are configured
OVERTAKEN = 3  # so many times, and nobody else reserves on the same links before it has its slots
IN_THE_WAY_S = 10.0  # that a set-up waits for others that have slots of its paths


@dataclass(frozen=True)
class _Attempt:
    """What all that is reserved in one attempt has in common.

    Attributes:
        at: where the set-up is.
        dead: elements that no route may pass.
        held: gives the slots back when it ends.
        rate_gbps: of one service, where that is less than it asks for; else 0.
    """

    at: SetUpStep
    dead: frozenset[str]
    held: ExitStack
    rate_gbps: float = 0.0


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
        self._installer = Installer(state, reservations, configurator, writer, metrics)
        self._turns = KeyedLocks()
        self.waiting = Waiting()
        self.progress = SetUpProgress()

    def carry(self, service: Service, cause: str, began: float) -> Service:
        """The service with a new lightpath, in the place of the one that it has; nobody else changes it.

        A new service that asks for protection gets two. No route passes an element that does not answer; one
        that fails is gone around from then on. What is drained is avoided, but the ends of a service that is
        there already.

        Args:
            service: to be set up, or to be moved, with the request as it is to be from now on.
            cause: ``create``, ``restore`` or ``move``.
            began: when, by ``time.perf_counter``.

        Raises:
            TapiError: as ``ServiceManager.create``; nothing is changed then.
        """
        legs = [(service, cause)]
        if cause == CREATE and service.request.disjoint:
            legs.append((Service(service.request.protection, service.lifecycle), PROTECT))
        return self.carry_all(legs, began)[0]

    def carry_less(self, service: Service, cause: str, began: float) -> Service:
        """As ``carry``, with the highest rate in whole Gb/s that fits, below what is asked for.

        Raises:
            TapiError: as ``carry``; 409, or ``NoRoomAroundError``, where the lowest rate that the service
                allows does not fit either.
        """
        request = service.request
        low, high, fits = int(request.lowest_gbps or 0.0), math.ceil(request.bit_rate_gbps) - 1, 0
        purpose = Purpose(request.uuid, cause, request.service_class)
        refusal, dead = no_path("less does not fit either"), self._dead(service)
        while low <= high:
            middle = (low + high) // 2
            less = replace(service, request=replace(request, bit_rate_gbps=middle))
            asked = self._bounded(less, cause, dead)
            try:
                self._pce.compute(asked, self._reservations.moment[0], purpose, len(self.waiting))
                fits, low = middle, middle + 1
            except TapiError as error:
                if error.status != 409:
                    raise
                refusal, high = error, middle - 1
        if not fits:
            raise NoRoomAroundError(refusal, dead) if dead else refusal
        return self.carry_all([(service, cause)], began, fits)[0]

    def carry_back(self, service: Service, path: Lightpath, began: float) -> Service:
        """The service on a lightpath that it had before, if its slots are free and it may still be used.

        Raises:
            TapiError: 409 it may not; 503 as ``carry``. It stays where it is then.
        """
        at = self.progress.begin(service, MOVE, began)
        with self._metrics.setting_up(MOVE, began, at), at.ending(), ExitStack() as held:
            at.step = "check"
            try:
                reservation = self._reservations.reserve(path, self._bounded(service, MOVE))
                held.enter_context(self._reserved(reservation))
                new = NewLightpath(replace(service, home=None), reservation.path, MOVE)
                return self._installer.install([new], began, at)[0]
            except (PathRejected, ClosedMeanwhileError) as error:
                raise no_path(f"its first lightpath cannot be used again: {error}") from error
            except ConfigurationFailed as error:
                why = f"the elements could not be configured: {error}; nothing was changed"
                raise TapiError(503, "operation-failed", why) from error

    def carry_all(
        self, legs: Sequence[tuple[Service, str]], began: float, rate_gbps: float = 0.0
    ) -> tuple[Service, ...]:
        """As ``carry``, of one service or of the two lightpaths of a protected one, each with its cause.

        Args:
            legs: each with its cause.
            began: when, by ``time.perf_counter``.
            rate_gbps: of one service, where that is less than it asks for; else 0.

        Raises:
            TapiError: as ``ServiceManager.create``; nothing is changed then.
        """
        (service, cause), *_ = legs
        ends = {service.request.source, service.request.destination}
        dead = self._dead(service)
        at = self.progress.begin(service, cause, began)
        with self._metrics.setting_up(cause, began, at), at.ending():
            for _ in range(MOST_CUTS):
                try:
                    with ExitStack() as held:
                        reserved = self._reserve_all(legs, _Attempt(at, frozenset(dead), held, rate_gbps))
                        hit("controller.reserved")
                        return self._installer.install(reserved, began, at)
                except ConfigurationFailed as error:
                    if error.nodes & ends or error.nodes <= dead:
                        raise TapiError(
                            503,
                            "operation-failed",
                            f"the elements could not be configured: {error}; nothing was changed",
                        ) from error
                    dead |= error.nodes
                    log.warning("service %s: %s; trying another route", service.uuid, error)
                except ClosedMeanwhileError:
                    log.info("service %s: its route was cut or drained meanwhile; trying again", service.uuid)
            raise TapiError(503, "operation-failed", "links are cut faster than the service can be set up")

    def _reserve_all(self, legs: Sequence[tuple[Service, str]], attempt: _Attempt) -> list[NewLightpath]:
        """Slots for each, on routes that pass nothing dead.

        Routes that pass nothing slow are tried first: who waits for an element that hangs waits for seconds.
        """
        (service, cause), *_ = legs
        drained, dead = self._installer.avoided(service, cause), attempt.dead
        if (slow := dead | self._no_end(service, self._configurator.slow)) > dead:
            try:
                with ExitStack() as mine:
                    reserved = self._reserve_legs(legs, replace(attempt, dead=slow, held=mine))
                    attempt.held.enter_context(mine.pop_all())
                    return reserved
            except TapiError as error:
                if error.status != 409:
                    raise
        try:
            return self._reserve_legs(legs, attempt)
        except TapiError as error:
            if error.status != 409 or not (dead or drained):
                raise
            if dead:
                raise NoRoomAroundError(error, dead) from error
            raise no_path(f"{error.message} (avoided, being drained: {drained})") from error

    def _reserve_legs(self, legs: Sequence[tuple[Service, str]], attempt: _Attempt) -> list[NewLightpath]:
        if len(legs) == 1:
            ((service, cause),) = legs
            request = self._apart(service)
            if attempt.rate_gbps:
                request = replace(request, bit_rate_gbps=attempt.rate_gbps)
            try:
                new = self._reserve_one(service, request, cause, attempt)
            except TapiError as error:
                if error.status != 409 or cause not in (RESTORE, MOVE):
                    raise
                anyhow = self._reserve_anyhow(service, request, cause, attempt)
                if anyhow is None:
                    raise
                new = anyhow
            return [replace(new, carried_gbps=attempt.rate_gbps)]
        (first, cause), (second, other_cause) = legs
        with ExitStack() as mine:
            together = replace(attempt, held=mine)
            one = self._reserve_one(first, first.request, cause, together)
            try:
                request = apart_from(second.request, one.path.nodes)
                two = self._reserve_one(second, request, other_cause, together)
            except TapiError as error:
                if error.status != 409:
                    raise
                log.debug("service %s: nothing apart from %s", first.uuid, one.path.nodes)
            else:
                attempt.held.enter_context(mine.pop_all())
                return [one, two]
        # The first route may stand in the way of every other. Two that are apart are looked for together.
        topology = self._state.plant.topology
        closed = self._closed(first, cause, attempt.dead)
        only = on_route(topology, first.request, two_routes(topology, first.request, closed)[0])
        one = self._reserve_one(first, only, cause, attempt)
        request = apart_from(second.request, one.path.nodes)
        return [one, self._reserve_one(second, request, other_cause, attempt)]

    def _reserve_anyhow(
        self, service: Service, request: ServiceRequest, cause: str, attempt: _Attempt
    ) -> NewLightpath | None:
        """Slots along whatever route has room; None: none has, or others are quicker there each time."""
        plant, tried = self._state.plant, set[tuple[str, ...]]()
        for _ in range(MOST_ANSWERS):
            closed = self._closed(service, cause, attempt.dead)
            # What is only reserved may become free again, so a route through it comes last.
            nodes = roomy_route(plant, self._reservations.taken_by_link(), request, closed)
            nodes = nodes or roomy_route(plant, self._state.lit_by_link(), request, closed)
            if nodes is None or nodes in tried:
                return None
            tried.add(nodes)
            only = on_route(plant.topology, request, nodes)
            try:
                new = self._reserve_one(service, only, cause, attempt)
            except TapiError as error:
                if error.status != 409:
                    raise
                log.debug("service %s: no room along %s any more", service.uuid, nodes)
            else:
                log.info("service %s: the best paths have no room; another route has", service.uuid)
                return new
        return None

    def _closed(self, service: Service, cause: str, dead: frozenset[str]) -> Drained:
        """What no route of a service may cross now."""
        avoided = self._installer.avoided(service, cause)
        return self._state.closed(replace(avoided, nodes=avoided.nodes | dead))

    def _dead(self, service: Service) -> set[str]:
        """Elements that do not answer and are no end of a service."""
        return self._no_end(service, self._configurator.away)

    @staticmethod
    def _no_end(service: Service, nodes: Collection[str]) -> set[str]:
        return set(nodes) - {service.request.source, service.request.destination}

    def _apart(self, service: Service) -> ServiceRequest:
        """Its request, kept apart from the other lightpath of a protected service."""
        others = [leg.path for leg in self._state.legs(service)[1:] if leg.path]
        return apart_from(service.request, others[0].nodes) if others else service.request

    def _bounded(self, service: Service, cause: str, dead: Collection[str] = ()) -> ServiceRequest:
        """Its request with all that must be avoided now."""
        return self._around(self._apart(service), self._installer.avoided(service, cause), dead)

    @staticmethod
    def _around(request: ServiceRequest, drained: Drained, dead: Collection[str]) -> ServiceRequest:
        return replace(
            request,
            exclude_nodes=(*request.exclude_nodes, *sorted({*dead, *drained.nodes})),
            exclude_links=(*request.exclude_links, *sorted(drained.links)),
        )

    def _reserve_one(
        self, service: Service, request: ServiceRequest, cause: str, attempt: _Attempt
    ) -> NewLightpath:
        request = self._around(request, self._installer.avoided(service, cause), attempt.dead)
        purpose = Purpose(request.uuid, cause, request.service_class)
        reservation = self._reserve(request, purpose, attempt.at)
        attempt.held.enter_context(self._reserved(reservation))
        return NewLightpath(service, reservation.path, cause)

    @contextmanager
    def _reserved(self, reservation: Reservation) -> Iterator[None]:
        try:
            yield
        finally:
            if self._writer.is_in_doubt:
                self._reservations.leave(reservation)
            else:
                self._reservations.end(reservation)

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
