"""Whether a challenger may become champion: one small function for each rule, and the report they add up to.

Every rule answers with whether it is met, by how much (positive: to spare, in the rule's own unit) and why in
words. Not here: measuring (``evaluate.py``, ``provision.py``), what follows from the verdict (``flows/``).
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from envs.evaluation import paired_difference
from tasks.decorate import as_task
from tasks.limits import GateLimits
from tasks.results import Evaluation, PolicyResult


@dataclass(frozen=True)
class RuleResult:
    """What one rule says."""

    rule: str
    passed: bool
    margin: float
    why: str


@dataclass(frozen=True)
class GateReport:
    """The verdict and what it rests on."""

    policy: str
    passed: bool
    rules: tuple[RuleResult, ...]
    evaluation: dict[str, Any]
    p99_ms: float  # of a decision behind the endpoint

    @property
    def verdict(self) -> str:
        """One line for people."""
        if self.passed:
            return f"{self.policy} passes all {len(self.rules)} rules"
        broken = [rule for rule in self.rules if not rule.passed]
        return f"{self.policy} does not pass: " + "; ".join(f"{rule.rule}: {rule.why}" for rule in broken)

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        return asdict(self) | {"verdict": self.verdict}


def better_than(
    challenger: PolicyResult, rival: PolicyResult, role: str, metric: str, confidence: float
) -> RuleResult:
    """Blocks less than a rival on the same traces, by more than the interval of the paired difference.

    Args:
        challenger: who wants to be champion.
        rival: whom it must beat.
        role: what the rival is, for the words: ``champion`` or ``best baseline``.
        metric: ``request_blocking`` or ``bit_rate_blocking``.
        confidence: of the interval.
    """
    gain = paired_difference(getattr(rival, metric), getattr(challenger, metric), confidence)
    label = metric.replace("_", " ")
    means = f"{np.mean(getattr(challenger, metric)):.3%} against {np.mean(getattr(rival, metric)):.3%}"
    why = f"{label} {means} of {rival.policy}; the gain lies in {gain.low:+.3%} .. {gain.high:+.3%}"
    return RuleResult(f"better {label} than the {role}", bool(gain.low > 0), gain.low, why)


def less_energy_than(
    challenger: PolicyResult, rival: PolicyResult, role: str, confidence: float
) -> RuleResult:
    """Draws less energy per bit than a rival on the same traces, by more than the paired interval."""
    gain = paired_difference(rival.energy_per_bit_pj, challenger.energy_per_bit_pj, confidence)
    means = f"{np.mean(challenger.energy_per_bit_pj):,.0f} against {np.mean(rival.energy_per_bit_pj):,.0f}"
    why = f"{means} pJ/bit of {rival.policy}; the gain lies in {gain.low:+,.0f} .. {gain.high:+,.0f}"
    return RuleResult(f"less energy than the {role}", bool(gain.low > 0), gain.low, why)


def blocks_no_more_than(
    challenger: PolicyResult, rival: PolicyResult, metric: str, tolerance: float, confidence: float
) -> RuleResult:
    """Blocks no more than a rival: the paired interval of what it blocks more ends below the tolerance."""
    loss = paired_difference(getattr(challenger, metric), getattr(rival, metric), confidence)
    label, margin = metric.replace("_", " "), tolerance - loss.high
    means = f"{np.mean(getattr(challenger, metric)):.3%} against {np.mean(getattr(rival, metric)):.3%}"
    why = f"{label} {means} of {rival.policy}; at most {loss.high:+.3%}, {tolerance:.3%} more is tolerated"
    return RuleResult(f"no more {label} than {rival.policy}", bool(margin >= 0), margin, why)


def no_violation(challenger: PolicyResult) -> RuleResult:
    """No lightpath over its latency bound; where GSNR counts, none looked at stood below what it needs."""
    slow, noisy = challenger.bound_violations, sum(challenger.too_noisy)
    why = f"{slow or 'no'} lightpaths over their latency bound"
    if challenger.audited:
        why += f"; {noisy or 'none'} of {sum(challenger.audited):,} looked at below the GSNR they need"
    return RuleResult("no constraint broken", slow + noisy == 0, -float(slow + noisy), why)


def no_slice_worse(challenger: PolicyResult, rival: PolicyResult, tolerance: float) -> RuleResult:
    """No service class blocks more than a rival's by more than the tolerance."""
    losses = {
        name: challenger.class_blocking[name] - blocking for name, blocking in rival.class_blocking.items()
    }
    worst = max(losses, key=lambda name: losses[name])
    margin = tolerance - losses[worst]
    why = f"{worst} changes most: {losses[worst]:+.3%} against {rival.policy}, {tolerance:.2%} is tolerated"
    return RuleResult("no traffic slice worse", margin >= 0, margin, why)


def survives_failure(challenger: PolicyResult, rival: PolicyResult, tolerance: float) -> RuleResult:
    """With a fibre cut, blocks no more than a rival by more than the tolerance, and breaks no constraint."""
    loss = float(np.mean(challenger.request_blocking) - np.mean(rival.request_blocking))
    margin = tolerance - loss
    passed = margin >= 0 and no_violation(challenger).passed
    means = f"{np.mean(challenger.request_blocking):.3%} against {np.mean(rival.request_blocking):.3%}"
    why = f"with a fibre cut, request blocking {means} of {rival.policy}, {tolerance:.2%} more is tolerated"
    return RuleResult("survives link failures", passed, margin, why)


