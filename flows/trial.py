"""A challenger's trial on live requests, as a part of the loop: where it is configured, and possible.

Not here: waiting for the requests (``tasks/trial_watch.py``), the rules (``tasks/trial.py``).
"""

from __future__ import annotations

from pathlib import Path

from flows.settings import Settings
from tasks.enlisted import settle_trial_task
from tasks.progress_log import ProgressLog
from tasks.provision import Staged
from tasks.registry import ModelVersion
from tasks.serving_target import ServingTarget, slot_in_service
from tasks.trial_watch import OnTrial, stages, watch_trial_task


def refused_on_trial(
    settings: Settings,
    target: ServingTarget,
    staged: Staged,
    version: ModelVersion,
    policy_folder: Path,
    progress: ProgressLog,
) -> str:
    """Why a challenger that passed its gate is not switched to; empty where it may be.

    Args:
        settings: of the run.
        target: where it is staged; ours.
        staged: the challenger.
        version: as it is registered; gets a tag with what came of the trial.
        policy_folder: of the policy that was evaluated.
        progress: told how far it is.

    Raises:
        ProvisionError: the PCE does not take it as a challenger.
    """
    limits = settings.config.gate
    if not stages(limits):
        return ""
    if slot_in_service(target) is None:
        progress.step("no trial on live requests: no model is in service that it could stand beside")
        return ""
    network = settings.plant.topology.content_hash
    on_trial = OnTrial(staged, version, policy_folder, network)
    rules = watch_trial_task(target, on_trial, settings.home.decisions, limits, progress.step)
    progress.write("trial", rules=[vars(rule) for rule in rules])
    broken = settle_trial_task(settings.registry, version, rules)
    progress.step(f"trial on live requests: version {version.version}: {broken or 'every rule is met'}")
    return broken
