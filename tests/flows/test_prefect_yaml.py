"""What prefect.yaml declares exists, and takes the parameters that it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.importtools import import_object

from configs.load import scenario_names
from tasks.background import give_way

ROOT = Path(__file__).parents[2]
DECLARED: dict[str, dict[str, Any]] = {
    item["name"]: item for item in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
}


def flow_of(name: str) -> Flow[..., Any]:
    path, function = DECLARED[name]["entrypoint"].split(":")
    return load_flow_from_entrypoint(f"{ROOT / path}:{function}")


def test_the_five_deployments_are_declared() -> None:
    assert set(DECLARED) == {"continuous-training", "re-estimate", "drift-monitor", "provision", "rollback"}


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_an_entrypoint_is_a_flow_named_as_its_deployment(name: str) -> None:
    assert flow_of(name).name == {"re-estimate": "continuous-training"}.get(name, name)


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_every_parameter_given_is_one_that_the_flow_takes(name: str) -> None:
    declared = DECLARED[name]
    given = set(declared.get("parameters", {}))
    for part in (*declared.get("schedules", ()), *declared.get("triggers", ())):
        given |= set(part.get("parameters", {}))

    assert given <= set(parameter_schema(flow_of(name)).properties)


def test_a_switch_gives_way_before_anything_of_the_flow_is_imported() -> None:
    directory, gives_way = DECLARED["provision"]["pull"]

    (place,) = directory.values()
    assert place == {"directory": "{{ $LIGHTLOOP_PROJECT }}"}
    assert [import_object(name) for name in gives_way] == [give_way]
    assert list(gives_way.values()) == [{}]


def test_training_can_be_started_without_parameters_and_with_the_documented_ones() -> None:
    schema = parameter_schema(flow_of("continuous-training"))

    assert not schema.required
    assert {"scenario", "trace", "window", "training_budget_s", "overrides"} <= set(schema.properties)


def test_a_scenario_is_chosen_from_those_there_are() -> None:
    schema = parameter_schema(flow_of("continuous-training")).model_dump()

    choice, nothing = schema["properties"]["scenario"]["anyOf"]
    assert choice["enum"] == scenario_names()
    assert nothing == {"type": "null"}


def test_the_zone_of_a_cron_is_told() -> None:
    for declared in DECLARED.values():
        for schedule in declared.get("schedules", ()):
            assert "cron" not in schedule or schedule["timezone"] in declared["description"]


def test_training_runs_by_cron_and_by_the_drift_event_one_at_a_time() -> None:
    declared = DECLARED["continuous-training"]

    assert declared["schedules"][0]["cron"]
    (trigger,) = declared["triggers"]
    assert trigger["expect"] == ["lightloop.drift.detected"]
    assert declared["concurrency_limit"]["limit"] == 1
    assert DECLARED["drift-monitor"]["schedules"][0]["interval"]
