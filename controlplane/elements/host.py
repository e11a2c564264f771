"""Many elements in one process: ``Southbound`` in process.

Not here: HTTP (``app.py``), the file (``store.py``), what is accepted (``configuration.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from controlplane.elements.configuration import Configuration, EditDifference, ElementSpec
from controlplane.elements.interface import CrossConnect, Edit, ElementError
from controlplane.elements.store import ElementStore
from controlplane.metrics import ElementsMetrics


class _Element:
    """One element; its lock makes each operation whole."""

    def __init__(self, spec: ElementSpec, store: ElementStore) -> None:
        self.lock = threading.Lock()
        self.running = Configuration(spec, store.running(spec.node))


class ElementHost:
    """Elements by node name.

    Args:
        specs: hardware of each element.
        store: where configurations are kept.
    """

    def __init__(self, specs: Mapping[str, ElementSpec], store: ElementStore) -> None:
        self._store = store
        self._epoch = store.epoch()
        self._meeting = threading.Lock()
        self.metrics = ElementsMetrics()
        self._elements = {node: _Element(spec, store) for node, spec in specs.items()}

    def close(self) -> None:
        """Close the file."""
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

    def edit(self, node: str, edit: Edit) -> tuple[CrossConnect, ...]:
        """As ``Southbound.edit``."""
        (held,) = self.edit_together([(node, edit)])
        if isinstance(held, ElementError):
            raise held
        return held

    def edit_together(
        self, edits: Sequence[tuple[str, Edit]]
    ) -> list[tuple[CrossConnect, ...] | ElementError]:
        """Edits of different elements, stored in one transaction; one that is refused changes nothing.

        Returns:
            For each what ``edit`` returns, or why it was refused.

        Raises:
            sqlite3.Error: whether those that were not refused are on disk nobody knows.
        """
        done: dict[str, tuple[CrossConnect, ...] | ElementError] = {}
        accepted: dict[str, EditDifference] = {}
        with ExitStack() as alone:
            for node, edit in sorted(edits, key=lambda item: item[0]):  # one order: nobody waits crosswise
                try:
                    element = self._element(node)
                    alone.enter_context(element.lock)
                    accepted[node] = element.running.difference(edit)
                except ElementError as error:
                    done[node] = error
            if accepted:
                self._store.change(accepted.items())
            for node, edit in edits:
                if node in accepted:
                    running = self._elements[node].running
                    running.make(accepted[node])
                    concerned = dict.fromkeys((*edit.remove, *(item.service_uuid for item in edit.put)))
                    held = map(running.items.get, concerned)
                    done[node] = tuple(item for item in held if item is not None)
        return [done[node] for node, _ in edits]

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """As ``Southbound.running``."""
        element = self._element(node)
        with element.lock:
            return tuple(sorted(element.running.items.values()))

    def measured(self) -> ElementsMetrics:
        """The metrics with every gauge as it is now."""
        elements = tuple(self._elements.values())
        self.metrics.elements.set(len(elements))
        self.metrics.cross_connects.set(sum(len(item.running.items) for item in elements))
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
