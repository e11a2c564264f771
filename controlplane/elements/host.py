"""Many elements in one process, with the confirmed commit of RFC 6241 8.4: ``Southbound`` in process.

A restart of the host is a reboot of its elements: commits that were not confirmed are rolled back, as the RFC
demands. Not here: HTTP (``app.py``), the file (``store.py``), what is accepted (``configuration.py``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.elements.configuration import ElementSpec, apply_edit
from controlplane.elements.interface import CrossConnect, Edit, ElementError
from controlplane.elements.store import ElementStore
from controlplane.metrics import ElementsMetrics

log = logging.getLogger(__name__)


@dataclass
class _Pending:
    persist_id: str
    previous: dict[str, CrossConnect]
    timer: threading.Timer
    deadline_s: float


class _Element:
    """One element; its lock makes each operation whole."""

    def __init__(self, spec: ElementSpec, running: dict[str, CrossConnect]) -> None:
        self.spec = spec
        self.lock = threading.RLock()
        self.running = running
        self.candidate: dict[str, CrossConnect] | None = None
        self.pending: _Pending | None = None


class ElementHost:
    """Elements by node name.

    Args:
        specs: hardware of each element.
        store: where configurations are kept; unconfirmed commits found in it are rolled back.
    """

    def __init__(self, specs: Mapping[str, ElementSpec], store: ElementStore) -> None:
        self._store = store
        self._epoch = store.epoch()
        self._meeting = threading.Lock()
        self.metrics = ElementsMetrics()
        for node, (persist_id, previous) in store.unconfirmed().items():
            log.warning(
                "element %s: commit %s was not confirmed before the restart: rolled back", node, persist_id
            )
            store.roll_back(node, store.running(node), previous)
        self._elements = {node: _Element(spec, store.running(node)) for node, spec in specs.items()}

    def close(self) -> None:
        """Stop the timers and close the file; unconfirmed commits roll back at the next start."""
        for element in self._elements.values():
            with element.lock:
                if element.pending:
                    element.pending.timer.cancel()
        self._store.close()

    def nodes(self) -> tuple[str, ...]:
        """Names of the elements."""
        return tuple(self._elements)

    def meet(self, epoch: int, node: str) -> None:
        """Note which controller asks; from then on an older epoch is refused, also after a restart.

        Raises:
            ElementError: ``access-denied``, a newer one was here.
        """
        if epoch == self._epoch:
            return
        with self._meeting:
            if epoch < self._epoch:
                raise ElementError(
                    node,
                    "access-denied",
                    f"the controller of epoch {epoch} is not in charge any more, that of {self._epoch} is",
                )
            if epoch > self._epoch:
                self._store.meet(epoch)
                self._epoch = epoch

    def edit_candidate(self, node: str, edit: Edit) -> None:
        """As ``Southbound.edit_candidate``."""
        element = self._element(node)
        with element.lock:
            if element.pending:
                raise ElementError(
                    node, "in-use", f"commit {element.pending.persist_id} waits to be confirmed"
                )
            element.candidate = apply_edit(element.spec, element.running, edit)

    def discard(self, node: str) -> None:
        """As ``Southbound.discard``."""
        element = self._element(node)
        with element.lock:
            element.candidate = None

    def commit_confirmed(self, node: str, persist_id: str, timeout_s: float) -> None:
        """As ``Southbound.commit_confirmed``; with the id that waits, its timeout begins anew."""
        element = self._element(node)
        with element.lock:
            if element.pending and element.pending.persist_id != persist_id:
                raise ElementError(
                    node, "in-use", f"commit {element.pending.persist_id} waits to be confirmed"
                )
            if element.candidate is None and element.pending is None:
                raise ElementError(node, "data-missing", "there is no candidate to commit")
            previous = element.pending.previous if element.pending else element.running
            if element.candidate is not None:
                self._store.commit_unconfirmed(node, element.running, element.candidate, persist_id, previous)
                element.running, element.candidate = element.candidate, None
            if element.pending:
                element.pending.timer.cancel()
            timer = threading.Timer(timeout_s, self._expire, (node, persist_id))
            timer.daemon = True
            element.pending = _Pending(persist_id, previous, timer, time.monotonic() + timeout_s)
            timer.start()

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """As ``Southbound.running``."""
        element = self._element(node)
        with element.lock:
            return tuple(element.running[uuid] for uuid in sorted(element.running))

    def pending(self, node: str) -> str | None:
        """As ``Southbound.pending``."""
        element = self._element(node)
        with element.lock:
            return element.pending.persist_id if element.pending else None

    def confirm(self, node: str, persist_id: str) -> None:
        """As ``Southbound.confirm``."""
        element = self._element(node)
        with element.lock:
            pending = self._waiting(element, persist_id)
            self._store.confirm(node)
            pending.timer.cancel()
            element.pending = None

    def cancel(self, node: str, persist_id: str) -> None:
        """As ``Southbound.cancel``."""
        element = self._element(node)
        with element.lock:
            self._roll_back(element, self._waiting(element, persist_id))

    def measured(self) -> ElementsMetrics:
        """The metrics with every gauge as it is now."""
        elements = tuple(self._elements.values())
        self.metrics.elements.set(len(elements))
        self.metrics.cross_connects.set(sum(len(item.running) for item in elements))
        self.metrics.unconfirmed.set(sum(item.pending is not None for item in elements))
        return self.metrics

    def not_ready(self) -> list[str]:
        """Why no element can be configured now, in words; empty where they can."""
        trouble = self._store.trouble()
        return [trouble] if trouble else []

    def _element(self, node: str) -> _Element:
        if node not in self._elements:
            known = ", ".join(sorted(self._elements))
            raise ElementError(node, "unknown-element", f"is not here; known: {known}")
        return self._elements[node]

    def _waiting(self, element: _Element, persist_id: str) -> _Pending:
        pending = element.pending
        if pending is None or pending.persist_id != persist_id:
            raise ElementError(
                element.spec.node, "invalid-value", f"no commit {persist_id} waits to be confirmed"
            )
        return pending

    def _expire(self, node: str, persist_id: str) -> None:
        element = self._elements[node]
        with element.lock:
            pending = element.pending
            # The timer may fire while a follow-up commit is extending the time; the deadline decides.
            if (
                pending
                and pending.persist_id == persist_id
                and time.monotonic() >= pending.deadline_s - 0.001
            ):
                log.warning("element %s: commit %s was not confirmed in time: rolled back", node, persist_id)
                self._roll_back(element, pending)
                self.metrics.expired.inc()

    def _roll_back(self, element: _Element, pending: _Pending) -> None:
        self._store.roll_back(element.spec.node, element.running, pending.previous)
        pending.timer.cancel()
        element.running, element.candidate, element.pending = pending.previous, None, None
