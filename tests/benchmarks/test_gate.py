"""The gate's benchmark: little of it, and the noise that it draws."""

from __future__ import annotations

import numpy as np

from benchmarks.gate import BLOCKING, NOISE, NUM_TRACES, REQUESTS, figures, slice_figures
from tasks.gate import power


def test_figures_are_chances_and_a_greater_gain_is_seen_more_often() -> None:
    found = figures(lambda text: None, years=1, gates=40)

    assert {"false_promotion_rate", "power_5pct", "power_10pct"} <= found.keys()
    assert found["power"]["first_2pct"] <= found["power"]["first_10pct"]  # type: ignore[index]
    assert found["alpha_nightly"] < found["alpha_first"]  # type: ignore[operator]


def test_the_power_that_is_simulated_is_about_what_the_formula_says() -> None:
    found = figures(lambda text: None, years=1, gates=150)
    draw, theirs = np.random.default_rng(2), np.full(NUM_TRACES, BLOCKING)
    noise_sd = NOISE / np.sqrt(REQUESTS)
    alpha = float(found["alpha_first"])  # type: ignore[arg-type]

    told = [
        power(tuple(theirs + noise_sd * draw.standard_normal(NUM_TRACES)), tuple(theirs), alpha, 0.02, 0.05)
        for _ in range(100)
    ]

    # 150 gates know the chance to 0.08 at most; the rule of bit-rate blocking takes a little away.
    seen = found["power"]["first_5pct"]  # type: ignore[index]
    assert abs(float(np.mean(told)) - seen) < 0.12


def test_slices_seldom_refuse_an_equal_one_and_always_one_that_gives_up_the_far_pairs() -> None:
    found = slice_figures(lambda text: None, gates=100)

    # At most half of 1 - confidence, 2.5 %; of 100 more than 7 would be a chance of 1 in 500.
    assert all(size["equal_by_finer"] <= 0.07 for size in found.values())
    assert found["shipped"]["equal"] <= 0.07
    assert found["shipped"]["worse_far"] == 1.0
