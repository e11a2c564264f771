"""The rules of a trial on rows made by hand: what is a fault, what is late, what counts as a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.policy import LinearPolicy
from tasks.limits import GateLimits
from tasks.share import Share
from tasks.trial import TrialSoFar, count, is_lost, judge_trial, read_trial

LIMITS = GateLimits(
    confidence=0.95, latency_budget_ms=50.0, shadow_requests=100, canary_share=0.5, max_late_share=0.02
)
POLICY = LinearPolicy("first feature", (1.0, *[0.0] * (NUM_FEATURES - 1)))


def asked(values: list[float], mask: list[int]) -> str:
    features = np.zeros((1, len(values), NUM_FEATURES), np.float32)
    features[0, :, 0] = values
    context = np.zeros((1, NUM_CONTEXT))
    inputs = {"features": features.tolist(), "action_mask": [mask], "context": context.tolist()}
    return json.dumps({"inputs": inputs})


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A decision beside which the challenger was asked; the right choice is candidate 2."""
    return {
        "decision_id": f"d-{number}",
        "time_s": 1000.0 + number,
        "service_uuid": f"s-{number}",
        "cause": "create",
        "outcome": "accepted",
        "is_canary": False,
        "challenger_version": "8",
        "challenger_outcome": "answered",
        "challenger_chosen": 2,
        "challenger_agrees": True,
        "challenger_observation": asked([0.1, 9.0, 0.3, 0.2], [1, 0, 1, 1]),
    } | changes


def seen_in(stage: Any, rows: list[dict[str, Any]]) -> TrialSoFar:
    seen = TrialSoFar(stage)
    count(seen, pd.DataFrame(rows), POLICY)
    return seen


def broken(seen: TrialSoFar) -> dict[str, str]:
    return {rule.rule: rule.why for rule in judge_trial(seen, LIMITS) if not rule.passed}


def test_a_shadow_that_answers_as_it_was_evaluated_passes_and_a_row_counts_once() -> None:
    rows = [row(number, challenger_agrees=number % 2 == 0) for number in range(98)]
    rows += [row(number, challenger_outcome="late", challenger_chosen=None) for number in (98, 99)]
    skipped = [row(number, challenger_outcome=None, challenger_chosen=None) for number in range(100, 130)]
    seen = seen_in("shadow", rows + skipped)
    count(seen, pd.DataFrame(rows + skipped), POLICY)
    assert (seen.num_seen, seen.answered, seen.agreed, seen.late) == (100, 98, 49, 2)
    assert broken(seen) == {}


def test_one_answer_that_the_evaluated_policy_would_not_have_given_is_one_too_many() -> None:
    seen = seen_in("shadow", [row(number) for number in range(99)] + [row(99, challenger_chosen=3)])
    assert broken(seen) == {
        "no wrong answer as a shadow": "1 of 100 answers; decision d-99: candidate 3, where the evaluated "
        "policy chooses 2"
    }
    assert is_lost(seen, LIMITS)
    wrong = row(0, challenger_outcome="wrong", challenger_chosen=None, challenger_agrees=None)
    assert is_lost(seen_in("shadow", [wrong]), LIMITS)


@pytest.mark.parametrize("outcome", ["late", "down", "breaker-open"])
def test_more_answers_that_are_missing_than_are_allowed(outcome: str) -> None:
    rows = [row(number) for number in range(97)]
    late = [row(number, challenger_outcome=outcome, challenger_observation=None) for number in (97, 98, 99)]
    assert not is_lost(seen_in("shadow", late[:2]), LIMITS)  # two of a hundred there may be
    assert is_lost(seen_in("shadow", late), LIMITS)
    assert broken(seen_in("shadow", rows + late)) == {
        "in time as a shadow": "3 of 100 answers late or missing, at most 2.00%"
    }


def test_a_trial_without_its_requests_is_not_passed() -> None:
    assert list(broken(TrialSoFar("shadow"))) == ["enough live requests as a shadow"]
    assert list(broken(TrialSoFar("canary"))) == [
        "enough live requests as a canary",
        "no more blocked as a canary",
    ]


def canaries(num_canary: int, blocked: int, num_others: int, others_blocked: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(num_canary + num_others):
        mine = number < num_canary
        left = blocked if mine else others_blocked
        is_blocked = (number if mine else number - num_canary) < left
        none = {"challenger_outcome": None, "challenger_chosen": None} if is_blocked else {}
        outcome = "blocked" if is_blocked else "accepted"
        rows.append(row(number, is_canary=mine, outcome=outcome, **none))
    return rows


def test_a_canary_may_not_be_blocked_more_than_the_others_by_more_than_is_tolerated() -> None:
    assert broken(seen_in("canary", canaries(500, 5, 500, 5))) == {}
    why = broken(seen_in("canary", canaries(500, 40, 500, 5)))["no more blocked as a canary"]
    assert why.startswith("40 of its 500 requests, 5 of the 500 others: +7.000% (95% interval +4.5")
    assert "too wide" not in why
    few = broken(seen_in("canary", canaries(60, 0, 540, 0)))["no more blocked as a canary"]
    assert "the interval is too wide" in few


def test_a_request_counts_for_whom_it_was_first_asked_and_once() -> None:
    first = row(0, is_canary=True, outcome="blocked", challenger_outcome=None)
    again = row(1, is_canary=False, service_uuid="s-0")
    seen = seen_in("canary", [first, again, row(2)])
    assert (seen.canary, seen.others) == (Share(1, 1), Share(0, 1))


def test_only_what_was_asked_for_a_new_service_beside_this_version_is_read(tmp_path: Path) -> None:
    rows = [
        row(1),
        row(2, challenger_version="7"),
        row(3, challenger_version=None),
        row(4, cause="restore"),
        row(5, challenger_outcome=None, challenger_chosen=None),
    ]
    later = {"amends": "d-5", "challenger_outcome": "late"}
    (tmp_path / "part-00000001-x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rows))
    with (tmp_path / "part-00000001-x.jsonl").open("a") as stream:
        stream.write(json.dumps(later) + "\n")
    found = read_trial(tmp_path, "8", 1000.5)
    assert list(found["decision_id"]) == ["d-1", "d-5"]
    assert list(found["challenger_outcome"]) == ["answered", "late"]
    assert read_trial(tmp_path, "8", 1001.0)["decision_id"].tolist() == ["d-5"]
    assert read_trial(tmp_path / "none", "8", 0.0).empty


def test_no_canary_before_a_shadow() -> None:
    with pytest.raises(ValueError, match=r"set gate\.shadow_requests too"):
        GateLimits(confidence=0.95, latency_budget_ms=50.0, canary_share=0.1)
    assert LIMITS.longest_trial_s == 2 * 86_400
