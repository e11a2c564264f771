"""The context as text, made anew only where it changed: entries of single services, and whole parts.

A service that did not change is serialised once; a part (the service interface points, the topology, ...)
once for each state of the network that is read. Not here: what a document says (``controlplane.tapi``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from controlplane.controller.pieces import Piece, encode
from controlplane.controller.state import NetworkState
from controlplane.tapi.connectivity import Service
from controlplane.tapi.context import CONTEXT, PARTS, NetworkView, ServiceEntries, context_head
from controlplane.tapi.fields import bare

MAX_BYTES = 64_000_000  # of entries that are kept; beyond it they are made at each read
MAX_PART_BYTES = 32_000_000


@dataclass
class _Kept:
    service: Service
    texts: dict[Any, bytes] = field(default_factory=dict)


class _CachedEntries(ServiceEntries):
    """ServiceEntries as pieces whose text is kept as long as the service is the same."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._num_bytes = 0
        self._lock = threading.Lock()

    def service(self, view: NetworkView, service: Service) -> Any:
        """As ``ServiceEntries.service``."""
        return Piece(partial(self._text, service, "service", partial(super().service, view, service)))

    def connection(self, view: NetworkView, service: Service) -> Any:
        """As ``ServiceEntries.connection``."""
        return Piece(partial(self._text, service, "connection", partial(super().connection, view, service)))

    def path(self, view: NetworkView, service: Service) -> Any:
        """As ``ServiceEntries.path``."""
        return Piece(partial(self._text, service, "path", partial(super().path, view, service)))

    def end_point(self, view: NetworkView, service: Service, node: str, port: str) -> Any:
        """As ``ServiceEntries.end_point``."""
        make = partial(super().end_point, view, service, node, port)
        return Piece(partial(self._text, service, (node, port), make))

    def forget_others(self, view: NetworkView) -> None:
        """Drop what is kept of services that are gone, once they are a fifth of it."""
        with self._lock:
            if len(self._kept) > 1.2 * len(view.services) + 100:
                there = {service.uuid for service in view.services}
                for uuid in [uuid for uuid in self._kept if uuid not in there]:
                    self._drop(uuid)

    def _text(self, service: Service, key: Any, make: Callable[[], Any]) -> bytes:
        with self._lock:
            kept = self._kept.get(service.uuid)
            if kept is not None and kept.service is service and key in kept.texts:
                return kept.texts[key]
        text = encode(make())
        with self._lock:
            kept = self._kept.get(service.uuid)
            if kept is None or kept.service is not service:
                self._drop(service.uuid)
                kept = self._kept[service.uuid] = _Kept(service)
            if key not in kept.texts and self._num_bytes + len(text) <= MAX_BYTES:
                kept.texts[key] = text
                self._num_bytes += len(text)
        return text

    def _drop(self, uuid: str) -> None:
        kept = self._kept.pop(uuid, None)
        if kept is not None:
            self._num_bytes -= sum(map(len, kept.texts.values()))


class RenderedContext:
    """The context of a state, ready to be sent.

    Args:
        state: whose.
    """

    def __init__(self, state: NetworkState) -> None:
        self._state = state
        self._entries = _CachedEntries()
        self._parts: dict[str, tuple[int, bytes]] = {}

    def document(self, part: str | None = None) -> dict[str, Any]:
        """The datastore with one part of the context, by its name without prefix, or with all of them."""
        view = self._view()
        parts = {name: build(view) for name, build in PARTS.items() if part in (None, bare(name))}
        return {CONTEXT: context_head() | parts}

    def whole(self) -> dict[str, Any]:
        """The datastore; the parts of the context are pieces, kept as text until the network changes."""
        view = self._view()
        return {CONTEXT: context_head() | {name: Piece(partial(self._part, name, view)) for name in PARTS}}

    def _view(self) -> NetworkView:
        view = replace(self._state.view(), entries=self._entries)
        self._entries.forget_others(view)
        return view

    def _part(self, name: str, view: NetworkView) -> bytes:
        revision, text = self._parts.get(name, (-1, b""))
        if revision != view.revision:
            text = encode(PARTS[name](view))
            self._parts.pop(name, None)
            if len(text) <= MAX_PART_BYTES:
                self._parts[name] = (view.revision, text)
        return text
