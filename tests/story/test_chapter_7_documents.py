"""What the docs tell an operator to type, typed on the running installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documents import ON_THE_INSTALLATION, written
from tests.story.stack import TRAINING, Stack

OTHERS = tuple(f"{name}/{name}" for name in ("drift-monitor", "provision", "rollback"))
pytestmark = [pytest.mark.story, pytest.mark.timeout(1200)]


def test_the_commands_of_the_docs_are_taken(stack: Stack) -> None:
    """In one shell, in the order of the pages; what belongs to another network or place is put in."""
    other = 2 if stack.json("status")["champion_version"] == "1" else 1
    meant = {
        "--from WA --to TX": "--from A --to D",
        " -p trace=<id or path>": "",
        "-p training_budget_s=120": "-p training_budget_s=4",
        "-p window=last:2000 -p training_budget_s=60": "-p window=last:20 -p training_budget_s=4",
        "version=3": f"version={other} --watch",
    }
    lines = []
    for item in written():
        if item.begins(ON_THE_INSTALLATION):
            line = item.command
            for words, here in meant.items():
                line = line.replace(words, here)
            lines.append(line)
    assert len(lines) >= 8
    script = "set -eu\n" + "\n".join(lines)
    path = f"{Path(sys.executable).parent}:{stack.environment['PATH']}"

    done = subprocess.run(
        ["bash", "-c", script],
        env=stack.environment | {"PATH": path, "PREFECT_HOME": str(stack.home.root / "person")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    by_hand = [
        run for run in asked(stack, TRAINING) if not run["parameters"].get("reason", "").startswith("drift")
    ]
    trainings = {run["parameters"].get("window"): run["id"] for run in by_hand[:2]}
    assert set(trainings) == {None, "last:20"}
    # One training waits for the other, and the first chapter has seen a plain one through.
    stack.end_trainings(but=trainings["last:20"])
    stack.finished(trainings["last:20"], timeout_s=500)
    ended = {name: stack.finished(asked(stack, name)[0]["id"]) for name in OTHERS}
    assert ended["provision/provision"]["parameters"]["version"] == other


def asked(stack: Stack, deployment: str) -> list[Any]:
    """The runs of a deployment that a person asked for, the newest first."""
    named = {"deployments": {"id": {"any_": [stack.prefect.deployment_id(deployment)]}}}
    runs = stack.prefect.post("/flow_runs/filter", named | {"sort": "EXPECTED_START_TIME_DESC"})
    return [run for run in runs if not run["auto_scheduled"]]
