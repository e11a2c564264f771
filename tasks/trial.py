"""A challenger's trial on live requests: the rules, and what of the decision log they are judged on.

As a shadow it must have answered as the evaluated policy, in time. As a canary, too, and of its requests no
more may be blocked than of the others of the same span, but for a tolerance. Not here: waiting for the
requests (``trial_watch.py``), asking it (the PCE).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from envs.policy import ScoringPolicy
from tasks.decision_columns import read_columns_after
from tasks.gate import RuleResult
from tasks.limits import GateLimits
from tasks.share import Share, share_difference

Stage = Literal["shadow", "canary"]
CREATE = "create"  # the cause of a decision on a new service
ANSWERED, WRONG = "answered", "wrong"
NOTHING = Share(0, 0)
COLUMNS = (
    "decision_id",
    "time_s",
    "service_uuid",
    "cause",
    "outcome",
    "is_canary",
    "challenger_version",
    "challenger_outcome",
    "challenger_chosen",
    "challenger_agrees",
    "challenger_observation",
)


@dataclass
class TrialSoFar:
    """What a challenger did so far in one stage of its trial.

    Attributes:
        stage: which.
        answered: questions with a choice that could be followed.
        agreed: of them as a shadow, those with the lightpath of the decision.
        late: questions without an answer in time.
        faults: answers that were wrong, in words.
        canary: requests that were its to decide, and those of them that were blocked.
        others: the same of the requests that were the champion's.
        known: decisions that are counted already.
    """

    stage: Stage
    answered: int = 0
    agreed: int = 0
    late: int = 0
    faults: list[str] = field(default_factory=list)
    canary: Share = NOTHING
    others: Share = NOTHING
    known: set[str] = field(default_factory=set, repr=False)

    @property
    def num_asked(self) -> int:
        """Live requests that it was asked about."""
        return self.answered + self.late + len(self.faults)

    @property
    def num_seen(self) -> int:
        """Live requests that count towards the end of the stage."""
        return self.num_asked if self.stage == "shadow" else self.canary.whole + self.others.whole

    def said(self, num_requests: int) -> str:
        """Progress in words."""
        text = (
            f"{self.stage}: {self.num_seen:,} of {num_requests:,} live requests; {self.answered:,} answered"
        )
        if self.stage == "shadow":
            text += f", {self.agreed:,} as the champion"
        text += f", {self.late:,} late, {len(self.faults)} wrong"
        if self.stage == "canary":
            text += f"; {self.canary.whole:,} were its to decide"
        return text


def read_trial(decisions_folder: Path, version: str, since_s: float) -> pd.DataFrame:
    """Decisions on new services since a time, beside which a version stood, in order of arrival."""
    rows = read_columns_after(decisions_folder, COLUMNS, since_s)
    return rows[(rows["challenger_version"] == version) & (rows["cause"] == CREATE)].reset_index(drop=True)


def count(seen: TrialSoFar, rows: pd.DataFrame, policy: ScoringPolicy) -> None:
    """Take what is new among the rows of a stage into account.

    Args:
        seen: added to.
        rows: from ``read_trial``, all of the stage.
        policy: that was evaluated; its choice on what was asked is the right one.
    """
    for row in rows.to_dict("records"):
        outcome, name = row["challenger_outcome"], str(row["decision_id"])
        if _is_missing(outcome) or name in seen.known:
            continue
        seen.known.add(name)
        if outcome == ANSWERED:
            fault = _other_choice(row, policy)
            if fault:
                seen.faults.append(fault)
            else:
                seen.answered += 1
                seen.agreed += row["challenger_agrees"] is True
        elif outcome == WRONG:
            seen.faults.append(f"decision {name}: no scores that could be followed")
        else:
            seen.late += 1
    if seen.stage == "canary":
        first = rows.drop_duplicates("service_uuid")  # a request counts once, as it was first asked
        is_canary, blocked = first["is_canary"].astype(bool), first["outcome"] == "blocked"
        seen.canary = Share(int(blocked[is_canary].sum()), int(is_canary.sum()))
        seen.others = Share(int(blocked[~is_canary].sum()), int((~is_canary).sum()))


def judge_trial(seen: TrialSoFar, limits: GateLimits) -> tuple[RuleResult, ...]:
    """The rules of a stage, on what was seen so far.

    Where it was lost before its requests were there, those that have lost it: the others say nothing yet.
    """
    decisive = (_no_fault(seen), _in_time(seen, limits))
    if is_lost(seen, limits) and seen.num_seen < limits.shadow_requests:
        return decisive
    blocked = (_no_more_blocked(seen, limits),) if seen.stage == "canary" else ()
    return (_enough(seen, limits), *decisive, *blocked)


def is_lost(seen: TrialSoFar, limits: GateLimits) -> bool:
    """Whether no further request can save it."""
    return bool(seen.faults) or seen.late > limits.max_late_share * max(
        seen.num_asked, limits.shadow_requests
    )


def broken_rules(rules: Sequence[RuleResult]) -> str:
    """The rules that are not met and why; empty where all are."""
    return "; ".join(f"{rule.rule}: {rule.why}" for rule in rules if not rule.passed)


def _enough(seen: TrialSoFar, limits: GateLimits) -> RuleResult:
    missing = limits.shadow_requests - seen.num_seen
    why = (
        f"{seen.num_seen:,} of {limits.shadow_requests:,}; the time given is {limits.trial_timeout_s:,.0f} s"
    )
    return RuleResult(f"enough live requests as a {seen.stage}", missing <= 0, float(-missing), why)


def _no_fault(seen: TrialSoFar) -> RuleResult:
    why = f"{len(seen.faults) or 'none'} of {seen.num_asked:,} answers"
    if seen.faults:
        why += f"; {seen.faults[0]}"
    return RuleResult(f"no wrong answer as a {seen.stage}", not seen.faults, -float(len(seen.faults)), why)


def _in_time(seen: TrialSoFar, limits: GateLimits) -> RuleResult:
    share = Share(seen.late, seen.num_asked)
    margin = limits.max_late_share - (share.value if share.whole else 0.0)
    why = f"{seen.late:,} of {seen.num_asked:,} answers late or missing, at most {limits.max_late_share:.2%}"
    return RuleResult(f"in time as a {seen.stage}", margin >= 0, margin, why)


def _no_more_blocked(seen: TrialSoFar, limits: GateLimits) -> RuleResult:
    name = "no more blocked as a canary"
    own, others = seen.canary, seen.others
    told = f"{own.part:,} of its {own.whole:,} requests, {others.part:,} of the {others.whole:,} others"
    if not own.whole or not others.whole:
        return RuleResult(name, False, -1.0, f"{told}; both are needed")
    loss = share_difference(own, others, limits.confidence)
    margin = limits.canary_tolerance - loss.high
    why = (
        f"{told}: {loss.mean:+.3%} ({limits.confidence:.0%} interval {loss.low:+.3%} .. {loss.high:+.3%}), "
        f"{limits.canary_tolerance:.3%} more is tolerated"
    )
    if margin < 0 <= limits.canary_tolerance - loss.mean:
        why += "; the interval is too wide, so more requests or a larger share are needed"
    return RuleResult(name, margin >= 0, margin, why)


def _other_choice(row: Mapping[Any, Any], policy: ScoringPolicy) -> str:
    """How an answer differs from the evaluated policy's on the same observation; empty where it does not."""
    asked = json.loads(row["challenger_observation"])["inputs"]
    features, mask, context = (
        np.asarray(asked[name], np.float32) for name in ("features", "action_mask", "context")
    )
    meant, chosen = (
        int(policy.scores(features, mask > 0.5, context)[0].argmax()),
        int(row["challenger_chosen"]),
    )
    if chosen == meant:
        return ""
    return f"decision {row['decision_id']}: candidate {chosen}, where the evaluated policy chooses {meant}"


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN, as pandas writes what is not there
