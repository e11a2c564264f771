"""Whether a challenger may become champion: one small function for each rule, and the report they add up to.

Every rule answers with whether it is met, by how much (positive: to spare, in the rule's own unit) and why in
words. Not here: measuring (``evaluate.py``, ``provision.py``), what follows from the verdict (``flows/``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from envs.evaluation import paired_difference
from envs.slices import SliceResult
from envs.statistics import ClassResult
from tasks.decorate import as_task
from tasks.limits import GateLimits
from tasks.promotion_budget import BudgetState
from tasks.results import Evaluation, Failure, PolicyResult


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
    alpha: float  # one-sided level at which a gain counted
    power: Mapping[str, float]  # true gain of the objective: the chance to show it here
    budget: BudgetState | None = None  # of promotions, after this gate

    @property
    def power_in_words(self) -> str:
        """What this gate could have seen."""
        shown = " and ".join(f"{100 * chance:.0f} % of {gain}" for gain, chance in self.power.items())
        text = f"At the level of one in {1 / self.alpha:,.0f} this gate shows a true gain in {shown}."
        if self.budget is not None:
            text += (
                f" In the last 365 days {self.budget.num_gates} gates spent {self.budget.spent:.2%} of the "
                f"{self.budget.yearly:.0%} chance of a false promotion; the next may spend "
                f"{self.budget.next_alpha:.2g}."
            )
        return text

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
    challenger: PolicyResult,
    rival: PolicyResult,
    role: str,
    metric: str,
    alpha: float,
    min_gain: float = 0.0,
) -> RuleResult:
    """Blocks less than a rival on the same traces: surely, and by as much as matters.

    Args:
        challenger: who wants to be champion.
        rival: whom it must beat.
        role: what the rival is, for the words: ``champion`` or ``best baseline``.
        metric: ``request_blocking`` or ``bit_rate_blocking``.
        alpha: one-sided chance that a challenger that is no better seems so.
        min_gain: share of the rival's blocking that the mean gain must reach.
    """
    own, theirs = getattr(challenger, metric), getattr(rival, metric)
    gain = paired_difference(theirs, own, 1 - 2 * alpha)
    label, needed = metric.replace("_", " "), min_gain * float(np.mean(theirs))
    means = f"{np.mean(own):.3%} against {np.mean(theirs):.3%}"
    why = f"{label} {means} of {rival.policy}; the gain is at least {gain.low:+.3%} "
    why += f"but for one in {1 / alpha:,.0f}"
    if min_gain:
        why += f", its mean {gain.mean:+.3%}, and {needed:.3%} matters"
    passed, margin = gain.low > 0 and gain.mean >= needed, min(gain.low, gain.mean - needed)
    return RuleResult(f"better {label} than the {role}", bool(passed), float(margin), why)


def less_energy_than(challenger: PolicyResult, rival: PolicyResult, role: str, alpha: float) -> RuleResult:
    """Draws less energy per bit than a rival on the same traces, but for one in 1 / alpha."""
    own, theirs = challenger.energy_per_bit_pj, rival.energy_per_bit_pj
    gain = paired_difference(theirs, own, 1 - 2 * alpha)
    why = f"{np.mean(own):,.0f} against {np.mean(theirs):,.0f} pJ/bit of {rival.policy}; "
    why += f"the gain is at least {gain.low:+,.0f} but for one in {1 / alpha:,.0f}"
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


def no_slice_worse(challenger: PolicyResult, rival: PolicyResult, limits: GateLimits) -> RuleResult:
    """No service class, pair group or part of the day blocks more than a rival's, beyond what is tolerated.

    A class is what customers were promised: the interval of what it loses must end below the tolerance. Pair
    groups and parts of the day are many and smaller: one is refused where its loss may pass the tolerance and
    is also shown, at a level that all of them share (Bonferroni). So an equal challenger is refused by any of
    them with at most half of 1 - confidence, however few requests they have.
    """
    slices = []
    for name, theirs in rival.classes.items():
        if (both := _paired(challenger.classes[name], theirs)) is not None:
            slices.append((*_loss(*both, limits), name))
    finer = {
        name: both
        for name, theirs in rival.slices.items()
        if (both := _paired(challenger.slices[name], theirs)) is not None
    }
    for name, (own, other) in finer.items():
        margin, said = _loss(own, other, limits)
        surely = paired_difference(own, other, 1 - (1 - limits.confidence) / len(finer)).low
        if margin < 0:
            said = f"at least {surely:+.3%} with all slices in mind; {said}"
        slices.append((max(margin, -surely), said, name))
    if not slices:
        return RuleResult("no traffic slice worse", True, 0.0, "no slice was asked for on two traces")
    margin, said, worst = min(slices)
    why = f"{worst}, of {len(slices)} slices, is nearest: {said} of {rival.policy}"
    return RuleResult("no traffic slice worse", margin >= 0, margin, why)


def _paired(
    ours: Sequence[ClassResult | SliceResult], theirs: Sequence[ClassResult | SliceResult]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Blocking of a slice on the traces that ask for it, own and other; None on fewer than two."""
    pairs = zip(ours, theirs, strict=True)
    both = np.array([(own.request_blocking, other.request_blocking) for own, other in pairs])
    known = both[~np.isnan(both).any(axis=1)]
    return (known[:, 0], known[:, 1]) if len(known) >= 2 else None


def survives_failures(failures: Sequence[Failure], limits: GateLimits) -> RuleResult:
    """With a part of the network down it blocks no more than any rival, and breaks no constraint."""
    found, broken = [], []
    for failure in failures:
        own = failure.challenger
        if not no_violation(own).passed:
            broken.append(f"{failure.name}: {no_violation(own).why}")
        for rival in failure.rivals:
            margin, said = _loss(np.array(own.request_blocking), np.array(rival.request_blocking), limits)
            found.append((margin, f"{failure.name}: {said} of {rival.policy}"))
    margin, why = min(found)
    if broken:
        margin, why = min(margin, -1.0), "; ".join(broken)
    return RuleResult("survives failures", margin >= 0, margin, f"{len(failures)} failures; {why}")


