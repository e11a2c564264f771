"""Creation and deletion of services, their told end, restoration after a cut, recovery after a restart.

One lock around everything that changes the network: two creations never see the same free slots. What a
method returned from is stored. Readers are never held up. Not here: HTTP (``app.py``), how elements are
configured (``configure.py``), whether a path is valid (``verify.py``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from controlplane.controller.change_documents import lightpath_change, removed_dark
from controlplane.controller.configure import ConfigurationFailed, Configurator, cross_connects
from controlplane.controller.pce_client import PathComputation
from controlplane.controller.restoration import Restoration
from controlplane.controller.state import NetworkState
from controlplane.controller.store import INSTALLED, PLANNED
from controlplane.controller.verify import PathRejected, verify_path
from controlplane.elements.interface import CrossConnect, Edit, Southbound
from controlplane.metrics import ControllerMetrics, SetUpStep
from controlplane.tapi.connectivity import Service
from controlplane.tapi.errors import TapiError, invalid, unknown
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.purpose import CREATE, RESTORE, Purpose
from controlplane.tapi.schedule import refuse_past_end
from controlplane.tapi.service_body import ROOT, ServiceRequest

log = logging.getLogger(__name__)
Result = TypeVar("Result")
DELETE, ENDED = "delete", "ended"  # why a service was released


class Waiting:
    """How many wait for a lock."""

    def __init__(self) -> None:
        self.count = 0
        self._counting = threading.Lock()

    @contextmanager
    def until(self, lock: threading.Lock) -> Iterator[None]:
        """Hold the lock during the block; counted until it is had."""
        self._add(1)
        try:
            lock.acquire()
        finally:
            self._add(-1)
        try:
            yield
        finally:
            lock.release()

    def _add(self, number: int) -> None:
        with self._counting:
            self.count += number


class ServiceManager:
    """The one who changes the network.

    Args:
        state: the network's state; only this object changes it from now on.
        pce: computes paths.
        southbound: reaches the elements.
        clock: tells the time, since 1970 UTC; replaced in tests.
    """

    def __init__(
        self,
        state: NetworkState,
        pce: PathComputation,
        southbound: Southbound,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = state
        self._clock = clock
        self._store = state.store
        self._pce = pce
        self.configurator = Configurator(southbound, self._expected, state.plant.topology.node_names)
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self.metrics = ControllerMetrics()
        self._in_doubt = False  # a write to the store failed, and may have been done all the same
        # Without a lightpath for a reason that may pass by itself; the others wait for a repair.
        self._try_again: set[str] = {
            s.uuid for s in state.services() if s.lifecycle == INSTALLED and not s.path
        }

    @property
    def num_waiting(self) -> int:
        """Changes that wait for their turn."""
        return self._waiting.count

    def close(self) -> None:
        """Let what is under way end, then stop."""
        with self._lock:
            self.configurator.close()

    def create(self, request: ServiceRequest) -> tuple[Service, bool]:
        """The service set up for a request, and whether it is new.

        Asking again with the same content answers with the service that is there.

        Raises:
            TapiError: 400 an end that is past; 409 another content under the same UUID; 409 no path, with the
                reason; 502 the path computation element proposed what is not valid; 503 it or an element does
                not answer. Nothing is allocated then.
        """
        arrived = time.perf_counter()
        with self._changing():
            known = self.state.service(request.uuid)
            if known and known.lifecycle == INSTALLED:
                if known.request.digest == request.digest:
                    return known, False
                raise TapiError(
                    409,
                    "data-exists",
                    f"service {request.uuid} is there with another content; delete it first, "
                    "or choose another uuid",
                )
            refuse_past_end(request.ends_s, ROOT, self._clock())
            self._stored(lambda: self._store.plan(request))
            planned = Service(request, PLANNED)
            self.state.show(planned)
            try:
                return self._set_up(planned, CREATE, arrived), True
            except BaseException:
                self.state.hide(request.uuid)
                with suppress(TapiError):  # what is left in the store is dropped when it answers again
                    self._stored(lambda: self._store.forget(request.uuid))
                raise

    def delete(self, uuid: str) -> None:
        """Release a service, its elements and its spectrum.

        Raises:
            TapiError: 404 no such service; 503 an element does not answer, the service stays.
        """
        with self._changing():
            service = self.state.service(uuid)
            if service is None:
                raise unknown(f"no connectivity service {uuid!r}")
            self._release(service, DELETE)

    def end_due(self) -> tuple[str, ...]:
        """Release the services whose told end has come; which they were.

        One whose elements do not answer stays, and is due the next time.
        """
        ended = []
        for uuid in self._due():
            with self._changing():
                service = self.state.service(uuid)
                if service is None or not self._is_due(service):
                    continue  # deleted, or made anew, meanwhile
                try:
                    self._release(service, ENDED)
                except TapiError as error:
                    log.warning("service %s has ended and cannot be released yet: %s", uuid, error.message)
                else:
                    ended.append(uuid)
        return tuple(ended)

    def _due(self) -> list[str]:
        """Services whose told end has come, in order of their ends."""
        found = [
            (service.request.ends_s, service.uuid)
            for service in self.state.services()
            if self._is_due(service)
        ]
        return [uuid for _, uuid in sorted(found)]

    def _is_due(self, service: Service) -> bool:
        ends_s = service.request.ends_s
        return service.lifecycle == INSTALLED and ends_s is not None and ends_s <= self._clock()

    def _release(self, service: Service, cause: str) -> None:
        nodes = service.path.nodes if service.path else ()
        self._configure({node: Edit(remove=(service.uuid,)) for node in nodes})
        change = lightpath_change("lightpath-removed", service) if service.path else removed_dark(service)
        stored = self._stored(lambda: self._store.remove(service.uuid, change, cause), nodes)
        self._try_again.discard(service.uuid)
        self.state.removed(service, stored)
        self.metrics.releases.labels(cause).inc()

    def fail_link(self, nodes: Sequence[str]) -> Restoration:
        """Note that a link is cut, and move the services over it to other paths; no other is touched.

        Raises:
            TapiError: 400 there is no such link.
        """
        ends = self._ends(nodes)
        with self._changing():
            if ends in self.state.failed_links:
                return Restoration()
            cut = frozenset(ends)
            hit = [
                service
                for service in self.state.services()
                if service.path and any(frozenset(hop) == cut for hop in hops_of(service.path.nodes))
            ]
            removals = [(service.uuid, lightpath_change("lightpath-removed", service)) for service in hit]
            cut_change = {"kind": "link-failed", "nodes": list(ends)}
            stored = self._stored(lambda: self._store.fail_link(*ends, cut_change, removals))
            self.state.link_failed(ends, hit, stored[-1])
            self.metrics.releases.labels("cut").inc(len(hit))
            edits: dict[str, list[str]] = defaultdict(list)
            for service in hit:
                for node in cross_connects(service):
                    edits[node].append(service.uuid)
            dead: frozenset[str] = frozenset()
            try:
                self.configurator.apply({node: Edit(remove=tuple(uuids)) for node, uuids in edits.items()})
            except ConfigurationFailed as error:
                log.warning("link %s-%s cut: %s; to be repaired", *ends, error)
                dead = error.nodes
            found = self._restore([service.uuid for service in hit], dead)
            log.info("link %s-%s cut: %s", *ends, found)
            return found

    def repair_link(self, nodes: Sequence[str]) -> Restoration:
        """Note that a link works again, and set up the services that are without a lightpath.

        Raises:
            TapiError: 400 there is no such link.
        """
        ends = self._ends(nodes)
        with self._changing():
            if ends in self.state.failed_links:
                change = {"kind": "link-repaired", "nodes": list(ends)}
                stored = self._stored(lambda: self._store.repair_link(*ends, change))
                self.state.link_repaired(ends, stored)
            found = self._restore([s.uuid for s in self.state.services() if s.path is None])
            log.info("link %s-%s repaired: %s", *ends, found)
            return found

    def maintain(self, everything: bool = False) -> None:
        """Audit the suspect elements, or all, and try again what may have failed in passing."""
        with self._changing():
            nodes = self.state.plant.topology.node_names if everything else self.configurator.suspects
            if nodes:
                for reason in self.configurator.audit(nodes).values():
                    log.warning("not yet as the state says: %s", reason)
            if self._try_again:
                waiting = [s.uuid for s in self.state.services() if s.uuid in self._try_again]
                self._try_again.intersection_update(waiting)
                self._restore(waiting, self.configurator.suspects)

    def _set_up(
        self, service: Service, cause: str, began: float, dead: frozenset[str] = frozenset()
    ) -> Service:
        """The service with a lightpath; it has none yet, or not any more. No route passes what is dead."""
        with self.metrics.setting_up(cause, began) as at:
            return self._step_by_step(service, cause, began, at, dead)

    def _step_by_step(
        self, service: Service, cause: str, began: float, at: SetUpStep, dead: frozenset[str]
    ) -> Service:
        state, request = self.state, service.request
        request = replace(request, exclude_nodes=(*request.exclude_nodes, *sorted(dead)))
        purpose = Purpose(request.uuid, cause, request.service_class)
        computed = self._pce.compute(request, state.version, purpose, self._waiting.count)
        at.step = "check"
        try:
            standing = [item.path for item in state.services() if item.path]
            path = verify_path(computed, request, state.plant, state.lit, state.failed_links, standing)
        except PathRejected as error:
            log.error("path %s for service %s rejected: %s", computed.uuid, request.uuid, error)
            raise TapiError(
                502, "operation-failed", f"the path computation element proposed an invalid path: {error}"
            ) from error
        service = replace(service, lifecycle=INSTALLED, path=path)
        at.step = "elements"
        self._configure({node: Edit(put=(item,)) for node, item in cross_connects(service).items()})
        service = replace(service, setup_ms=round((time.perf_counter() - began) * 1000.0, 3))
        change = lightpath_change("lightpath-added", service)
        at.step = "database"
        stored = self._stored(lambda: self._store.install(service, change, cause), path.nodes)
        service = stored.stamped(service)
        state.installed(service, stored)
        return service

    def _restore(self, uuids: Sequence[str], dead: frozenset[str] = frozenset()) -> Restoration:
        """Set services up again in the order given; one that fails, for whatever reason, stops no other.

        An element that does not do as it is told is dead from then on: routes lead around it.
        """
        began, known = time.perf_counter(), set(dead)
        restored, lost = [], []
        for uuid in uuids:
            try:
                self._trust()
                service = self.state.service(uuid)
                if service is None or service.path or service.lifecycle != INSTALLED:
                    self._try_again.discard(uuid)
                    continue
                self._set_up_around(service, known)
            except TapiError as error:
                lost.append((uuid, error.message))
                log.warning("service %s has no lightpath: %s", uuid, error.message)
                passes = error.status >= 500 or known
                (self._try_again.add if passes else self._try_again.discard)(uuid)
            except Exception as error:
                lost.append((uuid, f"a defect in the controller: {error!r}"))
                log.exception("service %s has no lightpath: a defect", uuid)
                self._try_again.add(uuid)
            else:
                restored.append(uuid)
                self._try_again.discard(uuid)
        return Restoration(tuple(restored), tuple(lost), time.perf_counter() - began)

    def _set_up_around(self, service: Service, dead: set[str]) -> None:
        """Set a service up on the first route whose elements obey; those that do not become ``dead``."""
        ends = {service.request.source, service.request.destination}
        while True:
            if silent := ends & dead:
                raise TapiError(503, "operation-failed", f"no answer from the element(s) {', '.join(silent)}")
            try:
                self._set_up(service, RESTORE, time.perf_counter(), frozenset(dead))
                return
            except TapiError as error:
                failed = error.__cause__
                if not isinstance(failed, ConfigurationFailed) or failed.nodes <= dead:
                    raise
                dead |= failed.nodes
                log.warning("service %s: %s; trying another route", service.uuid, failed)

    def _configure(self, edits: dict[str, Edit]) -> None:
        try:
            self.configurator.apply(edits)
        except ConfigurationFailed as error:
            raise TapiError(
                503, "operation-failed", f"the elements could not be configured: {error}; nothing was changed"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One at a time, on a state that is the store's."""
        with self._waiting.until(self._lock):
            self._trust()
            yield

    def _trust(self) -> None:
        """Have the state be the store's, also after a write of which nobody knows whether it was done."""
        if self._in_doubt:
            try:
                self.state.reload()
            except SQLAlchemyError as error:
                raise _database_failed(error) from error
            self._in_doubt = False

    def _stored(self, write: Callable[[], Result], nodes: Sequence[str] = ()) -> Result:
        """What a write to the store returns.

        If it fails nobody knows whether it was done: the state is read anew before the next change, and the
        elements already configured for it are audited against what is found.
        """
        try:
            return write()
        except BaseException as error:
            self._in_doubt = True
            self.configurator.suspect(nodes)
            if isinstance(error, SQLAlchemyError):
                raise _database_failed(error) from error
            raise

    def _expected(self, node: str) -> dict[str, CrossConnect]:
        held = ((service.uuid, cross_connects(service).get(node)) for service in self.state.services())
        return {uuid: item for uuid, item in held if item is not None}

    def _ends(self, nodes: Sequence[str]) -> tuple[str, str]:
        for fibre in self.state.plant.topology.fibres:
            if sorted((fibre.node_a, fibre.node_b)) == sorted(nodes):
                return fibre.node_a, fibre.node_b
        raise invalid(f"there is no link between {' and '.join(map(repr, nodes))}")


def _database_failed(error: SQLAlchemyError) -> TapiError:
    log.error("the database failed: %s", error)
    return TapiError(
        503, "operation-failed", f"the database failed ({type(error).__name__}); ask again with the same uuid"
    )
