"""Work shared among threads, as many as there are processors: compiled code leaves the others alone."""

from __future__ import annotations

import contextvars
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What is made of each item, in order. Raises what the first to fail raises.

    Each thread has the context of the caller, without which a flow run's log would not hear of its steps.
    """
    with ThreadPoolExecutor(_processors()) as threads:
        begun = [threads.submit(contextvars.copy_context().run, work, item) for item in items]
    return [item.result() for item in begun]


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform.startswith("linux") else os.cpu_count() or 1
