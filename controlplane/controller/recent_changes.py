"""The newest changes in memory, for a follower whose position is known: they travel with what it is asked.

Not here: the log itself (``change_log.py``), who is asked (``pce_client.py``).
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence

from controlplane.controller.change_log import Change

MOST_TOLD = 32  # with one question; a follower that is further behind asks for a page itself
MOST_BYTES = 7000  # a proxy between the two may refuse a header line of more than 8 kB


class RecentChanges:
    """The last changes of one store, without a gap; safe to share between threads.

    Args:
        store: the store's identity.
    """

    def __init__(self, store: str) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._last = 0  # version of the newest
        self._told: deque[str] = deque(maxlen=MOST_TOLD)  # as JSON, of consecutive versions

    def add(self, changes: Sequence[Change]) -> None:
        """Keep what a transaction has stored; what does not go on from the last one begins anew."""
        if not changes:
            return
        told = [json.dumps(change.told) for change in changes]
        with self._lock:
            if changes[0].version != self._last + 1:
                self._told.clear()
            self._told.extend(told)
            self._last = changes[-1].version

    def after(self, version: int) -> str:
        """The changes after a version as the JSON of a ``GET /changes``; empty where that is not to be told.

        It is not where there are none, where there are many or long ones, and where not all of them are kept.
        """
        with self._lock:
            last, number = self._last, self._last - version
            if not 0 < number <= len(self._told):
                return ""
            told = list(self._told)[-number:]
        head = json.dumps({"version": last, "last": last, "store": self.store})
        page = f'{head[:-1]}, "changes": [{", ".join(told)}]}}'
        return page if len(page) <= MOST_BYTES else ""
