"""Elements are brought to what is wanted: what the state says, and what is under way.

A change of a service is wanted first, then each element along the route is asked for it at the same time;
where one fails, it is not wanted any more and the others are asked again. Whatever dies in between, what the
state says decides: the elements concerned are suspect, and are audited (``element_queue.py``). The first
thing that a controller suspects, at its start, is every element. Not here: what is configured, and when.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from controlplane.controller.element_queue import ElementQueue
from controlplane.elements.interface import ADD_DROP, CrossConnect, ElementError, Southbound
from controlplane.tapi.connectivity import Service
from controlplane.tapi.service_body import BIDIRECTIONAL

log = logging.getLogger(__name__)

DEADLINE_S = 2.0  # after which nobody waits for an element any more


class StateOfServices(Protocol):
    """What the state says."""

    def carried_as(self, key: str) -> Service | None:
        """The service whose lightpath the elements hold under a key; None when there is none."""

    def crossing(self, node: str) -> tuple[Service, ...]:
        """The services whose lightpath passes a node, or ends there."""


class ConfigurationFailed(ValueError):  # noqa: N818 - an answer to who asked, not a defect
    """The elements could not be brought to what was asked for; they are, or will be, as they were before.

    Attributes:
        nodes: of the elements that refused or did not answer, as far as known.
    """

    def __init__(self, message: str, nodes: Iterable[str]) -> None:
        super().__init__(message)
        self.nodes = frozenset(nodes)


def cross_connects(service: Service) -> dict[str, CrossConnect]:
    """What each element along a service's lightpath holds for it, by node."""
    path = service.path
    if path is None or service.request.is_locked:
        return {}
    return {node: _cross_connect(service, index) for index, node in enumerate(path.nodes)}


def cross_connect_at(service: Service | None, node: str) -> CrossConnect | None:
    """What one element holds for a service; None where its lightpath does not pass there."""
    if service is None or service.path is None or service.request.is_locked:
        return None
    if node not in service.path.nodes:
        return None
    return _cross_connect(service, service.path.nodes.index(node))


def _cross_connect(service: Service, index: int) -> CrossConnect:
    path = service.path
    assert path is not None
    is_first, is_last = index == 0, index == len(path.nodes) - 1
    return CrossConnect(
        service_uuid=service.key,
        in_port=ADD_DROP if is_first else path.nodes[index - 1],
        out_port=ADD_DROP if is_last else path.nodes[index + 1],
        first_slot=path.first_slot,
        num_slots=path.num_slots,
        bidirectional=service.request.direction == BIDIRECTIONAL,
        modulation_format=path.modulation_format if is_first or is_last else "",
    )


class _WantedNow:
    """What the state says, and over it what is under way."""

    def __init__(self, services: StateOfServices, nodes: Iterable[str]) -> None:
        self._services = services
        self._under_way: dict[str, dict[str, CrossConnect | None]] = {node: {} for node in nodes}
        self._lock = threading.Lock()

    def begin(self, key: str, items: Mapping[str, CrossConnect | None]) -> None:
        with self._lock:
            for node, item in items.items():
                self._under_way[node][key] = item

    def end(self, key: str, nodes: Iterable[str]) -> None:
        with self._lock:
            for node in nodes:
                self._under_way[node].pop(key, None)

    def of(self, node: str, uuid: str) -> CrossConnect | None:
        # What is under way is looked at first: it ends when the state says it, and is never in neither.
        with self._lock:
            if uuid in self._under_way[node]:
                return self._under_way[node][uuid]
        return cross_connect_at(self._services.carried_as(uuid), node)

    def all(self, node: str) -> dict[str, CrossConnect]:
        with self._lock:
            over = dict(self._under_way[node])
        told = ((item.key, cross_connect_at(item, node)) for item in self._services.crossing(node))
        found = {**dict(told), **over}
        return {uuid: item for uuid, item in found.items() if item is not None}


