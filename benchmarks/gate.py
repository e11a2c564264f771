"""How often a year of nightly gates promotes a challenger that is no better, and what it sees of true gains.

Paired counts of blocking are drawn with the noise that was measured on the main scenario at 235 Erlang: the
difference of two policies on the same N requests has a standard deviation of about 0.07 / sqrt(N). They go
through the real rules and the real budget. For other rules (classes, failures, time) nothing is drawn; they
only make a promotion rarer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from envs.statistics import ClassResult
from tasks.gate import judge
from tasks.limits import GateLimits
from tasks.promotion_budget import spend
from tasks.results import Evaluation, PolicyResult

NIGHTS = 365
DAY_S = 86_400.0
NUM_TRACES, REQUESTS = 10, 47_000  # counted on each, as in base.yaml
BLOCKING, BIT_RATE_BLOCKING = 0.01, 0.015  # of the champion
TRACE_SD = 0.001  # of its blocking, from trace to trace
NOISE = 0.07  # of a paired difference, times sqrt(requests)
BASELINE_BLOCKING = 0.02


def figures(
    on_progress: Callable[[str], None], years: int = 200, gates: int = 1000, seed: int = 1
) -> dict[str, object]:
    """Chance of a false promotion in a year, and the power of a gate in a year's steady state.

    Args:
        on_progress: told what is simulated next.
        years: of nightly gates with challengers that are exactly as good as the champion.
        gates: for each true gain.
        seed: of all that is drawn.
    """
    draw, limits = np.random.default_rng(seed), GateLimits(confidence=0.95, latency_budget_ms=50.0)
    levels = _levels(limits)
    on_progress(f"{years} years of nightly gates, no challenger better than its champion")
    false = sum(any(_passes(draw, limits, alpha, 0.0) for alpha in levels) for _ in range(years))
    steady = float(np.median(levels[NIGHTS // 2 :]))
    power = {}
    for name, alpha in (("nightly", steady), ("first", levels[0])):
        for gain in (0.02, 0.05, 0.10):
            on_progress(f"{gates} {name} gates, each challenger {gain:.0%} better")
            passed = sum(_passes(draw, limits, alpha, gain) for _ in range(gates))
            power[f"{name}_{100 * gain:.0f}pct"] = passed / gates
    low, high = _interval(false, years)
    return {
        "false_promotion_rate": false / years,
        "false_promotion_rate_ci95": [low, high],
        "years": years,
        "alpha_first": levels[0],
        "alpha_nightly": steady,
        "power_5pct": power["nightly_5pct"],
        "power_10pct": power["nightly_10pct"],
        "power": power,
        "gates": gates,
    }


def _levels(limits: GateLimits) -> list[float]:
    """What each gate of the first year may spend, by the budget itself."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "budget.jsonl"
        yearly = limits.false_promotions_per_year
        return [spend(file, "m", f"{night}", "1", yearly, night * DAY_S) for night in range(NIGHTS)]


def _passes(draw: np.random.Generator, limits: GateLimits, alpha: float, gain: float) -> bool:
    shared = TRACE_SD * draw.standard_normal(NUM_TRACES)
    noise_sd = NOISE / np.sqrt(REQUESTS)
    noise = noise_sd * draw.standard_normal(NUM_TRACES)
    if gain * BLOCKING - noise.mean() < limits.min_gain * (BLOCKING + shared.mean()):
        return False  # less than matters: refused whatever else is found, so it is not worked out
    champion = _result("champion", BLOCKING + shared, BIT_RATE_BLOCKING + 1.5 * shared)
    challenger = _result(
        "challenger",
        BLOCKING * (1 - gain) + shared + noise,
        BIT_RATE_BLOCKING * (1 - gain) + 1.5 * (shared + noise),  # what blocks a request blocks its bit rate
    )
    rival = _result("baseline", BASELINE_BLOCKING + shared, 1.5 * BASELINE_BLOCKING + 1.5 * shared)
    return judge(Evaluation(challenger, champion, (rival,), ()), 1.0, limits, alpha).passed


def _result(policy: str, blocking: np.ndarray, bit_rate_blocking: np.ndarray) -> PolicyResult:
    classes = tuple(
        ClassResult(REQUESTS, float(value), 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0) for value in blocking
    )
    return PolicyResult(
        policy=policy,
        request_blocking=tuple(map(float, blocking)),
        bit_rate_blocking=tuple(map(float, bit_rate_blocking)),
        utilisation=(0.5,) * NUM_TRACES,
        mean_latency_ms=(1.0,) * NUM_TRACES,
        classes={"all": classes},
    )


def _interval(count: int, total: int) -> tuple[float, float]:
    """95 % interval of a chance [Clopper, Pearson 1934]."""
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(0.95)
    return float(found.low), float(found.high)
