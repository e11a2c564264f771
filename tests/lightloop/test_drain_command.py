"""``lightloop drain`` on a controller in the same process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.controlplane.controller.conftest import Lab, database, http, lab
from tests.lightloop.on_lab import on_lab

__all__ = ["database", "http", "lab"]  # fixtures


@pytest.fixture
def run(lab: Lab, http: TestClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    return on_lab("drain", lab, http, monkeypatch)


def test_services_move_and_what_stays_is_told(lab: Lab, run: Any) -> None:
    made = lab.manager.create(lab.request("A", "C", 25))[0]

    moved = run("A", "C", "--json")
    assert (moved.exit_code, json.loads(moved.stdout)["moved"]) == (0, [made.uuid])
    stays = run("A")
    assert stays.exit_code == 1
    assert "begins or ends at A" in stays.stdout
    assert run("A", "--undo").exit_code == run("A", "C", "--undo").exit_code == 0
    assert not lab.state.drained
    assert run("A", "B", "C").exit_code != 0
