"""The state at one version, in pages: what ``GET /snapshot`` answers. A reader goes on with ``/changes``.

A reader that has the first page gets the others of the same version, whatever happens meanwhile. The last
few versions asked for are kept for that, each as a list of what stood; a reader that was away for so long
that its version is gone begins again. Not here: HTTP (``app.py``), changes (``change_log.py``).
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controlplane.controller.change_documents import drain_change, standing
from controlplane.controller.change_log import PAGE_BYTES, PAGE_ROWS, GoneError
from controlplane.controller.state import NetworkState
from controlplane.tapi.connectivity import Service
from controlplane.tapi.context import Drained

KEPT = 4


@dataclass(frozen=True)
class _Standing:
    services: tuple[Service, ...]  # those with a lightpath
    closed: tuple[dict[str, Any], ...]  # cut links, then what is drained

    @classmethod
    def of(
        cls, services: tuple[Service, ...], failed_links: tuple[tuple[str, str], ...], drained: Drained
    ) -> _Standing:
        """Out of the state."""
        cuts = [{"kind": "link-failed", "nodes": list(ends), "cause": "cut"} for ends in failed_links]
        names: list[tuple[str, ...]] = [*sorted(drained.links), *((node,) for node in sorted(drained.nodes))]
        drains = [drain_change(nodes, is_drained=True) | {"cause": "drain"} for nodes in names]
        return cls(services, tuple({"version": 0} | change for change in (*cuts, *drains)))

    def documents(self, after: int) -> Iterator[bytes]:
        """What stands, as changes: lightpaths in order of creation, then cut links, then what is drained."""
        for service in self.services[after:]:
            yield json.dumps(standing(service)).encode()
        for change in self.closed[max(0, after - len(self.services)) :]:
            yield json.dumps(change).encode()

    def __len__(self) -> int:
        return len(self.services) + len(self.closed)


class Snapshots:
    """Tells the state in pages.

    Args:
        state: whose.
        page_bytes: of one page; an entry that is larger is a page of its own.
    """

    def __init__(self, state: NetworkState, page_bytes: int = PAGE_BYTES) -> None:
        self._state = state
        self._page_bytes = page_bytes
        self._kept: OrderedDict[int, _Standing] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, version: int | None = None, after: int = 0, rows: int = PAGE_ROWS) -> bytes:
        """One page as JSON: ``{"store", "version", "next", "changes"}``; ``next`` is null on the last one.

        Args:
            version: of the page before; None for the first, which is of now.
            after: ``next`` of the page before.
            rows: most entries.

        Raises:
            GoneError: that version is not kept any more.
        """
        version, stood = self._at(version)
        changes: list[bytes] = []
        size = 0
        for document in stood.documents(after):
            size += len(document)
            if changes and (len(changes) == min(rows, PAGE_ROWS) or size > self._page_bytes):
                break
            changes.append(document)
        end = after + len(changes)
        head = {
            "store": self._state.store.identity,
            "version": version,
            "next": end if end < len(stood) else None,
        }
        return json.dumps(head).encode()[:-1] + b', "changes": [' + b", ".join(changes) + b"]}"

    def _at(self, version: int | None) -> tuple[int, _Standing]:
        with self._lock:
            if version is None:
                version, services, failed_links, drained = self._state.standing()
                self._kept[version] = _Standing.of(services, failed_links, drained)
            elif version not in self._kept:
                raise GoneError(self._state.store.identity, version, self._state.version, self._state.version)
            self._kept.move_to_end(version)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return version, self._kept[version]
