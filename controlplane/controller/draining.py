"""Drain of a link or a node before work on it: nothing new goes there, and what is there moves away.

Services move one by one, each make before break; one that cannot stays, and goes on. What is drained stays so
over restarts, until that is undone; asking again moves what is still there. Not here: how one moves
(``changing.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from controlplane.controller.change_documents import drain_change
from controlplane.controller.changing import ServiceChanges
from controlplane.controller.network import link_ends
from controlplane.controller.restoration import Restoration, Restorer
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Writing
from controlplane.controller.writer import Show, Writer
from controlplane.failpoints import hit
from controlplane.tapi.connectivity import Service
from controlplane.tapi.context import Drained
from controlplane.tapi.errors import TapiError, invalid

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drain:
    """What came of a drain.

    Attributes:
        moved: UUIDs of the services that go another way now.
        stayed: those that could not, each with the reason; they go on where they were.
        took_s: seconds.
    """

    moved: tuple[str, ...] = ()
    stayed: tuple[tuple[str, str], ...] = ()
    took_s: float = 0.0

    def __str__(self) -> str:
        total = len(self.moved) + len(self.stayed)
        return f"{len(self.moved)} of {total} services moved away in {self.took_s:.2f} s"


class Draining:
    """Drains links and nodes; safe to share between threads.

    Args:
        state: of the network.
        writer: into the store.
        changes: moves services.
        restorer: sets up again what found no way while something was drained.
    """

    def __init__(
        self, state: NetworkState, writer: Writer, changes: ServiceChanges, restorer: Restorer
    ) -> None:
        self._state = state
        self._writer = writer
        self._changes = changes
        self._restorer = restorer

    def drain(self, nodes: Sequence[str]) -> Drain:
        """Have nothing new go over a link, named by its ends, or a node, and move away what is there.

        Raises:
            TapiError: 400 there is no such link or node; 503 the database failed.
        """
        began = time.perf_counter()
        one = self._one(nodes)
        self._write(one, is_drained=True)
        hit("controller.drained")
        moved: list[str] = []
        stayed: list[tuple[str, str]] = []
        for service in self._over(one):
            ends = {service.request.source, service.request.destination}
            if one.nodes & ends:
                stayed.append(
                    (service.request.life, f"it begins or ends at {' and '.join(one.nodes & ends)}")
                )
                continue
            try:
                found = self._changes.move(service.uuid, lambda now: now in self._over(one))
            except TapiError as error:
                stayed.append((service.request.life, error.message))
            except Exception as error:
                log.exception("service %s is not moved: a defect", service.uuid)
                stayed.append((service.request.life, f"a defect in the controller: {error!r}"))
            else:
                if found is not None:
                    moved.append(service.request.life)
        report = Drain(tuple(dict.fromkeys(moved)), tuple(stayed), time.perf_counter() - began)
        log.info("%s drained: %s", one, report)
        return report

    def undrain(self, nodes: Sequence[str]) -> Restoration:
        """Take what comes again, and set up what found no way without it.

        Then services that the drain moved go back, if they ask for it.

        Raises:
            TapiError: 400 there is no such link or node; 503 the database failed.
        """
        one = self._one(nodes)
        self._write(one, is_drained=False)
        hit("controller.undrained")
        found = self._restorer.restore(service.uuid for service in self._state.dark())
        found = replace(found, reverted=self._changes.go_back())
        log.info("%s takes what comes again: %s", one, found)
        return found

    def _one(self, nodes: Sequence[str]) -> Drained:
        plant = self._state.plant
        if len(nodes) == 2:
            return Drained(links=frozenset({link_ends(plant, nodes)}))
        if len(nodes) == 1 and nodes[0] in plant.topology.node_names:
            return Drained(nodes=frozenset(nodes))
        raise invalid(f"there is no node {' '.join(nodes)!r}; name one node, or the two ends of a link")

    def _write(self, one: Drained, is_drained: bool) -> None:
        nodes = next(iter(one.links), tuple(one.nodes))
        node_a, node_b = (*nodes, "")[:2]

        def write(writing: Writing) -> Show[None]:
            known = self._state.drained
            if is_drained == (one.links <= known.links and one.nodes <= known.nodes):
                return lambda: None
            change = drain_change(nodes, is_drained)
            stored = (writing.drain if is_drained else writing.undrain)(node_a, node_b, change)
            if is_drained:
                after = Drained(known.links | one.links, known.nodes | one.nodes)
            else:
                after = Drained(known.links - one.links, known.nodes - one.nodes)
            return lambda: self._state.drained_are(after, stored)

        self._writer.write(write, is_alone=True)

    def _over(self, one: Drained) -> tuple[Service, ...]:
        found = {service.uuid: service for ends in one.links for service in self._state.over(ends)}
        for node in one.nodes:
            found |= {service.uuid: service for service in self._state.crossing(node)}
        return tuple(found.values())
