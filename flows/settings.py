"""What a flow needs of the configuration: resolved, and turned into the objects that tasks take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agents.spec import TrainingError
from configs.build import plant_of, traffic_of
from configs.home import Home
from configs.load import CONFIG_FILE_VARIABLE, ConfigError, dump_config, load_config, override
from configs.schema import Config
from envs.features import FEATURE_SCHEMA_VERSION
from envs.plant import Plant
from envs.traffic import PoissonTraffic
from tasks.registry import Registry

BY_HAND = "by hand"
# Where the processes are and what they are called belongs to the installation, not to the scenario of a run.
INSTALLATION_SECTIONS = ("services", "mlflow", "prefect", "ray", "online", "retention")


@dataclass(frozen=True)
class Settings:
    """A resolved configuration and the objects made of it."""

    config: Config
    home: Home
    plant: Plant
    traffic: PoissonTraffic
    registry: Registry
    is_in_service: bool  # the plant is the one that the running installation operates
    is_seed_given: bool = False  # the run names its training seed

    @property
    def resolved_yaml(self) -> str:
        """The configuration as it is logged with every run."""
        return dump_config(self.config)

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration flattened: ``{"training.search.budget_s": 120.0, ...}``."""
        return flatten(self.config.model_dump(mode="json"))

    @property
    def model_tags(self) -> dict[str, str]:
        """What a model version says of where it comes from."""
        return {
            "scenario": self.config.scenario,
            "topology": self.plant.topology.name,
            "topology_hash": self.plant.topology.content_hash,
            "path_table_hash": self.plant.path_table.content_hash,
            "feature_schema_version": str(FEATURE_SCHEMA_VERSION),
        }

    def reseeded(self, kind: str, run_id: str = "") -> Settings:
        """The same with a training seed that no earlier run of the scenario had, unless the run names one.

        Args:
            kind: of runs.
            run_id: of an MLflow run that is gone on with: its seed stays.
        """
        if self.is_seed_given:
            return self
        training, used = self.config.training, self.registry.seeds_used(kind, self.config.scenario)
        seed = used.get(run_id) or max([training.seed, *(earlier + 1 for earlier in used.values())])
        config = self.config.model_copy(update={"training": replace(training, seed=seed)})
        return replace(self, config=config)

    @property
    def recipe(self) -> str:
        """How a challenger is made, in short: ``seed 3, 20 s``."""
        spec = self.config.train_spec()
        budgets = [spec.search.budget, spec.budget] if spec.search.enabled else [spec.budget]
        return f"seed {spec.seed}, {' + '.join(map(str, budgets))}"

    def run_name(self, reason: str) -> str:
        """What an MLflow run is called: what was tried, why, and when (UTC)."""
        why = reason.split(":")[0][:40] or BY_HAND
        return f"{self.config.scenario}, {why}, {self.recipe}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def load_settings(
    scenario: str | None = None,
    overrides: Sequence[str] = (),
    training_budget_s: float | None = None,
    training_budget_requests: int | None = None,
) -> Settings:
    """The settings of a flow run.

    With no scenario named, or that of the running installation, the installation's own configuration is the
    base. Another scenario keeps the installation's addresses and names.

    Raises:
        ConfigError, TopologyError: see ``load_config`` and ``load_topology``; or two budgets.
    """
    running = load_config() if os.environ.get(CONFIG_FILE_VARIABLE) else None
    if running is not None and scenario in (None, "", running.scenario):
        config = load_config(None, overrides)
    elif running is not None:
        kept = flatten(running.model_dump(mode="json", include=set(INSTALLATION_SECTIONS)))
        config = load_config(scenario, [*(override(key, value) for key, value in kept.items()), *overrides])
    else:
        config = load_config(scenario or None, overrides)
    config = with_budget(config, training_budget_s, training_budget_requests)
    is_seed_given = any(item.split("=")[0].strip() == "training.seed" for item in overrides)
    return replace(settings_of(config, Home.from_environment(), running), is_seed_given=is_seed_given)


def settings_of(config: Config, home: Home, running: Config | None) -> Settings:
    """The settings under a resolved configuration; ``running`` is the installation's own, if there is one."""
    in_service = running is not None and (running.scenario, running.plant) == (config.scenario, config.plant)
    return Settings(config, home, plant_of(config), traffic_of(config), registry_of(config, home), in_service)


def registry_of(config: Config, home: Home) -> Registry:
    """Where versions are registered, and the log that says which of them is champion."""
    return Registry(
        tracking_uri=config.mlflow.tracking_uri or config.services.url("mlflow"),
        experiment=config.mlflow.experiment,
        model_name=f"{config.mlflow.model_name}-{config.scenario}",
        promotion_log=home.serving / "promotions.jsonl",
    )


def with_budget(
    config: Config, training_budget_s: float | None, training_budget_requests: int | None
) -> Config:
    """The configuration with one budget for the stages of a training; as it is where none is asked for.

    Raises:
        ConfigError: two budgets, or one that is too small.
    """
    if training_budget_s is not None and training_budget_requests is not None:
        raise ConfigError("a training has one budget: training_budget_s or training_budget_requests")
    training = config.training
    try:
        if training_budget_requests is not None:
            training = training.within_requests(training_budget_requests)
        elif training_budget_s is not None:
            training = training.within_seconds(training_budget_s)
    except TrainingError as error:
        raise ConfigError(f"training_budget_s or training_budget_requests: {error}") from None
    return config.model_copy(update={"training": training})


def flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as dotted keys; a list stays one value."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
