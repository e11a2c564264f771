"""Every rule of the gate against numbers made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.tally import ClassResult
from tasks.gate import (
    GateLimits,
    better_than,
    judge,
    no_slice_worse,
    no_violation,
    quick_enough,
    report_html,
    survives_failure,
)
from tasks.results import Evaluation, PolicyResult

LIMITS = GateLimits(confidence=0.95, max_slice_regression=0.01, latency_budget_ms=50.0)


def class_result(blocking: float, violations: int = 0) -> ClassResult:
    return ClassResult(
        offered=1000,
        request_blocking=blocking,
        mean_latency_ms=2.0,
        p95_latency_ms=4.0,
        mean_hops=1.5,
        mean_detour=0.1,
        mean_slack=0.75,
        least_slack=0.125,
        violations=violations,
    )


def result(policy: str, blocking: tuple[float, ...], violations: int = 0, **classes: float) -> PolicyResult:
    of_class = classes or {"all": sum(blocking) / len(blocking)}
    return PolicyResult(
        policy=policy,
        request_blocking=blocking,
        bit_rate_blocking=tuple(value * 1.5 for value in blocking),
        utilisation=(0.5,) * len(blocking),
        mean_latency_ms=(2.0,) * len(blocking),
        classes={
            name: (
                class_result(value, violations if name == next(iter(of_class)) else 0),
                *(class_result(value) for _ in blocking[1:]),
            )
            for name, value in of_class.items()
        },
    )


HEURISTIC = result("heuristic", (0.020, 0.030, 0.025, 0.028))
BETTER = result("agent", (0.010, 0.019, 0.016, 0.017))  # 0.010, 0.011, 0.009, 0.011 less
CHAMPION = result("champion", (0.015, 0.025, 0.021, 0.022))


def test_a_gain_counts_by_the_lower_end_of_its_paired_interval() -> None:
    rule = better_than(BETTER, HEURISTIC, "best baseline", "request_blocking", 0.95)

    # Differences 10, 11, 9, 11 points per mille: mean 10.25, deviation 0.957, t(3; 97.5 %) 3.182.
    assert rule.passed
    assert rule.margin == pytest.approx(0.01025 - 3.182 * 0.000957 / 2, rel=1e-3)


def test_a_gain_smaller_than_its_interval_does_not_count() -> None:
    lucky = result("agent", (0.010, 0.031, 0.026, 0.029))  # much better once, a little worse three times

    rule = better_than(lucky, HEURISTIC, "best baseline", "request_blocking", 0.95)

    assert sum(lucky.request_blocking) < sum(HEURISTIC.request_blocking)
    assert not rule.passed
    assert rule.margin < 0


def test_pairing_sees_a_small_gain_through_large_differences_between_traces() -> None:
    rival = result("rival", (0.01, 0.10, 0.30, 0.05))
    agent = result("agent", (0.009, 0.099, 0.299, 0.049))

    assert better_than(agent, rival, "champion", "request_blocking", 0.95).passed


@pytest.mark.parametrize(("violations", "passed"), [(0, True), (1, False)])
def test_one_broken_latency_bound_is_one_too_many(violations: int, passed: bool) -> None:
    assert no_violation(result("agent", (0.0, 0.0), violations)).passed is passed


def test_no_class_may_pay_for_the_others() -> None:
    agent = result("agent", (0.01, 0.01), urgent=0.031, rest=0.0)
    rival = result("rival", (0.02, 0.02), urgent=0.020, rest=0.03)

    rule = no_slice_worse(agent, rival, tolerance=0.01)

    assert not rule.passed
    assert rule.margin == pytest.approx(-0.001)
    assert "urgent" in rule.why
    assert no_slice_worse(agent, rival, tolerance=0.012).passed


def test_after_a_cut_the_challenger_may_lose_no_more_than_tolerated_and_break_nothing() -> None:
    assert survives_failure(result("a", (0.10, 0.10)), result("b", (0.095, 0.095)), 0.01).passed
    assert not survives_failure(result("a", (0.11, 0.11)), result("b", (0.095, 0.095)), 0.01).passed
    assert not survives_failure(result("a", (0.0, 0.0), violations=1), result("b", (0.1, 0.1)), 0.01).passed


@pytest.mark.parametrize(("p99_ms", "passed"), [(49.9, True), (50.0, True), (50.1, False)])
def test_the_endpoint_must_answer_within_the_budget(p99_ms: float, passed: bool) -> None:
    assert quick_enough(p99_ms, 50.0).passed is passed


def test_a_challenger_that_meets_every_rule_passes() -> None:
    report = judge(Evaluation(BETTER, CHAMPION, (HEURISTIC,), ("t1",)), 2.0, LIMITS)

    assert report.passed
    assert len(report.rules) == 7


def test_better_than_the_baselines_but_not_than_the_champion_does_not_pass() -> None:
    report = judge(Evaluation(BETTER, BETTER, (HEURISTIC,), ("t1",)), 2.0, LIMITS)

    assert not report.passed
    assert {rule.rule for rule in report.rules if not rule.passed} == {
        "better request blocking than the champion",
        "better bit rate blocking than the champion",
    }
    assert "champion" in report.verdict


def test_the_rival_is_the_best_of_the_baselines() -> None:
    weak = result("weak", (0.9, 0.9, 0.9, 0.9))

    evaluation = Evaluation(replace(BETTER, policy="agent"), None, (weak, HEURISTIC), ("t1",))

    assert evaluation.best_baseline.policy == "heuristic"
    assert [item.policy for item in evaluation.everybody] == ["agent", "heuristic", "weak"]
    assert not judge(Evaluation(CHAMPION, None, (weak, BETTER), ()), 2.0, LIMITS).passed


def test_the_page_shows_rules_and_figures_and_escapes_what_it_quotes() -> None:
    evaluation = Evaluation(replace(BETTER, policy="<agent>"), CHAMPION, (HEURISTIC,), ("t1",))

    page = report_html(judge(evaluation, 2.0, LIMITS))

    assert "&lt;agent&gt;" in page
    assert "<agent>" not in page
    assert "answers in time" in page
    assert "<td>0</td><td>2.00</td><td>4.00</td><td>75.0%</td><td>12.5%</td>" in page
