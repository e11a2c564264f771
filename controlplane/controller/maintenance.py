"""The controller's background work: starts, ends and reversions, audits, restorations tried again.

Not here: how (``services.py``, ``compaction.py``).
"""

from __future__ import annotations

import logging
import threading
import time

from controlplane.controller.compaction import Compaction
from controlplane.controller.services import ServiceManager

log = logging.getLogger(__name__)

SUSPECTS_EVERY_S = 1.0
EVERYTHING_EVERY_S = 60.0


class Maintenance:
    """Threads: elements, state and told ends are kept equal; told starts; the change log is kept short.

    Args:
        manager: does the work.
        suspects_every_s: between looks at the suspect elements, at starts and at ends; so late may one be.
        everything_every_s: between audits of all elements.
        compaction: removes old changes; None: all are kept.
    """

    def __init__(
        self,
        manager: ServiceManager,
        suspects_every_s: float = SUSPECTS_EVERY_S,
        everything_every_s: float = EVERYTHING_EVERY_S,
        compaction: Compaction | None = None,
    ) -> None:
        self._manager = manager
        self._suspects_every_s = suspects_every_s
        self._everything_every_s = everything_every_s
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="maintenance", daemon=True)]
        self._threads.append(threading.Thread(target=self._start_due, name="starts", daemon=True))
        if compaction:
            run = compaction.run
            self._threads.append(
                threading.Thread(target=run, args=[self._stop], name="compaction", daemon=True)
            )

    def start(self) -> None:
        """Begin with an audit of what is suspect: at first, everything."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the work under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _start_due(self) -> None:
        while not self._stop.wait(self._suspects_every_s):
            try:
                self._manager.scheduled.start_due()
            except Exception:
                log.exception("starts failed; trying again")

    def _run(self) -> None:
        last_full_s = time.monotonic()
        while not self._stop.is_set():
            everything = time.monotonic() - last_full_s > self._everything_every_s
            if everything:
                last_full_s = time.monotonic()
            try:
                self._manager.end_due()
                self._manager.changes.go_back_waited(time.monotonic())
                self._manager.maintain(everything)
            except Exception:
                log.exception("maintenance failed; trying again")
            self._stop.wait(self._suspects_every_s)
