"""Random mixed lines beside GNPy's stored answers, and the command that asks GNPy again."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from benchmarks.lines import ANSWERS_FILE, BAND_PLANS, BOUND_DB, random_lines
from lightloop.main import app


def test_gsnr_of_mixed_lines_is_within_the_bound_of_gnpy():
    done = CliRunner().invoke(app, ["bench", "lines", "--json"])
    assert done.exit_code == 0, done.output
    found = {row["plan"]: row for row in json.loads(done.stdout)["plans"]}
    assert {plan: row["lines"] for plan, row in found.items()} == BAND_PLANS
    for plan, row in found.items():
        assert row["largest_db"]["gsnr_db"] < BOUND_DB[plan]
        assert row["largest_db"]["snr_ase_db"] < 0.05


def test_the_stored_lines_are_those_of_their_seed():
    stored = json.loads(ANSWERS_FILE.read_text())
    asked = json.loads(json.dumps(list(random_lines(stored["seed"]))))
    assert [{k: v for k, v in entry.items() if k != "gnpy"} for entry in stored["lines"]] == asked


def test_a_python_without_gnpy_is_refused_with_the_remedy(tmp_path):
    none = tmp_path / "python"
    none.write_text("#!/bin/sh\necho no module gnpy >&2\nexit 1\n")
    none.chmod(0o755)
    done = CliRunner().invoke(app, ["bench", "lines", "--gnpy-python", str(none)])
    assert done.exit_code == 1
    assert "install gnpy==3.0.1 there" in str(done.exception)
