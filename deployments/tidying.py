"""Retention as a duty of upkeep: in a process of its own, because MLflow's client is heavy."""

from __future__ import annotations

import subprocess
import sys

from configs.schema import Config
from deployments.environment import PROJECT_ROOT

TIMEOUT_S = 600.0


class TidyError(ValueError):
    """Nothing was tidied, or not all; repeats the words of whoever refused."""


def tidy(config: Config) -> str:
    """What was deleted, in words; empty: nothing had expired.

    Raises:
        TidyError: it could not.
    """
    command = [sys.executable, "-m", "deployments.tidy"]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise TidyError(f"retention of {config.scenario} has not ended in {TIMEOUT_S:g} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TidyError(f"retention of {config.scenario}: {last}")
    return done.stdout.strip()
