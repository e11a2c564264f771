"""Models in the registry and in real slots (supervisord, MLflow's scoring app); the PCE only remembers."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from envs.heuristics import baseline
from tasks.champion import champion_of, promote, roll_back, rollback_target
from tasks.processes import ProcessManager
from tasks.promotions import read_promotions
from tasks.provision import Staged, restart_in_service, stage, unstage
from tasks.registry import CHAMPION, PREVIOUS, RECORDED_FILE, ModelVersion, Registry, RegistryError
from tasks.serving_target import ProvisionError, ServingTarget, ask_pce, owning_slots, served_uri
from tasks.takeover import settle, take_over
from tests.tasks.slots import RememberingPce, Serving


def test_the_second_pce_is_told_where_the_first_does_not_answer(tmp_path: Path) -> None:
    second = RememberingPce()
    server = second.serve()
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        first = f"http://127.0.0.1:{taken.getsockname()[1]}"
        target = ServingTarget((), tmp_path, tmp_path, (first, second.url), "secret")
        ask_pce(target, "PUT", "/endpoint", {"url": "http://m", "model_version": "3"})
        told = ask_pce(target, "GET", "/status")
        with pytest.raises(ProvisionError, match=f"the PCE at {first} does not answer"):
            ask_pce(replace(target, pce_urls=(first,)), "GET", "/status")
    server.shutdown()
    assert (told["endpoint_url"], second.endpoint["model_version"]) == ("http://m", "3")


def test_a_version_knows_its_run_traces_commit_and_signature(
    registry: Registry, versions: list[ModelVersion]
) -> None:
    run = registry._client.get_run(versions[0].run_id)
    info = registry._client.get_model_version("model", versions[0].version)

    assert run.data.tags["mlflow.source.git.commit"]
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == f"trace-{dataset.dataset.digest}"
    assert {tag.key: tag.value for tag in dataset.tags} == {"mlflow.data.context": "training"}
    assert versions[0].policy == "ksp_ff"
    assert info.tags["kind"] == "baseline"


def test_the_model_scores_as_the_policy_it_holds(
    registry: Registry, versions: list[ModelVersion], tmp_path: Path
) -> None:
    import mlflow

    recorded = np.load(registry.fetch(versions[1].uri, tmp_path) / RECORDED_FILE)
    mlflow.set_tracking_uri(registry.tracking_uri)
    model = mlflow.pyfunc.load_model(versions[1].uri)

    inputs = {key: recorded[key].astype(np.float32) for key in ("features", "action_mask", "context")}
    scores = model.predict(inputs)["scores"]

    np.testing.assert_array_equal(scores, recorded["scores"])
    policy = baseline("least_fragmentation")
    direct = policy.scores(recorded["features"], recorded["action_mask"] > 0.5, recorded["context"])
    np.testing.assert_array_equal(scores, direct)


def test_promotion_moves_the_aliases_and_rollback_goes_back(
    registry: Registry, versions: list[ModelVersion]
) -> None:
    first, second = versions

    assert registry.version(f"@{CHAMPION}") == second
    assert registry.version(f"@{PREVIOUS}") == first
    assert rollback_target(registry) == first

    roll_back(registry, first, "test")
    assert champion_of(registry) == first
    assert registry.version(f"@{CHAMPION}") == first
    with pytest.raises(RegistryError, match="nothing to go back to"):
        rollback_target(registry)
    promote(registry, second, "test")
    assert [entry.version for entry in read_promotions(registry.promotion_log, "model")] == [
        "1",
        "2",
        "1",
        "2",
    ]


def test_an_unknown_version_is_refused(registry: Registry, versions: list[ModelVersion]) -> None:
    with pytest.raises(RegistryError, match="no version 99"):
        registry.version("99")
    with pytest.raises(RegistryError, match="@nobody"):
        registry.version("@nobody")


def test_a_model_goes_into_service_and_the_next_takes_its_place(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    manager = ProcessManager(where.run_folder)

    def serve(version: ModelVersion) -> None:
        recorded = registry.fetch(version.uri, tmp_path) / RECORDED_FILE
        with owning_slots(where, "test", timeout_s=0):
            staged = stage(where, version.uri, recorded, lambda text: None)
            assert staged.largest_difference < 1e-6
            assert 0 < staged.p50_ms <= staged.p99_ms < 1000
            take_over(where, registry, staged, version, "promote", "test", lambda text: None)

    serve(versions[0])
    assert pce.endpoint["url"] == where.slots[0].url
    serve(versions[1])

    assert pce.endpoint == {
        "url": where.slots[1].url,
        "model_name": "model",
        "model_version": "2",
        "policy": "least_fragmentation",
        "model_uri": versions[1].uri,
        "forecast": None,
    }
    assert served_uri(where, where.slots[1]) == versions[1].uri
    assert manager.state("model-a").state == "STOPPED"
    assert not (where.serving_folder / "model-a.json").exists()
    assert httpx.get(where.slots[1].url + "/ping").is_success
    manager.stop("model-b")  # as after a restart of the machine
    with owning_slots(where, "test", timeout_s=0):
        assert restart_in_service(where, lambda text: None) == "2"
    assert httpx.get(where.slots[1].url + "/ping").is_success


def test_a_model_that_does_not_start_any_more_is_told_and_not_waited_for_again(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where, _ = target
    version, told = versions[1], list[str]()
    recorded = registry.fetch(version.uri, tmp_path) / RECORDED_FILE

    def dies(*_given: object) -> None:
        raise ProvisionError("model-a does not answer: made for 42 features")

    with owning_slots(where, "test", timeout_s=0):
        staged = stage(where, version.uri, recorded, lambda text: None)
        take_over(where, registry, staged, version, "promote", "test", lambda text: None)
        monkeypatch.setattr("tasks.provision.wait_for_ping", dies)
        assert restart_in_service(where, told.append) is None
        monkeypatch.undo()
        staged = stage(where, version.uri, recorded, lambda text: None)  # as ``lightloop up`` goes on
        take_over(where, registry, staged, version, "promote", "test", lambda text: None)

    assert "made for 42 features" in told[-1]
    assert httpx.get(staged.slot.url + "/ping").is_success


def test_a_model_that_answers_otherwise_stays_out(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    before = dict(pce.endpoint)
    recorded = dict(np.load(registry.fetch(versions[0].uri, tmp_path) / RECORDED_FILE))
    recorded["scores"][3] = -recorded["scores"][3]
    np.savez(tmp_path / "other.npz", **recorded)

    with (
        owning_slots(where, "test", timeout_s=0),
        pytest.raises(ProvisionError, match="observation 3"),
    ):
        stage(where, versions[0].uri, tmp_path / "other.npz", lambda text: None)

    assert pce.endpoint == before
    assert httpx.get(before["url"] + "/ping").is_success
    assert ProcessManager(where.run_folder).state("model-a").state == "STOPPED"


def test_when_the_pce_refuses_the_old_model_stays(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    before = dict(pce.endpoint)
    version = versions[0]
    recorded = registry.fetch(version.uri, tmp_path) / RECORDED_FILE
    with owning_slots(where, "test", timeout_s=0):
        staged = stage(where, version.uri, recorded, lambda text: None)
        pce.refuses = True
        with pytest.raises(ProvisionError, match="503"):
            take_over(where, registry, staged, version, "promote", "test", lambda text: None)

    pce.refuses = False
    assert champion_of(registry) == versions[1]
    assert pce.endpoint == before
    assert httpx.get(before["url"] + "/ping").is_success
    assert ProcessManager(where.run_folder).state("model-a").state == "STOPPED"


def test_a_model_that_does_not_exist_is_told_with_the_end_of_its_log(
    versions: list[ModelVersion], target: Serving, tmp_path: Path
) -> None:
    where, pce = target
    before = dict(pce.endpoint)

    with (
        owning_slots(where, "test", timeout_s=0),
        pytest.raises(ProvisionError, match=r"(?s)model-a does not answer.*not found"),
    ):
        stage(where, "models:/model/99", tmp_path / "none.npz", lambda text: None)

    assert pce.endpoint == before


def test_what_is_in_service_is_never_stopped_whoever_asks(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    recorded = registry.fetch(versions[0].uri, tmp_path) / RECORDED_FILE
    with owning_slots(where, "test", timeout_s=0):
        staged = stage(where, versions[0].uri, recorded, lambda text: None)
        take_over(where, registry, staged, versions[0], "promote", "test", lambda text: None)

        with pytest.raises(ProvisionError, match="is in service"):
            unstage(where, staged)

    with pytest.raises(ProvisionError, match="by their owner only"):
        unstage(where, staged)
    assert pce.endpoint["url"] == staged.slot.url
    assert served_uri(where, staged.slot) == versions[0].uri


def test_a_challenger_whose_slot_was_given_to_another_model_is_not_switched_to(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    before = dict(pce.endpoint)

    def staged(version: ModelVersion) -> Staged:
        recorded = registry.fetch(version.uri, tmp_path) / RECORDED_FILE
        return stage(where, version.uri, recorded, lambda text: None)

    with owning_slots(where, "test", timeout_s=0):
        challenger = staged(versions[1])
        other = staged(versions[0])
        assert other.slot == challenger.slot
        with pytest.raises(ProvisionError, match=f"serves {versions[0].uri}, not {versions[1].uri}"):
            take_over(where, registry, challenger, versions[1], "promote", "test", lambda text: None)
        unstage(where, challenger)

    assert pce.endpoint == before
    assert champion_of(registry) == versions[0]
    assert httpx.get(before["url"] + "/ping").is_success


def test_what_a_killed_flow_left_staged_is_emptied(
    registry: Registry,
    versions: list[ModelVersion],
    target: Serving,
    tmp_path: Path,
) -> None:
    where, pce = target
    before = dict(pce.endpoint)
    with owning_slots(where, "killed", timeout_s=0):
        staged = stage(
            where, versions[1].uri, registry.fetch(versions[1].uri, tmp_path) / RECORDED_FILE, lambda t: None
        )
        pce.challenger = {"url": staged.slot.url}  # it was on trial

    with owning_slots(where, "test", timeout_s=0):
        done = settle(where, registry, lambda text: None)
        assert settle(where, registry, lambda text: None) == []

    assert done == [f"emptied {staged.slot.name}, which held {versions[1].uri} for nobody"]
    assert pce.challenger is None
    assert ProcessManager(where.run_folder).state(staged.slot.name).state == "STOPPED"
    assert pce.endpoint == before
    assert httpx.get(before["url"] + "/ping").is_success
