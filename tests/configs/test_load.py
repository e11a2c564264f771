"""Configuration: what is refused, and what a file name means for processes that stand elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.load import ConfigError, dump_config, load_config


@pytest.mark.parametrize("port", ["80000", "0", "-1", "5000.5", "five"])
def test_a_port_that_no_machine_has_is_refused_with_key_and_value(port: str) -> None:
    with pytest.raises(ConfigError, match=r"services\.mlflow_port"):
        load_config("five-node", [f"services.mlflow_port={port}"])


def test_a_topology_file_is_named_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    config = load_config("five-node", ["plant.topology=nets/mine.csv", "plant.power_model=watts.json"])

    assert config.plant.topology == str(tmp_path / "nets" / "mine.csv")
    assert config.plant.power_model == str(tmp_path / "watts.json")
    assert load_config("five-node", ["plant.topology=german17"]).plant.topology == "german17"


def test_what_was_written_is_read_back_the_same(tmp_path: Path) -> None:
    config = load_config("five-node", ["plant.topology=mine.csv"])
    file = tmp_path / "config.yaml"
    file.write_text(dump_config(config))

    assert load_config(str(file)) == config


def test_a_file_or_value_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load_config(str(binary))
    with pytest.raises(ConfigError, match="not YAML"):
        load_config("five-node", ["traffic.load_erlang={"])
