"""Two-phase configuration of elements, with audit and repair. Not here: what is configured, and when.

Elements can fail at any point, and the controller can be killed at any point. Both come to the same end: the
elements concerned are *suspect*, and before they are used again, or soon in the background, an audit brings
each to exactly what the state says. The first thing a controller suspects, at its start, is every element.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from controlplane.elements.interface import ADD_DROP, CrossConnect, Edit, ElementError, Southbound
from controlplane.tapi.connectivity import Service
from controlplane.tapi.service_body import BIDIRECTIONAL

log = logging.getLogger(__name__)

CONFIRM_TIMEOUT_S = 30.0
Expected = Callable[[str], dict[str, CrossConnect]]


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
    if path is None:
        return {}
    ports = (ADD_DROP, *path.nodes, ADD_DROP)  # the node at position i has its neighbours at i and i + 2
    return {
        node: CrossConnect(
            service_uuid=service.uuid,
            in_port=ports[index],
            out_port=ports[index + 2],
            first_slot=path.first_slot,
            num_slots=path.num_slots,
            bidirectional=service.request.direction == BIDIRECTIONAL,
            modulation_format=path.modulation_format if ADD_DROP in (ports[index], ports[index + 2]) else "",
        )
        for index, node in enumerate(path.nodes)
    }


class Configurator:
    """Configures elements; used by one thread at a time.

    Args:
        southbound: how elements are reached.
        expected: what an element's configuration should be by the state, by service.
        nodes: every element; all are suspect at first.
        confirm_timeout_s: after which an unconfirmed commit rolls back by itself.
    """

    def __init__(
        self,
        southbound: Southbound,
        expected: Expected,
        nodes: Iterable[str],
        confirm_timeout_s: float = CONFIRM_TIMEOUT_S,
    ) -> None:
        self._southbound = southbound
        self._expected = expected
        self._confirm_timeout_s = confirm_timeout_s
        self._suspects = set(nodes)
        self._suspects_lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="southbound")

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=True)

    @property
    def suspects(self) -> frozenset[str]:
        """Elements that may not hold what the state says."""
        with self._suspects_lock:
            return frozenset(self._suspects)

    def suspect(self, nodes: Iterable[str]) -> None:
        """Have these audited before they are used again."""
        with self._suspects_lock:
            self._suspects.update(nodes)

    def apply(self, edits: Mapping[str, Edit]) -> None:
        """Bring all elements to their edits, or none of them.

        Edit every candidate, commit every candidate confirmed with one persist id, read every element back,
        confirm everywhere.

        Raises:
            ConfigurationFailed: an element refused, did not answer, or does not hold what was committed. The
                others have been taken back; what could not be taken back is suspect.
        """
        suspects = self.suspects & edits.keys()
        if suspects:
            still = self.audit(suspects)
            if still:
                raise ConfigurationFailed("; ".join(still.values()), still)
        persist_id = str(uuid4())
        try:
            self._everywhere(edits, lambda node: self._southbound.edit_candidate(node, edits[node]))
            self._everywhere(
                edits,
                lambda node: self._southbound.commit_confirmed(node, persist_id, self._confirm_timeout_s),
            )
            self._everywhere(edits, lambda node: self._read_back(node, edits[node]))
            self._everywhere(edits, lambda node: self._southbound.confirm(node, persist_id))
        except BaseException as error:
            # Whatever happened, and wherever: the audit cancels what waits and undoes what was confirmed.
            self.suspect(edits)
            self.audit(edits)
            if isinstance(error, ElementError):
                raise ConfigurationFailed(str(error), {error.node}) from error
            raise

    def audit(self, nodes: Iterable[str]) -> dict[str, str]:
        """Bring elements to what the state says; those that still are not there, with the reason."""
        failed: dict[str, str] = {}

        def bring(node: str) -> None:
            try:
                self._bring_to_state(node)
            except ElementError as error:
                failed[node] = str(error)
            else:
                with self._suspects_lock:
                    self._suspects.discard(node)

        list(self._threads.map(bring, tuple(nodes)))
        return failed

    def _bring_to_state(self, node: str) -> None:
        self._southbound.discard(node)
        waiting = self._southbound.pending(node)
        if waiting is not None:
            self._southbound.cancel(node, waiting)
        wanted = self._expected(node)
        running = {item.service_uuid: item for item in self._southbound.running(node)}
        if running == wanted:
            return
        remove = tuple(uuid for uuid, item in running.items() if wanted.get(uuid) != item)
        put = tuple(item for uuid, item in wanted.items() if running.get(uuid) != item)
        log.warning(
            "element %s: repaired, %d cross-connects taken out, %d put in", node, len(remove), len(put)
        )
        persist_id = str(uuid4())
        self._southbound.edit_candidate(node, Edit(put, remove))
        self._southbound.commit_confirmed(node, persist_id, self._confirm_timeout_s)
        self._read_back(node, Edit(put, remove))
        self._southbound.confirm(node, persist_id)

    def _read_back(self, node: str, edit: Edit) -> None:
        running = {item.service_uuid: item for item in self._southbound.running(node)}
        for item in edit.put:
            if running.get(item.service_uuid) != item:
                raise ElementError(
                    node,
                    "operation-failed",
                    f"does not hold the committed cross-connect of {item.service_uuid}",
                )
        kept = {item.service_uuid for item in edit.put}
        for uuid in edit.remove:
            if uuid in running and uuid not in kept:
                raise ElementError(node, "operation-failed", f"still holds the cross-connect of {uuid}")

    def _everywhere(self, nodes: Iterable[str], step: Callable[[str], None]) -> None:
        """Run a step on all elements at once; wait for all, then raise the first failure."""
        futures = [self._threads.submit(step, node) for node in nodes]
        errors = [error for error in (future.exception() for future in futures) if error is not None]
        if errors:
            raise errors[0]
