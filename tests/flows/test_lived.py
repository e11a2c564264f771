"""A window cut for a training, and how one is named. The whole way is a chapter of the story."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from configs.home import Home
from configs.load import load_config
from envs.window import WindowError
from flows.lived import LEARNED_SHARE, cut_s, lived_through
from flows.settings import settings_of
from tests.envs.test_window import a_window


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