def _loss(own: np.ndarray, theirs: np.ndarray, limits: GateLimits) -> tuple[float, str]:
    """To spare below what is tolerated, at the upper end of what is lost, and the figures in words."""
    loss = paired_difference(own, theirs, limits.confidence)
    tolerated = max(limits.max_slice_loss * float(theirs.mean()), limits.slice_floor)
    said = f"{own.mean():.3%} blocked against {theirs.mean():.3%}"
    said += f", a loss of at most {loss.high:+.3%} where {tolerated:.3%} is tolerated; that is"
    return float(tolerated - loss.high), said


def power(
    own: Sequence[float], theirs: Sequence[float], alpha: float, min_gain: float, true_gain: float
) -> float:
    """Chance that a challenger passes the rule of its merit if it truly does better by a share.

    Args:
        own: the challenger's figure on each trace; with the rival's it tells how much differences vary.
        theirs: the rival's.
        alpha: one-sided level of the gate.
        min_gain: share that the mean gain must reach.
        true_gain: share that the challenger truly does better by.
    """
    from scipy import stats  # here: it loads for 0.6 s

    num_traces, mean = len(theirs), float(np.mean(theirs))
    if num_traces < 2:
        return 0.0
    error = float((np.array(theirs) - np.array(own)).std(ddof=1)) / math.sqrt(num_traces)
    if error <= 0:
        return float(true_gain >= min_gain)
    needed = max(stats.t.ppf(1 - alpha, num_traces - 1), min_gain * mean / error)
    return float(stats.nct.sf(needed, num_traces - 1, true_gain * mean / error))


def quick_enough(p99_ms: float, budget_ms: float) -> RuleResult:
    """Answers within the budget behind the real endpoint."""
    why = f"p99 of an answer behind the endpoint is {p99_ms:.1f} ms, the budget {budget_ms:g} ms"
    return RuleResult("answers in time", p99_ms <= budget_ms, budget_ms - p99_ms, why)


def judge(
    evaluation: Evaluation,
    p99_ms: float,
    limits: GateLimits,
    alpha: float | None = None,
    budget: BudgetState | None = None,
    further: Sequence[RuleResult] = (),
) -> GateReport:
    """The gate's report on a challenger.

    Args:
        evaluation: challenger, champion and baselines on the same held-out traces.
        p99_ms: of one decision, measured behind the endpoint that would serve it.
        limits: what is asked for.
        alpha: one-sided level at which a gain counts, from ``promotion_budget.spend``; None: that of
            ``limits.confidence``, where nothing is promoted and no budget is kept.
        budget: what is left of the year's after this gate, for people.
        further: results of rules that this evaluation says nothing of.
    """
    challenger, level = evaluation.challenger, (1 - limits.confidence) / 2 if alpha is None else alpha
    rules, rival = _merit(evaluation, limits, level)
    rules.append(no_violation(challenger))
    rules.append(no_slice_worse(challenger, rival, limits))
    if evaluation.failures:
        rules.append(survives_failures(evaluation.failures, limits))
    rules.append(quick_enough(p99_ms, limits.latency_budget_ms))
    rules += further
    passed = all(rule.passed for rule in rules)
    powers = {f"{gain:.0%}": _power(evaluation, limits, level, gain) for gain in (0.05, 0.10)}
    return GateReport(
        challenger.policy, passed, tuple(rules), evaluation.to_json(), p99_ms, level, powers, budget
    )


def _power(evaluation: Evaluation, limits: GateLimits, alpha: float, true_gain: float) -> float:
    """Against the champion, or the best baseline where there is none."""
    challenger = evaluation.challenger
    rival = evaluation.champion or evaluation.best_baseline
    if limits.objective == "energy":
        return power(challenger.energy_per_bit_pj, rival.energy_per_bit_pj, alpha, 0.0, true_gain)
    return power(challenger.request_blocking, rival.request_blocking, alpha, limits.min_gain, true_gain)


def _merit(evaluation: Evaluation, limits: GateLimits, alpha: float) -> tuple[list[RuleResult], PolicyResult]:
    """The rules of the objective, and the rival whose traffic slices a challenger may not do worse in.

    What is to be gained must be gained at the budget's level and by as much as matters. Bit-rate blocking
    must be better too, at ordinary confidence: one rule more never makes a false promotion more likely.
    """
    challenger, champion = evaluation.challenger, evaluation.champion
    ordinary = (1 - limits.confidence) / 2
    if limits.objective == "energy":
        first = evaluation.first_baseline
        rivals = [(item, f"baseline {item.policy}") for item in evaluation.baselines]
        rivals += [] if champion is None else [(champion, "champion")]
        rules = [less_energy_than(challenger, item, role, alpha) for item, role in rivals]
        rules += [
            blocks_no_more_than(challenger, first, metric, limits.max_blocking_loss, limits.confidence)
            for metric in ("request_blocking", "bit_rate_blocking")
        ]
        return rules, first
    rivals = [(evaluation.best_baseline, "best baseline")]
    rivals += [] if champion is None else [(champion, "champion")]
    rules = []
    for item, role in rivals:
        rules.append(better_than(challenger, item, role, "request_blocking", alpha, limits.min_gain))
        rules.append(better_than(challenger, item, role, "bit_rate_blocking", ordinary))
    return rules, rivals[-1][0]


judge_task = as_task(judge, "gate")
