"""Configuration: what is refused, and what a file name means for processes that stand elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.load import CONFIG_DIR, ConfigError, dump_config, load_config, scenario_names


@pytest.mark.parametrize("port", ["80000", "0", "-1", "5000.5", "five"])
def test_a_port_that_no_machine_has_is_refused_with_key_and_value(port: str) -> None:
    with pytest.raises(ConfigError, match=rf"services\.mlflow_port.*given by services\.mlflow_port={port}"):
        load_config("five-node", [f"services.mlflow_port={port}"])


def test_a_topology_file_is_named_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    config = load_config("five-node", ["plant.topology=nets/mine.csv", "plant.power_model=watts.json"])

    assert config.plant.topology == str(tmp_path / "nets" / "mine.csv")
    assert config.plant.power_model == str(tmp_path / "watts.json")
    assert load_config("five-node", ["plant.topology=german17"]).plant.topology == "german17"


@pytest.mark.parametrize(
    "url",
    ["mysql://root@localhost/state", "controller.db", "postgresql://user@host", "postgresql://h:port/state"],
)
def test_a_database_of_another_kind_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(ConfigError, match=r"online\.database_url: .*write sqlite:.*postgresql://user@host"):
        load_config("five-node", [f"online.database_url={url}"])


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


def test_base_repeats_no_default_of_the_code() -> None:
    base = yaml.safe_load((CONFIG_DIR / "base.yaml").read_text())

    assert list(repeated(base, load_config())) == []


def repeated(document: Mapping[str, Any], section: Any, place: str = "") -> Iterator[str]:
    """Keys of a document whose value is the section's own default."""
    for key, value in document.items():
        here = getattr(section, key)
        if isinstance(value, Mapping) and not isinstance(here, Mapping):
            yield from repeated(value, here, f"{place}{key}.")
        elif default_of(section, key) == here:
            yield f"{place}{key}"


def default_of(section: Any, key: str) -> Any:
    if is_dataclass(section):
        return next(item.default for item in fields(section) if item.name == key)
    defaults = getattr(type(section), "_field_defaults", {})  # of a NamedTuple
    return defaults.get(key, MISSING)


@pytest.mark.parametrize("scenario", scenario_names())
def test_a_training_takes_every_field_of_its_section(scenario: str) -> None:
    config = load_config(scenario)

    spec = config.train_spec()

    assert {name: getattr(spec, name) for name in vars(config.training)} == vars(config.training)
    assert (spec.ray, spec.reward, spec.baselines) == (config.ray, config.reward, config.evaluation.baselines)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("training.gamma=1", r"training\.gamma"),
        ("training.search.population=3", r"training\.search\.population"),
        ("training.discount=0.9", r"training\.discount"),
        ("plant.k_paths=0", r"plant\.k_paths"),
        ("plant.margin_db=-1", r"plant\.margin_db"),
        ("plant.bands=[C, X]", r"plant: bands names 'X'; known: L, C, S"),
        ("gate.confidence=1", r"gate\.confidence"),
        ("reward.energy=-1", r"reward\.energy"),
        ("reward.price=1", r"reward\.price"),
    ],
)
def test_what_is_out_of_bounds_or_unknown_is_refused_by_its_key(override: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        load_config("five-node", [override])


def test_reading_a_configuration_compiles_nothing() -> None:
    program = "import sys, configs.load; print({'numba', 'torch', 'ray', 'prefect'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_a_file_of_an_earlier_version_is_read_under_the_names_of_today(tmp_path: Path) -> None:
    config = load_config("five-node", ["training.validation.curve_traces=7"])
    document = yaml.safe_load(dump_config(config))
    document["training"]["yardstick"] = document["training"].pop("validation")
    search = document["training"]["search"]
    search["settle_requests"] = search.pop("steady_state_requests")
    drift = document["drift"]
    drift["window_decisions"] = drift.pop("window_requests")
    drift |= {"psi_threshold": 0.1, "drift_share": 0.25}
    document["gate"]["max_slice_regression"] = 0.01  # a point of blocking; what took its place is a share
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(document))

    assert load_config(str(file)) == config


def test_slots_that_are_not_those_of_the_bands_are_refused_before_anything_is_built() -> None:
    with pytest.raises(ConfigError, match=r"num_slots is 32, but 96 channels .* take 384 slots"):
        load_config("five-node", ["plant.bands=[C]"])

    assert load_config("five-node", ["plant.bands=[C]", "plant.num_slots=384"]).plant.num_slots == 384
