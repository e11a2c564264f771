"""A process keeps to one core, with every thread, and leaves it where others want it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from controlplane.one_core import Used, quieter

TWO = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two processor cores to choose from",
)
CORES = """
import os, threading
from controlplane import one_core
from controlplane.one_core import OneCore, Used
def cores():
    return {frozenset(os.sched_getaffinity(int(thread))) for thread in os.listdir("/proc/self/task")}
end = threading.Event()
threading.Thread(target=end.wait, daemon=True).start()
before = cores()
"""


def run(code: str) -> None:
    """In a process of its own, which is left as it was found."""
    subprocess.run([sys.executable, "-c", CORES + code], check=True, timeout=60)


def used(at_s: float, cores_s: tuple[float, ...], own_s: float) -> Used:
    return Used(at_s, cores_s, own_s)


@pytest.mark.parametrize(
    ("cores_s", "own_s", "better"),
    [
        ((2.0, 0.5, 0.1), 1.9, 0),  # what it used itself is no reason to go
        ((2.0, 0.5, 0.1), 1.0, 2),  # others use half of core 0
        ((2.0, 1.9, 1.9), 1.0, 0),  # busy everywhere
        ((2.0, 0.6, 0.5), 1.0, 0),  # elsewhere hardly better
        ((2.0, 0.0, 0.0), 0.0, 1),  # the first of equals
    ],
)
def test_another_core_is_better_where_others_use_it_clearly_less(
    cores_s: tuple[float, ...], own_s: float, better: int
) -> None:
    before, now = used(10.0, (5.0, 5.0, 5.0), 3.0), used(12.0, tuple(5 + s for s in cores_s), 3.0 + own_s)

    assert quieter(0, [0, 1, 2], before, now) == better


def test_a_core_that_may_not_be_used_is_not_gone_to() -> None:
    before, now = used(0.0, (0.0, 0.0, 0.0), 0.0), used(1.0, (1.0, 0.0, 0.1), 0.0)

    assert quieter(0, [0, 2], before, now) == 2


@TWO
def test_every_thread_stays_on_one_core_those_that_begin_later_too() -> None:
    run("""
kept = OneCore()
kept.start()
threading.Thread(target=end.wait, daemon=True).start()
assert cores() == {frozenset([kept.core])}, cores()
kept.stop()
assert (cores(), kept.core) == (before, None), cores()
""")


@TWO
def test_a_core_that_others_keep_busy_is_left_by_every_thread() -> None:
    run("""
seconds = [0.0] * (max(os.sched_getaffinity(0)) + 1)
kept = OneCore()
first = None
def until_now():
    if kept.core is not None:
        seconds[first if first is not None else kept.core] += 1.0  # all of it used by others
    return Used(float(sum(seconds)), tuple(seconds), 0.0)
one_core.LOOK_S = 0.05
Used.until_now = until_now
kept.start()
first = kept.core
while kept.core == first:
    end.wait(0.01)
assert cores() == {frozenset([kept.core])}, cores()
kept.stop()
assert cores() == before
""")
