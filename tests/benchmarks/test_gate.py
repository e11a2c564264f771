"""The gate's benchmark: little of it, and the noise that it draws."""

from __future__ import annotations

import numpy as np

from benchmarks.gate import BLOCKING, NOISE, NUM_TRACES, REQUESTS, figures
from tasks.gate import power


def test_figures_are_chances_and_a_greater_gain_is_seen_more_often() -> None:
    found = figures(lambda text: None, years=1, gates=40)

    assert {"false_promotion_rate", "power_5pct", "power_10pct"} <= found.keys()
    assert found["power"]["first_2pct"] <= found["power"]["first_10pct"]  # type: ignore[index]
    assert found["alpha_nightly"] < found["alpha_first"]  # type: ignore[operator]


def test_the_power_that_is_simulated_is_about_what_the_formula_says() -> None:
    found = figures(lambda text: None, years=1, gates=300)
    draw, theirs = np.random.default_rng(2), np.full(NUM_TRACES, BLOCKING)
    noise_sd = NOISE / np.sqrt(REQUESTS)
    alpha = float(found["alpha_first"])  # type: ignore[arg-type]

    told = [
        power(tuple(theirs + noise_sd * draw.standard_normal(NUM_TRACES)), tuple(theirs), alpha, 0.02, 0.05)
        for _ in range(100)
    ]

    # 300 gates know the chance to 0.06 at most; the rule of bit-rate blocking takes a little away.
    seen = found["power"]["first_5pct"]  # type: ignore[index]
    assert abs(float(np.mean(told)) - seen) < 0.12
