"""The entry points of MLproject: the same steps without Prefect, into the run that ``mlflow run`` opens."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from agents.lessons import Lessons
from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from flows.policies import beside_best_baseline, packaged, training_trace
from flows.settings import Settings, settings_of, with_budget
from tasks.evaluate import contender_named
from tasks.figures import role_metrics
from tasks.progress_log import ProgressLog
from tasks.recipe import RECIPE_FILE, Recipe
from tasks.train import train_challenger

RUN_VARIABLE = "MLFLOW_RUN_ID"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
LOCAL_STORE = "sqlite:///mlflow.db"  # what MLflow itself takes without an address


def train(scenario: str, training_budget_s: float, seed: int) -> None:
    """A challenger trained, compared with the best baseline, and logged as a model to the open run."""
    config = with_budget(load_config(scenario, [f"training.seed={seed}"]), training_budget_s, None)
    settings, run_id = _settings(config), os.environ[RUN_VARIABLE]
    registry = settings.registry
    registry.log_tags(run_id, settings.model_tags)
    registry.log_text(run_id, settings.resolved_yaml, "config.yaml")
    registry.log_tags(run_id, {"mlflow.runName": settings.run_name("mlflow run")})
    training = training_trace(settings)
    registry.log_document(run_id, Recipe(training.id).to_json(), RECIPE_FILE)
    progress = ProgressLog(settings.home.training / run_id)
    spec = settings.config.train_spec()
    result = train_challenger(
        spec, settings.plant, Lessons(settings.traffic), training, registry, run_id, progress
    )
    _compare(settings, run_id, str(result.policy_folder))
    packaged(settings, run_id, training, result.policy_folder)
    print(f"policy in {result.policy_folder}")


def evaluate(scenario: str, policy: str) -> None:
    """A baseline, or a policy folder, compared with the best baseline; figures go to the open run."""
    settings, run_id = _settings(load_config(scenario)), os.environ[RUN_VARIABLE]
    settings.registry.log_tags(run_id, settings.model_tags)
    _compare(settings, run_id, policy)


def _settings(config: Config) -> Settings:
    settings = settings_of(config, Home.from_environment().create(), running=None)
    tracking_uri = os.environ.get(TRACKING_VARIABLE, LOCAL_STORE)
    return replace(settings, registry=replace(settings.registry, tracking_uri=tracking_uri))


def _compare(settings: Settings, run_id: str, policy: str) -> None:
    compared = beside_best_baseline(settings, contender_named(policy))
    found, best = compared.found.row(), compared.best.row()
    settings.registry.log_traces(
        run_id, [item.id for item in compared.traces], settings.home.traces, "evaluation"
    )
    metrics = role_metrics("challenger", found) | role_metrics("best_baseline", best)
    settings.registry.log_metrics(run_id, metrics)
    settings.registry.log_document(run_id, {"policy": found, "best_baseline": best}, "evaluation.json")
    print(f"{found['policy']}: {found['request_blocking']:.3%} of requests blocked; ", end="")
    print(f"{best['policy']}: {best['request_blocking']:.3%}")


if __name__ == "__main__":
    if RUN_VARIABLE not in os.environ:
        sys.exit(f"{RUN_VARIABLE} is not set; start this with mlflow run . -e train (or -e evaluate)")
    if sys.argv[1] == "train":
        train(sys.argv[2], float(sys.argv[3]), int(float(sys.argv[4])))
    else:
        evaluate(sys.argv[2], sys.argv[3])
