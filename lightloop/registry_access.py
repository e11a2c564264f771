"""The registry of the running installation as light commands read it: over REST, logged in."""

from __future__ import annotations

import os

from configs.home import Home
from configs.schema import Config
from tasks.registry_reader import RegistryReader


def reader_of(config: Config, home: Home) -> RegistryReader:
    """Reads the registered model of the running scenario; the login for it is in the environment then."""
    from deployments.environment import mlflow_login, tracking_uri

    if (home.root / "secrets.env").exists() or config.mlflow.tracking_uri:
        os.environ |= mlflow_login(config, home)
    return RegistryReader(tracking_uri(config), f"{config.mlflow.model_name}-{config.scenario}")
