"""The rule that docs/add-a-heuristic.md shows. What every rule must hold: ``tests/test_invariants.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "add-a-heuristic.md"


def test_the_page_runs_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)

    assert "of requests blocked" in capsys.readouterr().out
