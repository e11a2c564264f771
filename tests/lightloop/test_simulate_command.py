"""``lightloop simulate`` as a script meets it."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from lightloop.main import app


def simulated(*options):
    done = CliRunner().invoke(app, ["simulate", *options, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_bounds_of_slots_and_of_several_bands():
    few = ["--requests", "2000", "--runs", "2", "--warmup", "500", "--bounds"]
    slots = simulated("--policy", "ksp_ff", *few)
    assert [point["policy"] for point in slots["points"]] == ["ksp_ff", "defragmentation"]
    bands = simulated("--scenario", "qot-rmbsa", "--policy", "band_by_band", *few)
    assert bands["policy"] == "band_by_band"
    assert "points" not in bands
    for document in (slots, bands):
        (cut,) = document["cut_set_bound"]
        assert 0.0 <= cut["request_blocking"] <= document["request_blocking"]
