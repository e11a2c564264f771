"""What the gate asks of a challenger that learned from a window of operation, beside all that it asks anyhow.

A window is short: it can veto, it seldom proves. What proves is the evaluation on traces drawn from traffic
like it. Not here: the other rules (``gate.py``), the replay (``envs/replay_window.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.batch_means import batch_means
from envs.evaluation import paired_difference
from envs.fidelity import Fidelity
from envs.plant import Plant
from envs.replay_window import replay_window
from envs.window import Window
from tasks.decorate import as_task
from tasks.evaluate import Contender
from tasks.gate import RuleResult
from tasks.results import PolicyResult


def repeats_the_window(fidelity: Fidelity) -> RuleResult:
    """The twin repeats the window that was learned from, slot for slot and choice for choice."""
    margin = -float(fidelity.slots_differing) if not fidelity.passed else 0.0
    return RuleResult("the twin repeats the window", fidelity.passed, margin, fidelity.reason)


def not_worse_on_window(
    plant: Plant,
    window: Window,
    challenger: Contender,
    champion: Contender,
    confidence: float,
    on_step: Callable[[str], None] = print,
) -> RuleResult:
    """On the window's later part, replayed, the challenger is not seen to block more than the champion.

    Refused is what is worse by more than the interval: a window has too few requests to ask for more.
    """
    on_step(f"{challenger.name} and {champion.name} on the window's later part")
    ours, theirs = (
        replay_window(plant.with_forecast(who.forecast), window, who.policy) for who in (challenger, champion)
    )
    loss = batch_means(ours.blocked.astype(np.float64) - theirs.blocked, confidence)
    why = (
        f"{ours.request_blocking:.3%} against {theirs.request_blocking:.3%} of the champion on the same "
        f"{window.trace.num_requests:,} requests; the loss lies in {loss.low:+.3%} .. {loss.high:+.3%}"
    )
    return RuleResult("not worse on what was lived through", bool(loss.low <= 0), -float(loss.low), why)


def remembers(
    challenger: PolicyResult, champion: PolicyResult, tolerance: float, confidence: float
) -> RuleResult:
    """On the scenario's own traffic it blocks no more than the champion and a tolerated share of that.

    Args:
        challenger: on traces of the scenario's traffic.
        champion: on the same.
        tolerance: share of the champion's mean blocking; 0.05 is five hundredths of it.
        confidence: of the paired interval.
    """
    loss = paired_difference(challenger.request_blocking, champion.request_blocking, confidence)
    before = float(np.mean(champion.request_blocking))
    margin = tolerance * before - loss.low
    why = (
        f"on the scenario's own traffic {np.mean(challenger.request_blocking):.3%} against {before:.3%}; the "
        f"loss lies in {loss.low:+.3%} .. {loss.high:+.3%}, {tolerance * before:.3%} is tolerated"
    )
    return RuleResult("does not forget", bool(margin >= 0), margin, why)


not_worse_on_window_task = as_task(not_worse_on_window, "replay the window")
