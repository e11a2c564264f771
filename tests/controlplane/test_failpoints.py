"""Failpoints: off unless asked for, in force by what is written, and killing as SIGKILL does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controlplane import failpoints
from controlplane.failpoints import VARIABLE, Failpoint, FailpointError, Failpoints, read_failpoints


def test_where_nobody_asks_for_them_they_are_off() -> None:
    assert not failpoints.ARE_ON
    assert failpoints.hit("controller.reserved") == ""
    assert failpoints.now_s is time.time


def test_what_is_written_is_read_and_else_told() -> None:
    text = "controller.reserved=kill:0.01, clock=jump(-60)\nelements.edit.Sao Paulo=sleep(2.5):0.5\n"
    assert read_failpoints(text) == {
        "controller.reserved": Failpoint("kill", 0.0, 0.01),
        "clock": Failpoint("jump", -60.0),
        "elements.edit.Sao Paulo": Failpoint("sleep", 2.5, 0.5),
    }
    with pytest.raises(FailpointError, match="'a=kill:often' is no entry"):
        read_failpoints("b=kill, a=kill:often")


def test_a_file_is_followed_and_the_narrower_place_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "points"
    points = Failpoints(f"@{file}")
    places = ("elements.edit.A", "elements.edit")
    assert points.drawn(places) is None
    both = "elements.edit=refuse, elements.edit.A=lie"
    for text, does in (("elements.edit=refuse", "refuse"), (both, "lie")):
        file.write_text(text)
        drawn = points.drawn(places)
        assert drawn is not None
        assert drawn.does == does
    file.unlink()
    assert points.drawn(places) is None


def test_it_is_as_likely_as_it_is_said() -> None:
    points = Failpoints("a=refuse:0.25")
    hits = sum(points.drawn(["a"]) is not None for _ in range(4000))
    assert 870 < hits < 1130  # 1000 +- 4.7 standard deviations


def test_a_process_dies_at_the_place_and_its_clock_jumps() -> None:
    program = "import time; from controlplane.failpoints import hit, now_s; "
    program += "print(round(now_s() - time.time())); print(hit('other')); hit('here'); print('alive')"
    environment = os.environ | {VARIABLE: "here=kill, other=refuse, clock=jump(86400)"}
    command = [sys.executable, "-u", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -9
    assert done.stdout.split() == ["86400", "refuse"]
