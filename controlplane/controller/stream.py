"""Notifications as server-sent events, resumed from the change log by ``Last-Event-ID`` (WHATWG HTML 9.2)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator

import anyio.to_thread

from controlplane.controller.change_log import GoneError
from controlplane.controller.state import NetworkState
from controlplane.controller.subscriptions import SubscribedReader, notification_of
from controlplane.tapi.errors import invalid

KEEP_ALIVE_S = 15.0
PAGE_ROWS = 200
RESYNCHRONISE = "resynchronise"


class NotificationStream:
    """Tells any number of readers of each change, once it is stored.

    Args:
        state: whose changes.
        keep_alive_s: a comment is sent when nothing happened for so long, so that a dead reader is noticed.
    """

    def __init__(self, state: NetworkState, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        self._state = state
        self._keep_alive_s = keep_alive_s
        self._readers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        state.listen(self._changed)

    def open(self) -> None:
        """Begin; called in the event loop that serves the readers."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """End every reader's stream; may be called from anywhere, also from a signal handler."""
        self._closed = True
        self._changed()

    def start_after(self, last_event_id: str | None) -> int:
        """The version after which a reader's stream begins: where it left off, else now.

        Raises:
            TapiError: 400, not a number.
        """
        if not last_event_id:
            return self._state.version
        if not re.fullmatch("[0-9]{1,18}", last_event_id):
            raise invalid(f"Last-Event-ID {last_event_id[:40]!r} is not a sequence number")
        return int(last_event_id)

    async def events(
        self, since: int, subscribed: SubscribedReader | None = None
    ) -> AsyncGenerator[str, None]:
        """The events after a version, without end; of a subscription what it lets through, until its end.

        What happened meanwhile is read in pages, the next one when the reader has taken the last. A version
        that this store has never given, or does not remember, is answered with one event ``resynchronise``
        whose id is the present version; the stream goes on from there.
        """
        changed = asyncio.Event()
        self._readers.add(changed)
        try:
            yield ": open\n\n"
            while not (self._closed or (subscribed and subscribed.is_over)):
                changed.clear()
                try:
                    page = await anyio.to_thread.run_sync(self._state.store.log.page, since, PAGE_ROWS)
                except GoneError as gone:
                    since = gone.last
                    error = json.dumps(gone.document(), separators=(",", ":"))
                    yield f"event: {RESYNCHRONISE}\nid: {since}\ndata: {error}\n\n"
                    continue
                for change in page.changes:
                    body = notification_of(change, self._state)
                    told = subscribed.told(body) if subscribed else body
                    if told is not None:
                        yield f"id: {change.version}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n"
                since = page.version
                if since < page.last:
                    continue
                try:
                    # Not ``wait_for``: in Python 3.11 it loses a cancellation that comes with the event.
                    async with asyncio.timeout(self._keep_alive_s):
                        await changed.wait()
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._readers.discard(changed)

    def look_again(self) -> None:
        """Have the readers look at their subscriptions; may be called from anywhere."""
        self._changed()

    def _changed(self) -> None:
        # Who begins to read meanwhile is in the list before it looks, and finds what has changed.
        if self._readers and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()
