"""Work that must not slow down what answers requests: a thread of lower priority, a process that gives way.

On Linux a priority belongs to a thread. A thread may lower its own without any right, and only a privileged
one may raise it again. So nothing is raised: the work is done in a thread of its own, which ends with it, and
who answers afterwards was never slowed down. Where the system refuses, the work is done all the same, and the
log says so.

Linux may also share the processor among sessions first (sched(7), autogroups). A flow run leads a session of
its own, and against all services of an installation together it would get as much as they.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
# A tenth of a core against a busy thread of normal priority: a start that takes 6 s of processor time is
# through within a minute on a machine that is full, and on one that is not it is not slower at all.
STEPS_DOWN = 10
LOWEST = 19
AUTOGROUP = Path("/proc/self/autogroup")

_logger = logging.getLogger(__name__)


def in_background(work: Callable[[], Result]) -> Result:
    """What ``work`` returns, done at low priority of processor and, with it, of disk. Raises what it raises.

    Threads that the work starts keep the low priority.
    """
    done: Future[Result] = Future()

    def run() -> None:
        lower_priority()
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, name="background")
    thread.start()
    thread.join()
    return done.result()


def lower_priority(thread: int = 0) -> bool:
    """Lower the priority of a thread for good, of the calling one where none is named; whether it was done.

    The priority at the disk follows that of the processor (ioprio_set(2)).
    """
    if not sys.platform.startswith("linux"):
        _logger.warning("%s: a priority belongs to the whole process here and is left as it is", sys.platform)
        return False
    try:
        # With 0 Linux means the calling thread, not the process.
        here = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(LOWEST, here + STEPS_DOWN))
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))  # does not interrupt what answers
    except OSError as error:
        _logger.warning("the priority cannot be lowered (%s); going on at normal priority", error.strerror)
        return False
    return True


def give_way() -> None:
    """Let what answers requests go first, until this process ends, whatever program it goes on to run.

    The main and the calling thread, and those that they start, are lowered; the session as well, where this
    process leads it. A session of somebody else is left as it is. It stands under ``pull`` in prefect.yaml:
    Prefect calls it in a thread, before the process becomes that of the flow, which then begins to import.
    """
    # On Linux the main thread has the number of the process.
    is_lowered = [lower_priority(thread) for thread in {os.getpid(), threading.get_native_id()}]
    if all(is_lowered) and os.getsid(0) == os.getpid() and AUTOGROUP.exists():
        try:
            AUTOGROUP.write_text(str(STEPS_DOWN))
        except OSError as error:
            _logger.warning("the session's priority cannot be lowered (%s)", error.strerror)
