"""A command that asks a controller, run in this process on a controller of the tests."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from controlplane.client import ControllerClient
from lightloop.main import app
from tests.controlplane.controller.conftest import Lab
from tests.lightloop.test_chaos import Lent


def on_lab(command: str, lab: Lab, http: TestClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command with the words that it is given."""
    monkeypatch.setattr(ControllerClient, "of", lambda *_given: Lent(lab, http))
    monkeypatch.setattr("lightloop.running.running_config", lambda: None)
    monkeypatch.setattr("lightloop.running.running_credentials", lambda: None)
    return lambda *words: CliRunner().invoke(app, [command, *words])
