"""What a flow needs of the configuration: resolved, and turned into the objects that tasks take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from configs.build import plant_of, traffic_of
from configs.home import Home
from configs.load import CONFIG_FILE_VARIABLE, dump_config, load_config
from configs.schema import Config
from envs.plant import Plant
from envs.traffic import PoissonTraffic
from tasks.registry import Registry

# Where the processes are and what they are called belongs to the installation, not to the scenario of a run.
INSTALLATION_SECTIONS = ("services", "mlflow", "prefect", "ray", "online")


@dataclass(frozen=True)
class Settings:
    """A resolved configuration and the objects made of it."""

    config: Config
    home: Home
    plant: Plant
    traffic: PoissonTraffic
    registry: Registry
    is_in_service: bool  # the plant is the one that the running installation operates

    @property
    def resolved_yaml(self) -> str:
        """The configuration as it is logged with every run."""
        return dump_config(self.config)

    @property
    def parameters(self) -> dict[str, Any]:
        """The configuration flattened: ``{"training.search.budget_s": 120.0, ...}``."""
        return flatten(self.config.model_dump(mode="json"))


def load_settings(scenario: str | None = None, overrides: Sequence[str] = ()) -> Settings:
    """The settings of a flow run.

    With no scenario named, or that of the running installation, the installation's own configuration is the
    base. Another scenario keeps the installation's addresses and names.

    Raises:
        ConfigError, TopologyError: see ``load_config`` and ``load_topology``.
    """
    running = load_config() if os.environ.get(CONFIG_FILE_VARIABLE) else None
    if running is not None and scenario in (None, "", running.scenario):
        config = load_config(None, overrides)
    elif running is not None:
        kept = flatten(running.model_dump(mode="json", include=set(INSTALLATION_SECTIONS)))
        config = load_config(
            scenario, [*(f"{key}={_as_yaml(value)}" for key, value in kept.items()), *overrides]
        )
    else:
        config = load_config(scenario or None, overrides)
    return settings_of(config, Home.from_environment(), running)


def settings_of(config: Config, home: Home, running: Config | None) -> Settings:
    """The settings under a configuration already resolved; ``running`` is the installation's own, if there is one."""
    in_service = running is not None and (running.scenario, running.plant) == (config.scenario, config.plant)
    registry = Registry(
        tracking_uri=config.mlflow.tracking_uri or config.services.url("mlflow"),
        experiment=config.mlflow.experiment,
        model_name=f"{config.mlflow.model_name}-{config.scenario}",
        promotion_log=home.serving / "promotions.jsonl",
    )
    return Settings(config, home, plant_of(config), traffic_of(config), registry, in_service)


def flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as dotted keys; a list stays one value."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _as_yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
