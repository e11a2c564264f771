"""Has a staged challenger stand beside the champion until its live requests are there, then judges it.

It stays in its slot, and the slots in the hands of the flow that waits. Whatever ends the wait, the slot is
emptied by its owner, or by upkeep where that was killed, and the PCE asks the challenger no more. Not here:
the rules (``trial.py``), switching to it (``takeover.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.artefact import load_policy, read_manifest
from tasks.decorate import as_task
from tasks.gate import RuleResult
from tasks.limits import GateLimits
from tasks.locks import holder_of, say_what
from tasks.provision import Staged
from tasks.registry import ModelVersion
from tasks.serving_target import ProvisionError, ServingTarget, ask_pce, demand_owner
from tasks.trial import Stage, TrialSoFar, count, is_lost, judge_trial, read_trial

LOOK_AGAIN_S = 5.0
TELL_AGAIN_S = 60.0


@dataclass(frozen=True)
class OnTrial:
    """A challenger that stands beside the champion.

    Attributes:
        staged: where it runs.
        version: as it is registered.
        policy_folder: of the policy that was evaluated.
        topology_hash: of the network that it was made for.
    """

    staged: Staged
    version: ModelVersion
    policy_folder: Path
    topology_hash: str


def stages(limits: GateLimits) -> tuple[tuple[Stage, float], ...]:
    """The stages of a trial in their order, each with the share of the decisions; none where it is off."""
    if not limits.shadow_requests:
        return ()
    shadow: tuple[Stage, float] = ("shadow", 0.0)
    return (shadow, ("canary", limits.canary_share)) if limits.canary_share else (shadow,)


def watch_trial(
    target: ServingTarget,
    on_trial: OnTrial,
    decisions_folder: Path,
    limits: GateLimits,
    on_step: Callable[[str], None] = print,
) -> tuple[RuleResult, ...]:
    """The rules of a challenger's trial, once its live requests are there, it is lost, or its time is over.

    A stage that is not passed is the last one. Afterwards the challenger still stands beside the champion:
    the switch to it, or emptying its slot, ends that.

    Args:
        target: where it is staged; ours.
        on_trial: who is tried.
        decisions_folder: the decision log.
        limits: for how long, and what is asked for.
        on_step: told the progress.

    Raises:
        ProvisionError: the PCE does not take it, or the slots are not ours.
        ArtefactError: the evaluated policy cannot be read.
    """
    demand_owner(target)
    holder = holder_of(target.lock_file)
    watch = _Watch(target, on_trial, decisions_folder, limits, holder.what if holder else "a trial", on_step)
    rules: list[RuleResult] = []
    for stage, share in stages(limits):
        rules += watch.stage(stage, share)
        if not all(rule.passed for rule in rules):
            break
    say_what(target.lock_file, watch.who)
    return tuple(rules)


@dataclass(frozen=True)
class _Watch:
    """One trial; ``who`` holds the slots for it."""

    target: ServingTarget
    on_trial: OnTrial
    decisions_folder: Path
    limits: GateLimits
    who: str
    on_step: Callable[[str], None]

    def stage(self, stage: Stage, share: float) -> tuple[RuleResult, ...]:
        """The rules of a stage, once it has ended."""
        limits, version = self.limits, self.on_trial.version.version
        seen, policy = TrialSoFar(stage), load_policy(self.on_trial.policy_folder)
        ask_pce(self.target, "PUT", "/challenger", _document(self.on_trial, share))
        since_s, begin, tell_at_s = time.time(), time.monotonic(), 0.0
        self.on_step(f"version {version} stands beside the champion as a {stage}")
        while True:
            count(seen, read_trial(self.decisions_folder, version, since_s), policy)
            waited_s = time.monotonic() - begin
            is_over = seen.num_seen >= limits.shadow_requests or waited_s >= limits.trial_timeout_s
            is_over |= is_lost(seen, limits)
            if is_over or waited_s >= tell_at_s:
                self._tell(seen, since_s + limits.trial_timeout_s)
                tell_at_s += TELL_AGAIN_S
            if is_over:
                return judge_trial(seen, limits)
            if gone := _gone(self.target, version):
                return (RuleResult(f"stays beside the champion as a {stage}", False, -1.0, gone),)
            time.sleep(LOOK_AGAIN_S)

    def _tell(self, seen: TrialSoFar, until_s: float) -> None:
        """Say how far it is, to the run and to whoever waits for the slots."""
        said = seen.said(self.limits.shadow_requests)
        until = time.strftime("%d %b %H:%M:%S", time.localtime(until_s))
        trial = f"whose version {self.on_trial.version.version} is on trial until {until} at the latest"
        say_what(self.target.lock_file, f"{self.who}, {trial} ({said}); cancelling it frees the slots")
        self.on_step(said)


def _gone(target: ServingTarget, version: str) -> str:
    """Why the PCE does not ask it any more; empty where it does, or is away: it goes on after a restart."""
    try:
        status: dict[str, Any] = ask_pce(target, "GET", "/status")
    except ProvisionError:
        return ""
    beside = status.get("challenger") or {}
    if beside.get("model_version") == version:
        return ""
    return f"the PCE asks it no more: {status.get('challenger_gone') or 'no reason given'}"


def _document(on_trial: OnTrial, share: float) -> dict[str, Any]:
    staged, version = on_trial.staged, on_trial.version
    return {
        "url": staged.slot.url,
        "model_name": version.name,
        "model_version": version.version,
        "policy": version.policy,
        "model_uri": staged.model_uri,
        "forecast": staged.forecast.to_json() if staged.forecast else None,
        "topology_hash": on_trial.topology_hash,
        "feature_schema_version": read_manifest(on_trial.policy_folder).feature_schema_version,
        "share": share,
    }


watch_trial_task = as_task(
    watch_trial, "trial on live requests", "trial of version {on_trial.version.version}"
)
