"""``lightloop history`` tells who wants to be champion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lightloop.main import app
from tasks.registry_reader import KeptVersion, RegistryReadError

VERDICT = "agent does not pass: answers in time: p99 is 80 ms"


class FakeReader:
    """MLflow as it would answer."""

    model_name = "lightloop-five-node"

    def aliases(self) -> dict[str, str]:
        return {"champion": "1", "challenger": "2"}

    def version(self, number: str) -> KeptVersion:
        tags = {"policy": "agent", "gate": "failed", "gate.verdict": VERDICT}
        return KeptVersion(number, "run", 0.0, tags)


class SilentReader(FakeReader):
    def aliases(self) -> dict[str, str]:
        raise RegistryReadError("MLflow does not answer")


def told(reader: FakeReader, monkeypatch: pytest.MonkeyPatch, home: Path, *words: str) -> str:
    monkeypatch.setenv("LIGHTLOOP_HOME", str(home))
    monkeypatch.setattr("lightloop.commands.history.reader_of", lambda *_: reader)
    done = CliRunner().invoke(app, ["history", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_challenger_stands_below_with_its_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = json.loads(told(FakeReader(), monkeypatch, tmp_path, "--json"))
    assert document["challenger"] == {
        "version": "2",
        "policy": "agent",
        "gate": "failed",
        "verdict": VERDICT,
    }
    silent = json.loads(told(SilentReader(), monkeypatch, tmp_path, "--json"))
    assert silent["challenger"] is None
    assert "MLflow does not answer" in silent["notes"][0]
