"""The one list of columns: with a column more, all that reads or writes columns stays right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envs.features import COLUMN, CONTEXT, CONTEXT_NAMES, FEATURE_NAMES

PROJECT = Path(__file__).parents[2]


def test_constants_follow_the_names() -> None:
    assert [getattr(COLUMN, name) for name in FEATURE_NAMES] == list(range(len(FEATURE_NAMES)))
    assert [getattr(CONTEXT, name) for name in CONTEXT_NAMES] == list(range(len(CONTEXT_NAMES)))


@pytest.mark.long
def test_columns_added_in_the_middle_move_no_figure_to_another_name(tmp_path: Path) -> None:
    for package in ("envs", "topologies"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=ignored)
    changed = tmp_path / "envs" / "features.py"
    text = changed.read_text()
    for place in (
        "path_rank",
        "slots",
        "gsnr_margin",
        "neighbours_alike",
        "runs_loss_1",
        "bit_rate",
        "bounded",
    ):
        text, count = re.subn(rf"^(    {place}: int.*)$", rf"    before_{place}: int\n\1", text, flags=re.M)
        assert count == 1
    changed.write_text(text)

    before, after = told_by(PROJECT, tmp_path), told_by(tmp_path, tmp_path)

    assert any(row["routability_loss_5"] for row in before[0] if "routability_loss_5" in row)
    for rows_before, rows_after in zip(before, after, strict=True):
        kept = [
            {name: value for name, value in row.items() if not name.startswith("before_")}
            for row in rows_after
        ]
        assert kept == rows_before


def told_by(folder: Path, scratch: Path) -> list[list[dict[str, float]]]:
    """What ``shifted_columns.py`` prints with the packages of a folder."""
    program = scratch / "shifted_columns.py"
    shutil.copy(PROJECT / "tests" / "envs" / "shifted_columns.py", program)
    command = [sys.executable, "-c", f"import sys, runpy; sys.path.insert(0, {str(folder)!r}); "]
    command[-1] += f"runpy.run_path({str(program)!r}, run_name='__main__')"
    done = subprocess.run(
        command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
