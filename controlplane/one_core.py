"""A process kept on one processor core, because its threads take turns anyway.

Python lets one thread of a process run at a time. Where the system spreads the threads over the cores, a
turn begins with waking another core, which has nothing at hand of what the last one used. With 32 clients
that cost the controller a quarter of its set-ups a second (docs/operations.md). So all its threads stay on
one core. A core that others keep busy is left for a quieter one.

Linux only; elsewhere, and where the process may use a single core in any case, nothing is done. Not here:
which processes are kept so (their ``main.py``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

LOOK_S = 2.0
WORTH_MOVING = 0.3  # of a core: by so much less must others use the core that is moved to

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Used:
    """Processor time that was used until a moment.

    Attributes:
        at_s: the moment, on a clock that only goes forward.
        cores_s: by everyone, of each core.
        own_s: by this process.
    """

    at_s: float
    cores_s: tuple[float, ...]
    own_s: float

    @classmethod
    def until_now(cls) -> Used:
        """As the system tells it."""
        times, own = psutil.cpu_times(percpu=True), psutil.Process().cpu_times()
        busy = (core.user + core.nice + core.system + core.irq + core.softirq + core.steal for core in times)
        return cls(time.monotonic(), tuple(busy), own.user + own.system)


class OneCore:
    """Keeps this process on one core from ``start`` on, until ``stop``.

    Attributes:
        core: on which it is kept; None where it is not.
    """

    def __init__(self) -> None:
        self._allowed = _allowed()
        self.core: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="one core", daemon=True)

    def start(self) -> None:
        """Go to a core, and look from time to time whether another has more room."""
        if len(self._allowed) > 1:
            self._go_to(random.choice(self._allowed))
            if self.core is not None:
                self._thread.start()

    def stop(self) -> None:
        """Look no more, and leave the threads to the system again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.core is not None:
            self._keep_on(self._allowed)
            self.core = None

    def _look(self) -> None:
        before = Used.until_now()
        # No fixed step: two processes that share a core would leave it for the same other one for ever.
        while not self._stop.wait(LOOK_S * random.uniform(0.7, 1.3)):
            now, core = Used.until_now(), self.core
            if core is not None and (better := quieter(core, self._allowed, before, now)) != core:
                self._go_to(better)
            before = now

    def _go_to(self, core: int) -> None:
        if self._keep_on([core]):
            self.core = core

    def _keep_on(self, cores: Sequence[int]) -> bool:
        moved: set[int] = set()
        try:
            # A thread begins where the one that starts it is, which may not have been moved yet.
            while new := {int(name) for name in os.listdir("/proc/self/task")} - moved:
                for thread in new:
                    _move(thread, cores)
                moved |= new
        except OSError as error:  # forbidden here; the process runs without as well
            log.warning("threads cannot be kept on core %s: %s", cores, error)
            self._stop.set()
            return False
        return True


def quieter(core: int, allowed: Sequence[int], before: Used, now: Used) -> int:
    """The core to be on: another one where others used it less by ``WORTH_MOVING``, else the same.

    Args:
        core: on which this process was all the time.
        allowed: cores that it may use.
        before: what had been used when it began.
        now: what was used until now.
    """
    share = {
        number: (now.cores_s[number] - before.cores_s[number]) / (now.at_s - before.at_s)
        for number in allowed
    }
    share[core] -= (now.own_s - before.own_s) / (now.at_s - before.at_s)
    best = min(allowed, key=lambda number: share[number])
    return best if share[core] - share[best] > WORTH_MOVING else core


def _move(thread: int, cores: Sequence[int]) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(thread, cores)


def _allowed() -> list[int]:
    if sys.platform != "linux":
        return []
    allowed = sorted(os.sched_getaffinity(0))
    return allowed if allowed[-1] < len(psutil.cpu_times(percpu=True)) else []  # one is switched off
