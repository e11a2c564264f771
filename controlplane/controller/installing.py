"""Reserved lightpaths brought into being: elements are configured, then one transaction stores them.

A service that has a lightpath is moved: the new one stands beside it, one transaction stores the one in the
place of the other, and only then do the elements let go of the old one. Not here: how paths come
(``setting_up.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace

from controlplane.controller.change_documents import lightpath_change
from controlplane.controller.configure import Configurator, cross_connects
from controlplane.controller.reservations import Reservations
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.controller.writer import Show, Writer
from controlplane.failpoints import hit
from controlplane.lightpath import Lightpath
from controlplane.metrics import ControllerMetrics, SetUpStep
from controlplane.tapi.connectivity import INSTALLED, SCHEDULED, Service
from controlplane.tapi.context import Drained
from controlplane.tapi.errors import no_path
from controlplane.tapi.purpose import CREATE, MOVE, PROTECT

log = logging.getLogger(__name__)


class ClosedMeanwhileError(Exception):
    """A link of a path was cut, or what it crosses drained, while the elements were configured."""


@dataclass(frozen=True)
class NewLightpath:
    """A lightpath to be installed.

    Attributes:
        service: with the request as it is to be; without a lightpath, or with the one that is left.
        path: reserved.
        cause: of the change.
        carried_gbps: where that is less than the service asks for; else 0.
    """

    service: Service
    path: Lightpath
    cause: str
    carried_gbps: float = 0.0

    @property
    def installed(self) -> Service:
        """The service with it."""
        before = self.service.path
        path = replace(self.path, leg=1 - before.leg if before else 0)
        return Service(
            self.service.request,
            INSTALLED,
            path,
            began_s=self.service.began_s,
            home=self.service.home,
            carried_gbps=self.carried_gbps,
        )

    @property
    def nodes(self) -> set[str]:
        """Whose elements are concerned."""
        before = self.service.path
        return {*self.path.nodes, *(before.nodes if before else ())}


class Installer:
    """Installs lightpaths; safe to share between threads.

    Args:
        state: of the network.
        reservations: of slots.
        configurator: of elements.
        writer: into the store.
        metrics: count what is released.
    """

    def __init__(
        self,
        state: NetworkState,
        reservations: Reservations,
        configurator: Configurator,
        writer: Writer,
        metrics: ControllerMetrics,
    ) -> None:
        self._state = state
        self._reservations = reservations
        self._configurator = configurator
        self._writer = writer
        self._metrics = metrics

    def avoided(self, service: Service, cause: str) -> Drained:
        """What is drained and must not be crossed.

        Raises:
            TapiError: 409, a new service begins or ends at a node that is drained.
        """
        drained = self._state.drained
        ends = drained.nodes & {service.request.source, service.request.destination}
        if not ends:
            return drained
        if cause in (CREATE, PROTECT):
            where = " and ".join(sorted(ends))
            raise no_path(f"{where} is being drained: nothing new begins or ends there until that is undone")
        return replace(drained, nodes=drained.nodes - ends)

    def install(self, new: Sequence[NewLightpath], began: float, at: SetUpStep) -> tuple[Service, ...]:
        """The services with their lightpaths, all of them stored together.

        Args:
            new: of one service, or of the two lightpaths of a protected one.
            began: when the set-up began, by ``time.perf_counter``.
            at: told how far it is.

        Raises:
            ConfigurationFailed: an element could not be configured; nothing is changed.
            ClosedMeanwhileError: a route cannot be used any more; likewise.
            TapiError: as ``Writer.write``.
        """
        released: list[dict[str, Future[None]]] = []

        def write(writing: Writing) -> Show[tuple[Service, ...]]:
            for item in new:
                closed = self._state.closed(self.avoided(item.service, item.cause))
                if closed.is_crossed_by(item.path.nodes):
                    raise ClosedMeanwhileError
            shows = [self._store(item, writing, began, released) for item in new]
            return lambda: tuple(show() for show in shows)

        at.step = "elements"
        with ExitStack() as configured:
            for item in new:
                service = item.installed
                configured.enter_context(self._configurator.changed(service.key, cross_connects(service)))
            at.step = "database"
            hit("controller.configured")
            done = self._writer.write(write, set[str]().union(*(item.nodes for item in new)))
            hit("controller.stored")
        for futures in released:
            for error in self._configurator.wait(futures).values():
                log.warning("service %s has moved: %s; to be released there yet", done[0].uuid, error)
            self._metrics.releases.labels(MOVE).inc()
        return done

    def _store(
        self, new: NewLightpath, writing: Writing, began: float, released: list[dict[str, Future[None]]]
    ) -> Callable[[], Service]:
        done = replace(new.installed, setup_ms=round((time.perf_counter() - began) * 1000.0, 3))
        added = lightpath_change("lightpath-added", done)
        before = self._state.service(done.uuid)  # a cut may have come before
        if before is None or before.path is None:
            is_known = before is not None and before.lifecycle == SCHEDULED
            stored = writing.install(done, added, new.cause, is_known)
        else:
            removed = lightpath_change("lightpath-removed", before)
            stored = writing.move(done, removed, added, new.cause)
        done = stored.stamped(done)

        def show() -> Service:
            if before is None or before.path is None:
                self._state.installed(done, stored)
                return done
            with self._reservations.none():  # who gets the slots then comes after it in every queue
                self._state.moved(before, done, stored)
                keys = dict.fromkeys(before.path.nodes, (before.key,))
                released.append(self._configurator.bring(keys))
            return done

        return show
