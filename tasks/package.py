"""A trained policy as a model of its MLflow run, with what it needs to be checked and watched later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agents.artefact import load_forecast, load_policy
from envs.plant import Plant
from envs.trace import read_trace
from tasks.behaviour import observe_behaviour, write_behaviour
from tasks.challenger import PackagedModel
from tasks.decorate import as_task
from tasks.registry import FORECAST_TAG, REFERENCE_FILE, Registry
from tasks.trace import StoredTrace
from tasks.traffic_reference import make_reference, write_reference

RECORDED_DECISIONS = 3000  # of which every so many-th is kept


def package(
    registry: Registry,
    run_id: str,
    plant: Plant,
    training: StoredTrace,
    policy_folder: Path,
    warmup_requests: int,
    metadata: Mapping[str, str],
) -> PackagedModel:
    """The policy in a folder, logged to its run as a model with signature, example and traffic reference.

    It is observed with its own forecast, whose hash stands in the metadata and, once registered, in the tags.

    Raises:
        ArtefactError: the folder holds no sound policy.
        ForecastError: its forecast is of another plant.
    """
    policy, forecast = load_policy(policy_folder), load_forecast(policy_folder)
    trace = read_trace(training.file, topology=plant.topology)
    seen = plant.with_forecast(forecast)
    behaviour = observe_behaviour(seen, trace, policy, RECORDED_DECISIONS, warmup_requests)
    recorded = write_behaviour(behaviour, policy_folder.parent)
    reference = write_reference(make_reference([trace]), policy_folder.parent / REFERENCE_FILE)
    version = forecast.content_hash if forecast else ""
    about = {**metadata, FORECAST_TAG: version} if version else metadata
    uri = registry.log_model(run_id, policy_folder, recorded, reference, about)
    return PackagedModel(run_id, policy.name, policy_folder, uri, recorded, version)


package_task = as_task(package, "package", retries=2, timeout_s=300)
