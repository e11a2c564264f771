"""Every rule of the gate against numbers made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.statistics import ClassResult, PowerResult
from tasks.gate import (
    better_than,
    blocks_no_more_than,
    judge,
    less_energy_than,
    no_slice_worse,
    no_violation,
    quick_enough,
    report_html,
    survives_failure,
)
from tasks.limits import GateLimits
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


@pytest.mark.parametrize(("too_noisy", "passed"), [((0, 0), True), ((0, 1), False)])
def test_one_lightpath_without_its_gsnr_is_one_too_many(too_noisy: tuple[int, ...], passed: bool) -> None:
    seen = replace(result("agent", (0.0, 0.0)), audited=(400, 600), too_noisy=too_noisy)

    rule = no_violation(seen)

    assert rule.passed is passed
    assert rule.margin == -sum(too_noisy)
    assert "of 1,000 looked at below the GSNR they need" in rule.why
    assert survives_failure(seen, result("rival", (0.1, 0.1)), 0.01).passed is passed


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


ENERGY_LIMITS = replace(LIMITS, objective="energy", max_blocking_loss=0.001)


def drawing(result: PolicyResult, *energies_pj: float) -> PolicyResult:
    """The result with an energy per bit for each trace, at 1 Tb/s carried."""
    return replace(
        result, power=tuple(PowerResult(pj - 300.0, 200.0, 100.0, 1000.0, 0.25) for pj in energies_pj)
    )


NONE = (0.0, 0.0, 0.0, 0.0)
KSP_FF = drawing(result("ksp_ff", NONE), 16_400, 16_500, 16_300, 16_450)
FRUGAL = drawing(result("frugal", (0.002, 0.001, 0.002, 0.003)), 14_400, 14_500, 14_300, 14_450)
AGENT = drawing(result("agent", (0.0, 0.0001, 0.0, 0.0)), 14_200, 14_310, 14_090, 14_250)


def test_energy_per_bit_is_power_over_bit_rate() -> None:
    assert KSP_FF.energy_per_bit_pj == (16_400, 16_500, 16_300, 16_450)
    assert KSP_FF.row()["mean_power_w"] == pytest.approx(16_412.5)
    assert KSP_FF.row()["sleeping_share"] == 0.25
    assert "mean_power_w" not in HEURISTIC.row()


def test_less_energy_counts_by_the_lower_end_of_its_paired_interval() -> None:
    rule = less_energy_than(AGENT, FRUGAL, "baseline frugal", 0.95)

    # Differences 200, 190, 210, 200 pJ/bit: mean 200, deviation 8.165, t(3; 97.5 %) 3.182.
    assert rule.passed
    assert rule.margin == pytest.approx(200 - 3.182 * 8.165 / 2, rel=1e-3)
    assert not less_energy_than(FRUGAL, AGENT, "champion", 0.95).passed


def test_no_more_blocking_is_judged_by_the_upper_end_against_what_is_tolerated() -> None:
    # 0.0001 more in one of four traces: mean 0.000025, half width 3.182 x 0.00005 / 2.
    for tolerance, passed in ((0.0002, True), (0.0001, False)):
        rule = blocks_no_more_than(AGENT, KSP_FF, "request_blocking", tolerance, 0.95)
        assert rule.passed is passed
        assert rule.margin == pytest.approx(tolerance - 0.000025 - 3.182 * 0.000025, abs=1e-7)


def test_a_saver_must_beat_every_baseline_in_energy_and_ksp_ff_in_nothing_but_that() -> None:
    passing = judge(Evaluation(AGENT, None, (KSP_FF, FRUGAL), ()), 2.0, ENERGY_LIMITS)
    assert passing.passed
    assert {"less energy than the baseline frugal", "no more request blocking than ksp_ff"} <= {
        rule.rule for rule in passing.rules
    }
    assert not judge(Evaluation(AGENT, AGENT, (KSP_FF, FRUGAL), ()), 2.0, ENERGY_LIMITS).passed
    blocking = replace(AGENT, request_blocking=(0.002, 0.001, 0.002, 0.003))
    report = judge(Evaluation(blocking, None, (KSP_FF, FRUGAL), ()), 2.0, ENERGY_LIMITS)
    assert [rule.rule for rule in report.rules if not rule.passed] == ["no more request blocking than ksp_ff"]
    assert "pJ/bit" in report_html(report)
    # Energy without the objective changes nothing: equal blocking is not better blocking.
    assert not judge(Evaluation(AGENT, None, (KSP_FF, FRUGAL), ()), 2.0, LIMITS).passed
