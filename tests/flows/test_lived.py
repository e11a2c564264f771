"""A window cut for a training, and how one is named. The whole way is a chapter of the story."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from configs.home import Home
from configs.load import load_config
from envs.heuristics import baseline
from envs.traffic import make_trace
from envs.window import WindowError, write_window
from flows.lived import LEARNED_SHARE, Lived, cut_s, learned_trace, lessons_of, lived_through
from flows.settings import settings_of
from tasks.operation import record_until
from tasks.trace import StoredTrace
from tests.envs.test_window import a_window
from tests.live_network import live_through
from tests.tasks.operation.logs import DAY, HAND_CHANGES, HAND_DECISIONS
from tests.tasks.operation.network import Network


def with_arrivals(*arrival_s: float):
    window, count = a_window(), len(arrival_s)
    rows = {
        name: np.resize(getattr(window.trace, name), count)
        for name in ("holding_s", "source", "destination", "bit_rate_gbps", "max_latency_ms", "service_class")
    }
    trace = replace(window.trace, arrival_s=np.array(arrival_s), **rows)
    return replace(window, trace=trace, live=tuple(window.live[0] for _ in arrival_s))


def test_the_later_part_begins_between_two_requests() -> None:
    window = with_arrivals(1.0, 2.0, 3.0, 5.0, 8.0)
    assert LEARNED_SHARE == 0.6
    assert cut_s(window) == 4.0  # three are learned from, two judge


def test_a_window_of_one_request_cannot_be_cut() -> None:
    with pytest.raises(WindowError, match="1 request"):
        cut_s(with_arrivals(1.0))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("last:many", "last:5000"),
        ("yesterday..today", "2026-01-31T12:00:00"),
        ("0123456789abcdef", "trace from-operation"),
    ],
)
def test_a_window_that_cannot_be_found_says_how_to_name_one(named: str, said: str, tmp_path) -> None:
    settings = settings_of(load_config("five-node"), Home(tmp_path).create(), running=None)
    with pytest.raises(WindowError, match=said):
        lived_through(settings, named)


def test_a_window_is_the_one_asked_for_and_the_record_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.operation.record_until_task", record_until)
    settings = settings_of(load_config("five-node"), Home(tmp_path), running=None)
    network = Network(tmp_path, monkeypatch)
    network.changes = HAND_CHANGES
    network.part(1, HAND_DECISIONS)
    times = (datetime.fromtimestamp(DAY + time_s, UTC).isoformat() for time_s in (5.0, 100.0))
    told = lived_through(settings, "..".join(times))
    assert len(network.asked) == 1
    assert [part.num_requests for part in (told.whole, told.learned, told.held_out)] == [6, 4, 2]

    # As it was before the record knew of the last change: an id of its own, which another is not made of.
    earlier = replace(told.whole.window, versions=(0, 12))
    write_window(earlier, settings.home.windows)
    found = lived_through(settings, earlier.id)
    assert len(network.asked) == 2
    assert found.whole.id == earlier.id != told.whole.id
    assert (found.learned, found.held_out) == (told.learned, told.held_out)


def test_lessons_are_on_the_clock_of_the_scenario_however_fast_the_window_was_played(tmp_path) -> None:
    made = []
    for speed in (1.0, 60.0):
        config = load_config("five-node", (f"drift.clock_speed={speed}", "training.mixture.window=0.3"))
        settings = settings_of(config, Home(tmp_path).create(), running=None)
        trace = make_trace(settings.traffic, settings.plant, 200, 3)
        played = replace(trace, arrival_s=trace.arrival_s / speed, holding_s=trace.holding_s / speed)
        window = live_through(settings.plant, played, baseline("ksp_ff"), before=80).window
        lived = cast(Lived, SimpleNamespace(learned=SimpleNamespace(window=window)))
        learned = cast(StoredTrace, SimpleNamespace(file=learned_trace(settings, lived)))
        made.append(lessons_of(settings, lived, learned, None))
    slow, fast = made
    assert slow.mixture.window == 0.3
    assert fast.traffic.mean_holding_s == pytest.approx(slow.traffic.mean_holding_s)
    stood = [lessons.begin.drawn(1) for lessons in made]
    assert len(stood[0]) == len(stood[1]) > 5
    for name in ("age_s", "departs_s"):
        of_slow, of_fast = ([getattr(item, name) for item in lightpaths] for lightpaths in stood)
        assert of_fast == pytest.approx(of_slow)
