"""From a flow's parameters to the objects of its tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.load import ConfigError, dump_config, load_config
from flows.settings import flatten, load_settings
from tasks.registry import Registry


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that runs the five-node scenario on its own ports."""
    config = load_config("five-node", ["services.mlflow_port=5999", "traffic.load_erlang=33"])
    (tmp_path / "config.yaml").write_text(dump_config(config))
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("LIGHTLOOP_CONFIG", str(tmp_path / "config.yaml"))


@pytest.mark.parametrize("scenario", [None, "", "five-node"])
def test_the_running_scenario_is_taken_as_it_runs(installation: None, scenario: str | None) -> None:
    settings = load_settings(scenario)

    assert settings.config.traffic.load_erlang == 33
    assert settings.is_in_service
    assert settings.registry.model_name == "lightloop-five-node"


def test_another_scenario_keeps_the_addresses_and_is_not_in_service(installation: None) -> None:
    settings = load_settings("latency-rsa")

    assert settings.config.traffic.load_erlang == load_config("latency-rsa").traffic.load_erlang
    assert settings.registry.tracking_uri == "http://127.0.0.1:5999"
    assert not settings.is_in_service


def test_another_plant_under_the_same_scenario_is_not_in_service(installation: None) -> None:
    assert not load_settings(None, ["plant.num_slots=64"]).is_in_service


def test_one_budget_is_shared_by_search_and_ppo(installation: None) -> None:
    spec = load_settings(None, ["training.seed=5"], training_budget_s=30.0).config.train_spec()

    assert spec.budget_s + spec.search.budget_s == 30.0
    assert spec.seed == 5


def test_every_training_has_a_seed_of_its_own_unless_it_names_one(
    installation: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "seeds_used", lambda *_: {"a": 1, "b": 4, "c": 2})

    assert load_settings(None).reseeded("training").config.train_spec().seed == 5
    assert load_settings(None).reseeded("training").parameters["training.seed"] == 5
    assert load_settings(None).reseeded("training", "c").config.train_spec().seed == 2
    assert load_settings(None, ["training.seed=2"]).reseeded("training").config.train_spec().seed == 2


def test_a_run_is_called_by_what_is_tried(installation: None) -> None:
    settings = load_settings(None, ["training.seed=7"], training_budget_s=30.0)

    name = settings.run_name("drift: 5 of 15 columns drifted over 5000 decisions")

    assert name.startswith("five-node, drift, seed 7, 15 s + 15 s, 20")
    assert settings.run_name("").startswith("five-node, by hand, ")


def test_a_budget_in_requests_is_shared_too_and_two_budgets_are_refused(installation: None) -> None:
    spec = load_settings(None, training_budget_requests=1001).config.train_spec()

    assert (spec.search.budget.requests, spec.budget.requests) == (501, 500)
    with pytest.raises(ConfigError, match="one budget"):
        load_settings(None, training_budget_s=3.0, training_budget_requests=1000)
    with pytest.raises(ConfigError, match="at least 2"):
        load_settings(None, training_budget_requests=1)


def test_seconds_asked_for_count_where_the_configuration_gives_requests(installation: None) -> None:
    spec = load_settings(None, ["training.budget_requests=9"], training_budget_s=3.0).config.train_spec()

    assert (spec.budget.requests, spec.budget.seconds) == (0, 1.5)


def test_an_unknown_key_is_refused_by_name(installation: None) -> None:
    with pytest.raises(ConfigError, match=r"traffic\.erlang"):
        load_settings(None, ["traffic.erlang=3"])


def test_parameters_are_flat_and_hold_every_leaf() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}
