"""One owner at a time, named, and gone with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.locks import BusyError, holder_of, is_ours, only_one, say_what

HOLD = """
import sys, time
from pathlib import Path
from tasks.locks import only_one
with only_one(Path(sys.argv[1]), "a training", 0.0):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(file: Path, for_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), str(for_s)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "run" / "slots.lock"
    process = hold(file, 60.0)
    try:
        with (
            pytest.raises(BusyError, match=rf"a training \(process {process.pid}, since"),
            only_one(file, "a rollback", 0.0, subject="the slots"),
        ):
            raise AssertionError
        found = holder_of(file)
        assert found is not None
        assert (found.pid, found.what) == (process.pid, "a training")
        assert not is_ours(file)
    finally:
        process.kill()
        process.wait()


def test_it_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "slots.lock"
    process = hold(file, 60.0)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert holder_of(file) is None
    with only_one(file, "a rollback", 5.0):
        assert is_ours(file)
    assert holder_of(file) is None


def test_whoever_waits_is_told_for_whom_and_gets_it_in_the_end(tmp_path: Path) -> None:
    file, told = tmp_path / "slots.lock", list[str]()
    process = hold(file, 1.0)

    begin = time.monotonic()
    with only_one(file, "a rollback", 60.0, told.append, "the slots"):
        assert process.wait() == 0
    assert time.monotonic() >= begin
    assert told[0].startswith("waiting for the slots, now in the hands of a training (process")


def test_a_holder_can_say_what_it_is_at_by_now(tmp_path: Path) -> None:
    file = tmp_path / "slots.lock"
    with only_one(file, "a training", 0.0):
        before = holder_of(file)
        assert before is not None
        say_what(file, "a training whose challenger is on trial")
        with (
            pytest.raises(BusyError, match="in the hands of a training whose challenger is on trial"),
            only_one(file, "a rollback", 0.0),
        ):
            raise AssertionError
        say_what(file, "a training")
        assert holder_of(file) == before
