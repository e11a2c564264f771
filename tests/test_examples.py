"""The examples run as a reader would run them, only shorter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
STEPS = {"stable_baselines3_ppo": 256, "maskable_ppo": 256, "one_file_ppo": 2048, "rllib_ppo": 800}
LONG = ("rllib_ppo", "stable_baselines3_ppo")  # three processes of Ray; what maskable_ppo runs, without masks


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(STEPS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in STEPS]
)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    """In a process of its own and in another folder: nothing of this project is imported beforehand."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", str(STEPS[name])],
        cwd=tmp_path,
        env=os.environ | {"LIGHTLOOP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "requests blocked: " in done.stdout or "mean return -" in done.stdout
