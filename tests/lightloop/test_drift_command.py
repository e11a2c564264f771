"""``lightloop drift check``, with a reference given by hand, so that no server runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace
from lightloop.main import app
from tasks.traffic_reference import make_reference, write_reference
from topologies.catalogue import load_topology


@pytest.mark.parametrize(("speed", "drifted"), [(1.0, False), (5.0, True)])
def test_a_check_says_what_drifted_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float, drifted: bool
) -> None:
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path))
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32))
    traffic = PoissonTraffic(40.0, 3600.0, bit_rates_gbps=(25.0, 50.0))
    file = write_reference(make_reference([make_trace(traffic, plant, 20_000, 1)]), tmp_path / "traffic.json")
    trace, names = make_trace(traffic, plant, 400, 2), np.array(plant.topology.node_names)
    decisions = pd.DataFrame(
        {
            "time_s": trace.arrival_s / speed,
            "source": names[trace.source],
            "destination": names[trace.destination],
            "bit_rate_gbps": trace.bit_rate_gbps.astype(float),
            "max_latency_ms": np.nan,
        }
    )
    (tmp_path / "decisions").mkdir()
    decisions.to_parquet(tmp_path / "decisions" / "part-00000001-20260101T000000Z.parquet")

    done = CliRunner().invoke(app, ["drift", "check", "--reference", str(file), "--json"])

    said = json.loads(done.stdout)
    assert said["drifted"] is drifted
    assert said["columns"]["arrival rate"]["drifted"] is drifted
    assert said["regret"] is None
    assert not (tmp_path / "serving").exists()
