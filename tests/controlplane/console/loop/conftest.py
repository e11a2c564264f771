"""A document that a running installation told, with a promotion and a roll-back put in by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.console.loop.document import LoopDocument

RECORDED = Path(__file__).with_name("recorded.json")


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    """As ``lightloop loop --json`` printed it."""
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


@pytest.fixture(scope="session")
def document(recorded: dict[str, Any]) -> LoopDocument:
    return LoopDocument.model_validate(recorded)


@pytest.fixture(scope="session")
def nothing(recorded: dict[str, Any]) -> LoopDocument:
    """Of an installation that never ran."""
    parts: dict[str, Any] = {key: [] for key in ("served", "live", "versions", "looks", "runs")}
    gone = dict.fromkeys(("curve", "probation", "demand"))
    return LoopDocument.model_validate({**recorded, **parts, **gone, "faults": {"mlflow": "away"}})
