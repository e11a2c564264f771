"""SIGKILL at the steps of moves, locks and planned starts: one lightpath each afterwards, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.failpoints import VARIABLE
from tests.controlplane.controller.conftest import Lab
from tests.controlplane.controller.killed_at import CASES
from tests.controlplane.controller.test_protection import all_is_well


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each case has left on disk; each of them died."""
    folder = tmp_path_factory.mktemp("killed")
    environment = os.environ | {VARIABLE: f"@{folder / 'points'}"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.controlplane.controller.killed_at", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.split("\n")[:-1] == [f"{name} -9" for name in CASES], done.stderr
    return folder


@pytest.mark.parametrize("name", CASES)
def test_who_is_killed_there_leaves_each_service_one_whole_lightpath(killed: Path, name: str) -> None:
    lab = Lab(killed / name)
    try:
        lab.manager.maintain(everything=True)
        first = lab.state.services()
        assert len([item for item in first if item.path]) >= 3  # a plain one and both of a protected one
        all_is_well(lab)
        lab.pce.follow()  # which keeps books of its own, slot by slot

        CASES[name][0](lab)  # again, to its end

        assert {item.uuid for item in first} <= {item.uuid for item in lab.state.services()}
        all_is_well(lab)
        lab.pce.follow()
    finally:
        lab.stop()
        lab.host.close()
