"""A stretch of operation comes back from disk as it was written, and damage is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.trace import Trace
from envs.window import Happening, Live, Placed, Standing, Window, WindowError, read_window, write_window

THERE = Placed(("A", "B", "C"), 3, 4, "QPSK")


def a_window() -> Window:
    trace = Trace(
        arrival_s=np.array([1.5, 7.25]),
        holding_s=np.array([3.0, 9.5]),
        source=np.array([0, 2]),
        destination=np.array([1, 0]),
        bit_rate_gbps=np.array([100.0, 50.0]),
        max_latency_ms=np.array([np.inf, 12.0]),
        service_class=np.array([0, 0]),
        node_names=("A", "B", "C"),
        class_names=("any",),
        topology_hash="",
        origin="a test",
    )
    return Window(
        trace=trace,
        live=(
            Live("s1", "d1", THERE, "model", "3", False, True),
            Live("s2", "d2", None, "none", "", True, True),
        ),
        standing=(Standing("s0", replace(THERE, first_slot=20), 200.0, "any", 60.0, 4.0, True),),
        failed_links=(("B", "C"),),
        happenings=(
            Happening(2.0, "link-failed", "cut", nodes=("A", "B")),
            Happening(2.0, "lightpath-removed", "cut", service="s1", placed=THERE),
        ),
        at_end={"s0": THERE},
        began_s=1.75e9,
        duration_s=10.0,
        versions=(40, 47),
    )


def test_a_window_comes_back_as_it_was_written(tmp_path: Path) -> None:
    window = a_window()
    folder = write_window(window, tmp_path)
    assert write_window(window, tmp_path) == folder
    again = read_window(window.id, tmp_path)
    assert again.id == window.id
    assert replace(again, trace=window.trace) == window
    assert again.trace.id == window.trace.id
    assert [item.name for item in tmp_path.iterdir()] == [window.id]


@pytest.mark.parametrize(
    "change",
    [{"began_s": 0.0}, {"failed_links": ()}, {"standing": ()}, {"at_end": {}}, {"versions": (40, 48)}],
)
def test_windows_that_differ_have_different_ids(change: dict[str, object]) -> None:
    assert replace(a_window(), **change).id != a_window().id  # type: ignore[arg-type]


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    folder = write_window(a_window(), tmp_path)
    about = folder / "window.json"
    about.write_text(about.read_text().replace('"duration_s": 10.0', '"duration_s": 11.0'))
    with pytest.raises(WindowError, match="changed after it was written"):
        read_window(folder)


def test_a_window_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WindowError, match="from-operation"):
        read_window("0123456789abcdef", tmp_path)


def test_outcomes_belong_to_requests() -> None:
    with pytest.raises(WindowError, match="1 outcomes of 2 requests"):
        replace(a_window(), live=a_window().live[:1])


def test_told_ends_come_back_and_a_window_without_any_keeps_its_id(tmp_path: Path) -> None:
    plain = a_window()
    assert plain.id == "86d44afd71435406"  # as an earlier version wrote it
    told = replace(
        plain,
        trace=replace(plain.trace, told_s=np.array([3.5, np.inf])),
        standing=(replace(plain.standing[0], told_end_s=4.0),),
    )
    assert told.id != plain.id
    assert told.trace.id != plain.trace.id
    again = read_window(write_window(told, tmp_path))
    assert again.standing == told.standing
    assert again.trace.told_s is not None
    assert again.trace.told_s.tolist() == [3.5, np.inf]
    assert again.trace.id == told.trace.id
