"""Every rule of the gate against numbers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from envs.slices import SliceResult
from envs.statistics import ClassResult, PowerResult
from tasks.gate import (
    RuleResult,
    better_than,
    blocks_no_more_than,
    judge,
    less_energy_than,
    no_slice_worse,
    no_violation,
    power,
    quick_enough,
    survives_failures,
)
from tasks.gate_page import report_html
from tasks.limits import GateLimits
from tasks.promotion_budget import BudgetState
from tasks.results import Evaluation, Failure, PolicyResult

LIMITS = GateLimits(confidence=0.95, latency_budget_ms=50.0)
ALPHA = 0.025  # of a two-sided interval of 95 %


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
    rule = better_than(BETTER, HEURISTIC, "best baseline", "request_blocking", ALPHA)

    # Differences 10, 11, 9, 11 points per mille: mean 10.25, deviation 0.957, t(3; 97.5 %) 3.182.
    assert rule.passed
    assert rule.margin == pytest.approx(0.01025 - 3.182 * 0.000957 / 2, rel=1e-3)


def test_a_gain_smaller_than_its_interval_does_not_count() -> None:
    lucky = result("agent", (0.010, 0.031, 0.026, 0.029))  # much better once, a little worse three times

    rule = better_than(lucky, HEURISTIC, "best baseline", "request_blocking", ALPHA)

    assert sum(lucky.request_blocking) < sum(HEURISTIC.request_blocking)
    assert not rule.passed
    assert rule.margin < 0


def test_pairing_sees_a_small_gain_through_large_differences_between_traces() -> None:
    rival = result("rival", (0.01, 0.10, 0.30, 0.05))
    agent = result("agent", (0.009, 0.099, 0.299, 0.049))

    assert better_than(agent, rival, "champion", "request_blocking", ALPHA).passed


@pytest.mark.parametrize(("too_noisy", "passed"), [((0, 0), True), ((0, 1), False)])
def test_one_lightpath_without_its_gsnr_is_one_too_many(too_noisy: tuple[int, ...], passed: bool) -> None:
    seen = replace(result("agent", (0.0, 0.0)), audited=(400, 600), too_noisy=too_noisy)

    rule = no_violation(seen)

    assert rule.passed is passed
    assert rule.margin == -sum(too_noisy)
    assert "of 1,000 looked at below the GSNR they need" in rule.why
    failure = Failure("A-B", seen, (result("rival", (0.1, 0.1)),))
    assert survives_failures([failure], LIMITS).passed is passed


@pytest.mark.parametrize(("violations", "passed"), [(0, True), (1, False)])
def test_one_broken_latency_bound_is_one_too_many(violations: int, passed: bool) -> None:
    assert no_violation(result("agent", (0.0, 0.0), violations)).passed is passed


def by_class(policy: str, **classes: tuple[float, ...]) -> PolicyResult:
    """A result with the blocking of each class on each trace."""
    traces = zip(*classes.values(), strict=True)
    overall = tuple(sum(values) / len(values) for values in traces)
    return replace(
        result(policy, overall),
        classes={name: tuple(class_result(v) for v in values) for name, values in classes.items()},
    )


def test_no_class_may_pay_for_the_others_by_a_share_of_its_own_blocking() -> None:
    # Of 0.40 % to 1.35 %: less than a point, and more than three times as much.
    agent = by_class("agent", urgent=(0.0134, 0.0136, 0.0135), rest=(0.01, 0.01, 0.01))
    rival = by_class("rival", urgent=(0.0040, 0.0041, 0.0039), rest=(0.03, 0.03, 0.03))

    rule = no_slice_worse(agent, rival, LIMITS)

    assert not rule.passed
    assert "urgent" in rule.why
    # Differences 9.4, 9.5, 9.6 per mille: deviation 0.1, t(2; 97.5 %) 4.303; a tenth of a point is tolerated.
    assert rule.margin == pytest.approx(0.001 - (0.0095 + 4.303 * 0.0001 / 3**0.5), rel=1e-3)
    assert no_slice_worse(rival, rival, LIMITS).passed


def test_a_class_whose_loss_is_not_known_well_enough_does_not_pass() -> None:
    rival = by_class("rival", urgent=(0.04, 0.04, 0.04))
    agent = by_class("agent", urgent=(0.03, 0.05, 0.04))  # the same on average

    assert not no_slice_worse(agent, rival, LIMITS).passed
    assert no_slice_worse(by_class("agent", urgent=(0.044, 0.0441, 0.0439)), rival, LIMITS).passed


def test_a_class_that_no_trace_asks_for_is_left_out() -> None:
    nothing = by_class("agent", urgent=(math.nan, math.nan), rest=(0.01, 0.01))

    assert no_slice_worse(nothing, nothing, LIMITS).passed
    assert "rest" in no_slice_worse(nothing, nothing, LIMITS).why
    alone = by_class("agent", urgent=(math.nan, math.nan))
    assert no_slice_worse(alone, alone, LIMITS).why == "no slice was asked for on two traces"


def sliced(policy: str, far: tuple[float, ...], near: tuple[float, ...]) -> PolicyResult:
    both = {"near pairs": near, "far pairs": far}
    found = {name: tuple(SliceResult(500, value) for value in values) for name, values in both.items()}
    return replace(result(policy, (0.01,) * len(far)), slices=found)


def test_far_pairs_may_not_pay_for_near_ones() -> None:
    rival = sliced("rival", (0.0120, 0.0121, 0.0119, 0.0120), (0.0080,) * 4)
    worse = sliced("agent", (0.0160, 0.0162, 0.0158, 0.0160), (0.0020,) * 4)

    rule = no_slice_worse(worse, rival, LIMITS)

    assert not rule.passed
    assert "far pairs, of 3 slices, is nearest: at least +0.3" in rule.why
    # Differences 4.0, 4.1, 3.9, 4.0 per mille: sd 0.0816, 95 % t(3) 3.182, for two slices 97.5 % t(3) 4.177.
    shown = 0.004 - 4.177 * 0.0000816 / 2
    beyond = 0.004 + 3.182 * 0.0000816 / 2 - 0.15 * 0.012
    assert rule.margin == pytest.approx(-min(shown, beyond), rel=1e-3)
    assert no_slice_worse(rival, rival, LIMITS).passed


def test_a_pair_group_is_refused_for_a_loss_that_is_shown_and_matters_and_for_nothing_less() -> None:
    rival = sliced("rival", (0.0120, 0.0121, 0.0119, 0.0120), (0.0080,) * 4)
    uncertain = sliced("agent", (0.0060, 0.0200, 0.0100, 0.0140), (0.0080,) * 4)
    small = sliced("agent", (0.0130, 0.0131, 0.0129, 0.0130), (0.0080,) * 4)  # 8 % more, 15 % is tolerated

    assert no_slice_worse(uncertain, rival, LIMITS).passed
    assert no_slice_worse(small, rival, LIMITS).passed


def test_after_each_failure_it_may_lose_no_more_than_tolerated_to_any_rival_and_break_nothing() -> None:
    steady, worse = result("a", (0.0145, 0.0146)), result("a", (0.0239, 0.0240))
    rivals = (result("baseline", (0.03, 0.03)), result("champion", (0.0145, 0.0146)))

    def rule(*challengers: PolicyResult) -> RuleResult:
        return survives_failures([Failure(f"cut {n}", c, rivals) for n, c in enumerate(challengers)], LIMITS)

    assert rule(steady, steady).passed
    assert not rule(steady, worse).passed
    assert "cut 1" in rule(steady, worse).why
    assert "of champion" in rule(steady, worse).why
    broken = rule(steady, result("a", (0.0, 0.0), violations=1))
    assert not broken.passed
    assert "cut 1: 1 lightpaths over their latency bound" in broken.why


def test_an_equal_challenger_with_luck_gains_too_little_to_matter() -> None:
    lucky = result("agent", tuple(value * 0.985 for value in HEURISTIC.request_blocking))

    assert better_than(lucky, HEURISTIC, "champion", "request_blocking", ALPHA).passed
    rule = better_than(lucky, HEURISTIC, "champion", "request_blocking", ALPHA, min_gain=0.02)
    assert not rule.passed
    assert rule.margin == pytest.approx(-0.005 * np.mean(HEURISTIC.request_blocking))


def test_the_power_is_how_often_a_true_gain_passes() -> None:
    draw, level, share = np.random.default_rng(3), 0.01, 0.10
    rival = result("rival", tuple(0.02 + 0.001 * draw.standard_normal(8)))
    noise = 0.0015

    def challenger(gain: float) -> PolicyResult:
        theirs = np.array(rival.request_blocking)
        mean = theirs.mean()
        return result("agent", tuple(theirs - gain * mean + noise * draw.standard_normal(8)))

    def passes() -> bool:
        return better_than(challenger(share), rival, "r", "request_blocking", level, 0.02).passed

    seen = np.mean([passes() for _ in range(3000)])
    theirs = rival.request_blocking
    told = np.mean([power(challenger(0.0).request_blocking, theirs, level, 0.02, share) for _ in range(300)])

    # The noise of each is estimated from eight traces, so what is told scatters around what is seen.
    assert told == pytest.approx(seen, abs=0.06)
    assert power(theirs, theirs, level, 0.02, 0.05) == 1.0
    assert power(theirs[:1], theirs[:1], level, 0.02, 0.05) == 0.0


def test_the_report_tells_level_power_and_budget() -> None:
    budget = BudgetState(yearly=0.05, spent=0.0123, num_gates=7, next_alpha=0.0004)

    report = judge(Evaluation(BETTER, CHAMPION, (HEURISTIC,), ("t1",)), 2.0, LIMITS, 0.002, budget)

    assert report.alpha == 0.002
    assert set(report.power) == {"5%", "10%"}
    assert 0 < report.power["5%"] < report.power["10%"] < 1
    assert "one in 500" in report.power_in_words
    assert "7 gates spent 1.23% of the 5% chance of a false promotion" in report_html(report)


def test_a_gain_that_would_do_alone_does_not_at_the_level_of_the_budget() -> None:
    evaluation = Evaluation(BETTER, CHAMPION, (HEURISTIC,), ("t1",))

    assert judge(evaluation, 2.0, LIMITS).passed
    assert not judge(evaluation, 2.0, LIMITS, alpha=1e-6).passed


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
    rule = less_energy_than(AGENT, FRUGAL, "baseline frugal", ALPHA)

    # Differences 200, 190, 210, 200 pJ/bit: mean 200, deviation 8.165, t(3; 97.5 %) 3.182.
    assert rule.passed
    assert rule.margin == pytest.approx(200 - 3.182 * 8.165 / 2, rel=1e-3)
    assert not less_energy_than(FRUGAL, AGENT, "champion", ALPHA).passed


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
