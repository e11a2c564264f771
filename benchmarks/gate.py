"""How often a year of nightly gates promotes a challenger that is no better, and what it sees of true gains.

Paired counts of blocking are drawn with the noise that was measured on the main scenario at 235 Erlang: the
difference of two policies on the same N requests has a standard deviation of about 0.07 / sqrt(N). They go
through the real rules and the real budget. For other rules (slices, failures, time) nothing is drawn there;
they only make a promotion rarer. What the rule of the slices refuses is drawn beside it (``slice_figures``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from envs.slices import PAIR_GROUPS, PARTS_OF_DAY, SliceResult
from envs.statistics import ClassResult
from tasks.gate import judge, no_slice_worse
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
# Of the slices: shares of three classes; what far pairs block beside near ones; how the day goes up and down.
CLASS_SHARES, GROUP_FACTORS, SWING = (0.2, 0.3, 0.5), (0.5, 1.0, 1.5), 0.3
SIZES = {"shipped": (10, 47_000), "five-node": (10, 9_000), "small": (4, 3_000)}  # traces, counted requests
WORSE_FAR = 0.3  # of the far pairs' blocking


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
        "slices_refuse": slice_figures(on_progress, gates, seed),
    }


def slice_figures(
    on_progress: Callable[[str], None], gates: int = 1000, seed: int = 1
) -> dict[str, dict[str, float]]:
    """By size of the evaluation: how often the rule of the slices refuses whom.

    ``equal``: one that is exactly as good, by any slice. ``equal_by_finer``: by a pair group or a part of the
    day. ``better``: one that blocks 5 % less in every slice. ``worse_far``: one that blocks 30 % more of the
    far pairs and as much less of the near ones.
    """
    limits, found = GateLimits(confidence=0.95, latency_budget_ms=50.0), {}
    for size, (num_traces, requests) in SIZES.items():
        on_progress(f"{gates} gates of {num_traces} x {requests:,} requests, slice by slice")
        draw = np.random.default_rng(seed)
        refused = dict.fromkeys(("equal", "equal_by_finer", "better", "worse_far"), 0)
        for _ in range(gates):
            met = _by_slice(draw, num_traces, requests)
            for name in ("equal", "better", "worse_far"):
                refused[name] += not no_slice_worse(met[name], met["champion"], limits).passed
            finer = replace(met["champion"], classes={})
            refused["equal_by_finer"] += not no_slice_worse(met["equal"], finer, limits).passed
        found[size] = {name: count / gates for name, count in refused.items()}
    return found


def _by_slice(draw: np.random.Generator, num_traces: int, requests: int) -> dict[str, PolicyResult]:
    """Champion and challengers on the same traffic: ``slice_figures``."""
    day = 1 + SWING * np.sin(2 * np.pi * (np.arange(len(PARTS_OF_DAY)) + 0.5) / len(PARTS_OF_DAY))
    shares = np.multiply.outer(
        np.array(CLASS_SHARES), np.multiply.outer(np.full(3, 1 / 3), day / day.sum())
    )  # (classes, groups, parts) of the requests
    factors = np.multiply.outer(np.ones(3), np.multiply.outer(np.array(GROUP_FACTORS), day**4))
    asked, blocking = requests * shares, BLOCKING * factors / (shares * factors).sum()
    noise_sd = NOISE / np.sqrt(asked) * np.sqrt(blocking / BLOCKING)  # counts vary as their root
    shared = TRACE_SD / BLOCKING * draw.standard_normal((num_traces, 1, 1, 1))
    less_near, more_far = -WORSE_FAR * GROUP_FACTORS[2] / GROUP_FACTORS[0], WORSE_FAR
    shifts = {
        "champion": np.zeros(3),
        "equal": np.zeros(3),
        "better": np.full(3, -0.05),
        "worse_far": np.array([less_near, 0.0, more_far]),
    }
    results = {}
    for name, shift in shifts.items():
        cells = blocking * (1 + shared + shift[:, None])
        if name != "champion":
            cells = cells + noise_sd * draw.standard_normal((num_traces, *shares.shape))
        results[name] = _sliced(name, cells, asked)
    return results


def _sliced(policy: str, cells: np.ndarray, asked: np.ndarray) -> PolicyResult:
    def along(axis: int) -> np.ndarray:
        others = tuple(other for other in (0, 1, 2) if other != axis)
        return (cells * asked).sum(axis=tuple(o + 1 for o in others)) / asked.sum(axis=others)

    overall = (cells * asked).sum(axis=(1, 2, 3)) / asked.sum()
    names = ((PAIR_GROUPS, along(1)), (PARTS_OF_DAY, along(2)))
    slices = {
        name: tuple(SliceResult(1, float(value)) for value in column)
        for of, rows in names
        for name, column in zip(of, rows.T, strict=True)
    }
    classes = {f"class {index}": tuple(map(_class_result, column)) for index, column in enumerate(along(0).T)}
    return replace(_result(policy, overall, overall), classes=classes, slices=slices)


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
    return PolicyResult(
        policy=policy,
        request_blocking=tuple(map(float, blocking)),
        bit_rate_blocking=tuple(map(float, bit_rate_blocking)),
        utilisation=(0.5,) * len(blocking),
        mean_latency_ms=(1.0,) * len(blocking),
        classes={"all": tuple(map(_class_result, blocking))},
    )


def _class_result(blocking: float) -> ClassResult:
    return ClassResult(REQUESTS, float(blocking), 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0)


def _interval(count: int, total: int) -> tuple[float, float]:
    """95 % interval of a chance [Clopper, Pearson 1934]."""
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(0.95)
    return float(found.low), float(found.high)