def quick_enough(p99_ms: float, budget_ms: float) -> RuleResult:
    """Answers within the budget behind the real endpoint."""
    why = f"p99 of an answer behind the endpoint is {p99_ms:.1f} ms, the budget {budget_ms:g} ms"
    return RuleResult("answers in time", p99_ms <= budget_ms, budget_ms - p99_ms, why)


def judge(evaluation: Evaluation, p99_ms: float, limits: GateLimits) -> GateReport:
    """The gate's report on a challenger.

    Args:
        evaluation: challenger, champion and baselines on the same held-out traces.
        p99_ms: of one decision, measured behind the endpoint that would serve it.
        limits: what is asked for.
    """
    challenger = evaluation.challenger
    rules, rival = _merit(evaluation, limits)
    rules.append(no_violation(challenger))
    rules.append(no_slice_worse(challenger, rival, limits.max_slice_regression))
    after = evaluation.after_failure
    if after:
        rules.append(survives_failure(after[0], after[1], limits.max_slice_regression))
    rules.append(quick_enough(p99_ms, limits.latency_budget_ms))
    passed = all(rule.passed for rule in rules)
    return GateReport(challenger.policy, passed, tuple(rules), evaluation.to_json(), p99_ms)


def _merit(evaluation: Evaluation, limits: GateLimits) -> tuple[list[RuleResult], PolicyResult]:
    """The rules of the objective, and the rival whose traffic slices a challenger may not do worse in."""
    challenger, champion = evaluation.challenger, evaluation.champion
    if limits.objective == "energy":
        first = evaluation.first_baseline
        rivals = [(item, f"baseline {item.policy}") for item in evaluation.baselines]
        rivals += [] if champion is None else [(champion, "champion")]
        rules = [less_energy_than(challenger, item, role, limits.confidence) for item, role in rivals]
        rules += [
            blocks_no_more_than(challenger, first, metric, limits.max_blocking_loss, limits.confidence)
            for metric in ("request_blocking", "bit_rate_blocking")
        ]
        return rules, first
    rivals = [(evaluation.best_baseline, "best baseline")]
    rivals += [] if champion is None else [(champion, "champion")]
    rules = [
        better_than(challenger, item, role, metric, limits.confidence)
        for item, role in rivals
        for metric in ("request_blocking", "bit_rate_blocking")
    ]
    return rules, rivals[-1][0]


def report_html(report: GateReport) -> str:
    """The report as one page without anything to fetch."""
    rules = [
        ("yes" if rule.passed else "no", rule.rule, f"{rule.margin:+.4g}", rule.why) for rule in report.rules
    ]
    results = [
        (
            row["policy"],
            row["role"],
            _percent(row["request_blocking"], row["request_blocking_ci95"]),
            _percent(row["bit_rate_blocking"], row["bit_rate_blocking_ci95"]),
            f"{row['utilisation']:.1%}",
            f"{row['mean_latency_ms']:.2f}",
            *_energy(row),
        )
        for row in report.evaluation["policies"]
    ]
    classes = [
        (
            found["service_class"],
            row["policy"],
            row["role"],
            _percent(found["request_blocking"], found["request_blocking_ci95"]),
            str(found["violations"]),
            _number(found["mean_latency_ms"]),
            _number(found["p95_latency_ms"]),
            _slack(found["mean_slack"]),
            _slack(found["least_slack"]),
        )
        for row in report.evaluation["policies"]
        for found in row["classes"]
    ]
    classes.sort(key=lambda cells: cells[0])
    style = "body{font:15px sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left}"
    heads = [
        "policy",
        "role",
        "request blocking",
        "bit-rate blocking",
        "utilisation",
        "latency ms",
        *(
            ("mean kW", "pJ/bit", "pairs asleep")
            if "mean_power_w" in report.evaluation["policies"][0]
            else ()
        ),
    ]
    class_heads = [
        "class",
        "policy",
        "role",
        "request blocking",
        "bounds broken",
        "mean latency ms",
        "95th percentile ms",
        "mean slack",
        "least slack",
    ]
    return (
        f"<!doctype html><meta charset=utf-8><title>Gate report</title><style>{style}</style>"
        f"<h1>{'Passed' if report.passed else 'Not passed'}</h1><p>{html.escape(report.verdict)}</p>"
        f"<h2>Rules</h2>{_table(['met', 'rule', 'margin', 'why'], rules)}"
        f"<h2>Evaluation</h2>{_table(heads, results)}"
        f"<h2>Service classes</h2>{_table(class_heads, classes)}"
        f"<p>Held-out traces: {html.escape(', '.join(report.evaluation['trace_ids']))}</p>"
    )


def _percent(mean: float | None, bounds: Sequence[float | None]) -> str:
    low, high = bounds
    if mean is None or low is None or high is None:
        return "–" if mean is None else f"{mean:.3%}"
    return f"{mean:.3%} ({low:.3%} .. {high:.3%})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _energy(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Cells of energy, where it is known."""
    if "mean_power_w" not in row:
        return ()
    low_pj, high_pj = row["energy_per_bit_pj_ci95"]
    return (
        f"{row['mean_power_w'] / 1000:.2f}",
        f"{row['energy_per_bit_pj']:,.0f} ({low_pj:,.0f} .. {high_pj:,.0f})",
        f"{row['sleeping_share']:.1%}",
    )


def _slack(value: float | None) -> str:
    """Slack 1 is that of a class without a bound."""
    return "–" if value is None or value == 1 else f"{value:.1%}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


judge_task = as_task(judge, "gate")
