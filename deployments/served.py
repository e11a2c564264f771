"""What is served against what should be: for ``lightloop status``, and mended every minute by upkeep.

Not here: looking (``tasks/differences.py``), mending (``reconcile.py``, a process of its own).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from configs.home import Home
from configs.schema import Config
from deployments.environment import PROJECT_ROOT, tracking_uri
from flows.serving_target import serving_target
from tasks.differences import Differences, differences
from tasks.locks import holder_of
from tasks.registry_reader import RegistryReader

MENDING_TIMEOUT_S = 600.0


def up_lock(home: Home) -> Path:
    """Held while ``lightloop up`` is at work."""
    return home.run / "up.lock"


class MendingError(ValueError):
    """A difference could not be mended; says which and why."""


def served_differences(config: Config, home: Home) -> Differences:
    """Where promotion log, aliases, PCE and slots disagree now; one line where one is away."""
    reader = RegistryReader(tracking_uri(config), f"{config.mlflow.model_name}-{config.scenario}")
    try:
        return differences(serving_target(config, home), reader, home.serving / "promotions.jsonl")
    except ValueError as error:
        return Differences((str(error),))


def mend(config: Config, home: Home) -> str:
    """Differences mended by a process of its own; what it did, in words. Nothing while somebody is at it.

    Raises:
        MendingError: it could not.
    """
    seen = served_differences(config, home)
    if not seen.found or seen.owner or holder_of(up_lock(home)):
        return ""
    command = [sys.executable, "-m", "deployments.reconcile"]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=MENDING_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise MendingError(f"{'; '.join(seen.found)}: not mended in {MENDING_TIMEOUT_S:g} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MendingError(f"{'; '.join(seen.found)}: not mended: {last}")
    return "; ".join([*seen.found, "mended", *done.stdout.strip().splitlines()])
