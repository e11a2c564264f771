"""Where machine code cannot be made ahead of its use the log says why. That it is made: the story."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from configs.load import CONFIG_FILE_VARIABLE
from deployments.ahead import start_compiling


def test_why_nothing_was_compiled_stands_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("scenario: no-such\n")
    monkeypatch.setenv(CONFIG_FILE_VARIABLE, str(file))
    with caplog.at_level(logging.WARNING):
        start_compiling().join(120)
    (told,) = [record.getMessage() for record in caplog.records if record.name == "deployments.ahead"]
    assert told.startswith("machine code could not be made ahead of its use: ")
    assert told.endswith(f"(read from {file.name})")
