"""The change log kept as short as the configuration says, in steps that hold nobody up.

A change goes once it is older than ``retention.changes_days``. What follows the log (the path computation
element, the console, the operation record) asks every few seconds to minutes; one that was away for longer
is told that changes are gone. Not here: how they are removed (``change_log.py``).
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from controlplane.controller.change_log import ChangeLog
from controlplane.failpoints import now_s

log = logging.getLogger(__name__)

EVERY_S = 60.0
ROWS = 100  # of one transaction: some milliseconds
FREE_PAGES = 64  # of the file that are given back in one step
PAUSE_S = 0.05  # between two steps, for whoever waits to write


class Compaction:
    """Removes old changes.

    Args:
        changes: the log.
        keep_days: age in days at which a change goes.
    """

    def __init__(self, changes: ChangeLog, keep_days: float) -> None:
        self._changes = changes
        self._keep = timedelta(days=keep_days)

    def run(self, stop: threading.Event) -> None:
        """A turn every minute until told to stop; a database that does not answer is asked again."""
        while not stop.wait(EVERY_S):
            try:
                self.turn(datetime.fromtimestamp(now_s(), UTC), stop)
            except Exception:
                log.exception("old changes could not be removed; trying again")

    def turn(self, now: datetime, stop: threading.Event) -> int:
        """Remove what is old now, and give its room back; how many changes went."""
        removed, count = 0, ROWS
        while count == ROWS:
            count = self._changes.remove_before(now - self._keep, ROWS)
            removed += count
            if stop.wait(PAUSE_S):
                return removed
        if removed:
            log.info("%d changes older than %g days removed", removed, self._keep / timedelta(days=1))
            while self._changes.give_back(FREE_PAGES) > 0 and not stop.wait(PAUSE_S):
                pass
        return removed
