"""``lightloop drift check``, with a reference given by hand, so that no server runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Live, Window
from lightloop.main import app
from tasks.traffic_reference import make_reference, write_reference
from tests.tasks.operation.lived_logs import logs_of
from tests.tasks.operation.network import Network
from topologies.catalogue import load_topology


@pytest.mark.parametrize(("speed", "drifted"), [(1.0, False), (5.0, True)])
def test_a_check_says_what_drifted_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float, drifted: bool
) -> None:
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path))
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32))
    traffic = PoissonTraffic(40.0, 3600.0, bit_rates_gbps=(25.0, 50.0))
    file = write_reference(make_reference([make_trace(traffic, plant, 20_000, 1)]), tmp_path / "traffic.json")
    trace = make_trace(traffic, plant, 400, 2)
    trace = replace(trace, arrival_s=trace.arrival_s / speed)
    refused = (Live("", "", None, "none", "", True, False),) * trace.num_requests
    rows, _ = logs_of(Window(trace, refused, (), (), (), {}, 0.0, math.inf, (0, 0)))
    network = Network(tmp_path, monkeypatch)
    network.part(1, rows)
    monkeypatch.setattr("tasks.operation.store.WRITING_S", 0.0)  # nothing is being written

    done = CliRunner().invoke(
        app, ["drift", "check", "--reference", str(file), "--set", "plant.topology=five-node", "--json"]
    )

    said = json.loads(done.stdout)
    assert said["drifted"] is drifted
    assert said["columns"]["arrival rate"]["drifted"] is drifted
    assert said["regret"] is None
    assert not (tmp_path / "serving").exists()
