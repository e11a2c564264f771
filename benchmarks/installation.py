"""A whole installation for a measurement: all services of ``lightloop up``, on a folder and ports of its own.

Not here: the few processes that a set-up alone needs (``controlplane_stack.py``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from configs.home import HOME_VARIABLE, Home
from configs.load import load_config
from configs.schema import Config
from controlplane.auth import bearer_header
from deployments.orchestration import PrefectApi
from deployments.ports import free_port_settings

LIGHTLOOP = str(Path(sys.executable).with_name("lightloop"))
PORTS = ("prefect", "mlflow", "model_a", "model_b", "pce", "controller", "elements", "console")
# No flow but those that are asked for.
QUIET = ("drift.interval_s=86400", "retention.interval_s=86400")
LEFT_OUT = ("LIGHTLOOP", "PREFECT_", "MLFLOW_")  # of the environment: what another installation is told


class InstallationError(ValueError):
    """An installation does not come up; ends with what ``lightloop up`` printed last."""


@dataclass(frozen=True)
class RunningInstallation:
    """One that runs: its configuration and its folder."""

    config: Config
    home: Home

    def url(self, service: str) -> str:
        """Base address of a service."""
        return self.config.services.url(service)

    @property
    def headers(self) -> dict[str, str]:
        """What a request shows."""
        return bearer_header(self.home.credentials())

    @property
    def prefect(self) -> PrefectApi:
        """Its flows."""
        return PrefectApi(self.config, self.home.credentials())


@contextmanager
def running_installation(
    scenario: str, overrides: Sequence[str], say: Callable[[str], None]
) -> Iterator[RunningInstallation]:
    """Everything running, a champion in service; stopped and removed at the end.

    Args:
        scenario: a shipped one, or a file.
        overrides: of the configuration.
        say: told what is being done.

    Raises:
        InstallationError: a service does not come up.
    """
    settings = [*QUIET, *overrides, *free_port_settings(PORTS)]
    config = load_config(scenario, settings)  # refuses here what cannot be brought up
    with tempfile.TemporaryDirectory(prefix="lightloop-bench-") as folder:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(LEFT_OUT)}
        environment = kept | {HOME_VARIABLE: folder}
        options = [word for setting in settings for word in ("--set", setting)]
        command = [LIGHTLOOP, "up", "--scenario", scenario, *options]
        say(f"bringing up an installation of {scenario}")
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise InstallationError("\n".join(done.stderr.strip().splitlines()[-20:]))
            yield RunningInstallation(config, Home(Path(folder)))
        finally:
            subprocess.run([LIGHTLOOP, "down"], env=environment, capture_output=True, check=False)