class Configurator:
    """Configures elements; safe to share between threads.

    Args:
        southbound: how elements are reached.
        services: what the state says.
        nodes: every element; all are suspect at first.
    """

    def __init__(self, southbound: Southbound, services: StateOfServices, nodes: Iterable[str]) -> None:
        nodes = tuple(nodes)
        self._wanted = _WantedNow(services, nodes)
        self._threads = ThreadPoolExecutor(max_workers=len(nodes), thread_name_prefix="southbound")
        self.queues = {node: ElementQueue(node, southbound, self._wanted, self._threads) for node in nodes}

    def close(self) -> None:
        """Stop the threads once what was asked for is done."""
        self._threads.shutdown(wait=True)

    @property
    def suspects(self) -> frozenset[str]:
        """Elements that may not hold what the state says."""
        return frozenset(node for node, queue in self.queues.items() if queue.is_suspect)

    @property
    def away(self) -> frozenset[str]:
        """Elements that did not answer when they were asked last, or do not now."""
        return frozenset(node for node, queue in self.queues.items() if queue.is_away or queue.hangs)

    @property
    def slow(self) -> frozenset[str]:
        """Elements that are ``away``, or that take long over what they do now."""
        return self.away | {node for node, queue in self.queues.items() if queue.is_slow}

    def suspect(self, nodes: Iterable[str]) -> None:
        """Have these audited before they are used again."""
        for node in nodes:
            self.queues[node].suspect()

    @contextmanager
    def changed(self, key: str, items: Mapping[str, CrossConnect | None]) -> Iterator[None]:
        """Elements hold these for a service during the block, and after it what the state says.

        Args:
            key: of the service's lightpath (``Service.key``); nobody else changes the service meanwhile.
            items: by node; None: nothing.

        Raises:
            ConfigurationFailed: an element refused, did not answer, or does not hold what it was told.
        """
        self._wanted.begin(key, items)
        try:
            self._reach(items, key)
            yield
        except BaseException:
            self._wanted.end(key, items)
            self._take_back(key, items)
            raise
        self._wanted.end(key, items)
        # A cut may have come after the state said so and before this: what it asked for was not wanted yet.
        self._take_back(key, [node for node, item in items.items() if self._wanted.of(node, key) != item])

    def bring(self, keys: Mapping[str, Collection[str]]) -> dict[str, Future[None]]:
        """Begin to bring lightpaths, by key, to what is wanted, by node; see ``wait``."""
        return {node: self.queues[node].bring(wanted) for node, wanted in keys.items()}

    def audit(self, nodes: Iterable[str]) -> dict[str, BaseException]:
        """Bring elements to what is wanted; those that are not there yet, with the reason."""
        return self.wait({node: self.queues[node].audit() for node in nodes})

    def wait(self, futures: Mapping[str, Future[None]]) -> dict[str, BaseException]:
        """What failed, by node; what takes longer than the deadline has."""
        end_s = time.monotonic() + DEADLINE_S
        failed: dict[str, BaseException] = {}
        for node, future in futures.items():
            try:
                error = future.exception(max(0.0, end_s - time.monotonic()))
            except TimeoutError:
                error = self.queues[node].give_up(future, DEADLINE_S)
            if error is not None:
                failed[node] = error
        return failed

    def _take_back(self, key: str, nodes: Iterable[str]) -> None:
        """Have elements hold what is wanted now; one that does not yet is audited later."""
        for error in self.wait(self.bring(dict.fromkeys(nodes, (key,)))).values():
            log.warning("service %s is not taken back yet: %s", key, error)

    def _reach(self, nodes: Iterable[str], key: str) -> None:
        failed = self.wait(self.bring(dict.fromkeys(nodes, (key,))))
        for error in failed.values():
            if not isinstance(error, ElementError):
                raise error
        if failed:
            raise ConfigurationFailed("; ".join(map(str, failed.values())), failed)
