"""Probation: whether a new champion does live what its gate promised, judged once for each promotion.

The promise is that it blocks less than the champion of before. The first requests since the promotion are
replayed under both, paired. One look, when they are all there, so that the stated level holds: no look before
that is a test. Not here: the window (``operation/first.py``), going back (``flows/rollback.py``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from envs.batch_means import difference_interval
from envs.plant import Plant
from envs.replay_window import replay_window
from envs.window import Window, read_window
from tasks.decorate import as_task
from tasks.events import announce
from tasks.promotions import Promotion
from tasks.regret import entrant_in

PROBATION_EVENT = "lightloop.probation.broken"
CONFIDENCE = 0.99  # two-sided: one that is no worse is sent back with a chance of half a percent
Outcome = Literal["kept", "broken", "not judged"]


@dataclass(frozen=True)
class Verdict:
    """What became of one promotion.

    Attributes:
        model_name, version, promoted_s: which promotion, by the promotion log.
        outcome: ``not judged`` where no comparison can be believed.
        reason: in words.
        window: id; empty where there was none.
        requests: replayed.
        mean, low, high: request blocking less that of the champion of before, with its 99 % interval; 0 where
            not judged.
    """

    model_name: str
    version: str
    promoted_s: float
    outcome: Outcome
    reason: str
    window: str = ""
    requests: int = 0
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0


def on_probation(promotions: Sequence[Promotion], judged: Verdict | None) -> Promotion | None:
    """The promotion that is to be judged; None where the last one has been, or there was nobody before.

    A champion that came by a rollback is not on probation: it served before.

    Args:
        promotions: of one model, oldest first.
        judged: the last verdict.
    """
    last = promotions[-1] if promotions else None
    if last is None or last.action != "promote" or last.previous_version in ("", last.version):
        return None
    if judged is not None and _of(judged) == (last.model_name, last.version, last.time_s):
        return None
    return last


def verdict_of(promotion: Promotion, window_id: str, now: np.ndarray, before: np.ndarray) -> Verdict:
    """Whether the promise is broken: it blocks more, by more than the interval.

    Args:
        promotion: that is judged.
        window_id: of the requests.
        now: (num_requests,) bool, blocked under the new champion, in order of arrival.
        before: (num_requests,) bool, of the same requests under the champion of before.
    """
    found = difference_interval(now, before, CONFIDENCE)
    outcome: Outcome = "broken" if found.low > 0 else "kept"
    said = (
        f"version {promotion.version} blocks {now.mean():.3%} of its first {len(now):,} requests, version "
        f"{promotion.previous_version} {before.mean():.3%} of the same; the difference is {found.mean:+.3%} "
        f"({CONFIDENCE:.0%} interval {found.low:+.3%} .. {found.high:+.3%})"
    )
    return Verdict(
        promotion.model_name,
        promotion.version,
        promotion.time_s,
        outcome,
        said,
        window_id,
        len(now),
        found.mean,
        found.low,
        found.high,
    )


def judge_probation(
    plant: Plant, window: Window, promotion: Promotion, now_folder: Path, before_folder: Path
) -> Verdict:
    """The verdict from a replay of the window under both champions, each with its own forecast.

    Args:
        plant: the network in service.
        window: the first requests since the promotion.
        promotion: that is judged.
        now_folder: policy artefact of the new champion.
        before_folder: that of the champion before.

    Raises:
        ArtefactError: see ``load_policy``.
        WindowError: see ``replay_window``.
    """
    now, before = (
        replay_window(plant.with_forecast(item.forecast), window, item.policy).blocked
        for item in (entrant_in(now_folder, "now"), entrant_in(before_folder, "before"))
    )
    return verdict_of(promotion, window.id, now, before)


def judge_stored(
    plant: Plant, window_folder: Path, promotion: Promotion, now_folder: Path, before_folder: Path
) -> Verdict:
    """``judge_probation`` of a stored window."""
    return judge_probation(plant, read_window(window_folder), promotion, now_folder, before_folder)


def not_judged(promotion: Promotion, reason: str) -> Verdict:
    """A verdict that says why there is none."""
    return Verdict(promotion.model_name, promotion.version, promotion.time_s, "not judged", reason)


def read_verdict(file: Path) -> Verdict | None:
    """The last verdict; None where there is none, or none that can be read: then it is judged again."""
    try:
        return Verdict(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_verdict(file: Path, verdict: Verdict) -> None:
    """Store it, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(asdict(verdict)))
    os.replace(temporary, file)


def announce_broken(verdict: Verdict, scenario: str) -> str:
    """The id of the emitted event ``lightloop.probation.broken``; it starts the flow ``rollback``."""
    payload = {
        "model_version": verdict.version,
        "reason": verdict.reason,
        "window_id": verdict.window,
        "requests": verdict.requests,
        "difference": {"mean": verdict.mean, "ci99": [verdict.low, verdict.high]},
    }
    return announce(PROBATION_EVENT, scenario, payload)


def _of(verdict: Verdict) -> tuple[str, str, float]:
    return verdict.model_name, verdict.version, verdict.promoted_s


judge_probation_task = as_task(judge_stored, "probation", "probation of version {promotion.version}")
announce_broken_task = as_task(announce_broken, "announce a broken probation", retries=2, timeout_s=60)
