"""The table of services, ports, slots and the change of scenario."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from configs.home import Home
from configs.load import ConfigError, load_config
from deployments.environment import process_environment
from deployments.model_slot import SlotError, SlotModel, slot_model
from deployments.plants import switch_plant
from deployments.ports import PortTakenError, check_ports
from deployments.services import service_table


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def test_every_service_has_its_own_port_and_the_key_that_moves_it(home: Home) -> None:
    services = [item for item in service_table(load_config("five-node"), home) if item.port is not None]

    moved = load_config("five-node", [f"{item.port_key}={20000 + i}" for i, item in enumerate(services)])

    assert len({item.port for item in services}) == len(services) == 8
    after = [item for item in service_table(moved, home) if item.port is not None]
    assert [item.port for item in after] == [20000 + i for i in range(8)]
    assert all(str(item.port) in item.address for item in after)


def test_a_second_controller_and_pce_run_where_one_waits_for_the_other(home: Home) -> None:
    database = "online.database_url=postgresql://lightloop@/lightloop"
    config = load_config("five-node", ["online.standby=true", database])

    services = {item.name: item for item in service_table(config, home)}

    assert services["controller-b"].command[-2:] == ("controlplane.controller.main", "b")
    assert services["pce-b"].port_key == "services.pce_b_port"
    addresses = [services[name].address for name in ("controller", "controller-b")]
    assert config.controller_urls == tuple(addresses)
    assert config.pce_urls == (services["pce"].address, services["pce-b"].address)
    with pytest.raises(ConfigError, match=r"online: online\.standby needs a Postgres database"):
        load_config("five-node", ["online.standby=true"])


def test_a_taken_port_is_told_with_its_holder_and_the_key_to_change(home: Home) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        services = service_table(load_config("five-node", [f"services.mlflow_port={port}"]), home)
        mlflow = [item for item in services if item.name == "mlflow"]

        with pytest.raises(PortTakenError) as caught:
            check_ports(mlflow)

    text = str(caught.value)
    assert f"port {port}" in text
    assert "mlflow" in text
    assert f"pid {os.getpid()}" in text
    assert "services.mlflow_port" in text
    check_ports(mlflow)


def test_one_port_for_two_services_is_refused(home: Home) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = load_config("five-node", [f"services.pce_port={port}", f"services.console_port={port}"])
    services = [item for item in service_table(config, home) if item.name in ("pce", "console")]

    with pytest.raises(PortTakenError, match="both pce and console"):
        check_ports(services)


def test_overrides_and_foreign_servers_do_not_reach_the_processes(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTLOOP__TRAFFIC__LOAD_ERLANG", "1")
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://elsewhere")

    environment = process_environment(load_config("five-node"), home)

    assert "LIGHTLOOP__TRAFFIC__LOAD_ERLANG" not in environment
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert "MLFLOW_REGISTRY_URI" not in environment
    assert environment["LIGHTLOOP_TOKEN"] == home.credentials().token
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_a_slot_serves_what_its_file_names(home: Home) -> None:
    file = home.serving / "model-a.json"
    file.write_text(json.dumps({"model_uri": "models:/m/3", "model_version": "3", "port": 5101}))

    assert slot_model(file) == SlotModel("models:/m/3", 5101, is_beside=False)


@pytest.mark.parametrize("content", [None, "{", '{"port": 1}', '{"model_uri": "x", "port": "y"}'])
def test_a_slot_without_a_sound_file_says_so(home: Home, content: str | None) -> None:
    file = home.serving / "model-a.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SlotError, match=r"model-a\.json"):
        slot_model(file)


def test_another_plant_finds_its_own_state_and_the_first_comes_back(home: Home) -> None:
    first, second = load_config("five-node"), load_config("latency-rsa")
    (home.state / "controller.db").write_text("five")
    (home.state / "controller.db-wal").write_text("journal")
    (home.state / "mlflow.db").write_text("all")
    (home.decisions / "part-1.parquet").write_text("five")

    assert switch_plant(home, first, second)

    assert not (home.state / "controller.db").exists()
    assert (home.state / "mlflow.db").read_text() == "all"
    assert list(home.decisions.iterdir()) == []
    (home.state / "controller.db").write_text("nsfnet")

    assert switch_plant(home, second, first)

    assert (home.state / "controller.db").read_text() == "five"
    assert (home.state / "controller.db-wal").read_text() == "journal"
    assert (home.decisions / "part-1.parquet").read_text() == "five"
    assert switch_plant(home, first, second)
    assert (home.state / "controller.db").read_text() == "nsfnet"


def test_the_same_plant_keeps_its_state(home: Home) -> None:
    config = load_config("five-node")
    (home.state / "controller.db").write_text("five")

    assert not switch_plant(home, config, load_config("five-node", ["training.seed=7"]))
    assert (home.state / "controller.db").read_text() == "five"
