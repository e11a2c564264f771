"""What may go and what stays, on a disk and in an MLflow store."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from envs.plant import Plant
from envs.trace import write_trace
from envs.traffic import PoissonTraffic
from envs.window import read_window, write_window
from tasks.kept_runs import delete_runs, expired_runs, referred
from tasks.operation.record import RECORD_SCHEMA_VERSION
from tasks.operation.store import write_about
from tasks.registry import WINDOW_TAGS, Registry
from tasks.retention import (
    DAY_S,
    InUse,
    expired_files,
    expired_models,
    expired_traces,
    expired_trainings,
    expired_windows,
    recorded_parts,
)
from tasks.trace import provide_trace
from tests.envs.test_window import a_window

NOBODY = InUse()
LONG_AGO_S = 1_000_000.0


def age(path: Path) -> None:
    """Last used long ago, with everything inside."""
    for item in [path, *path.rglob("*")]:
        os.utime(item, (LONG_AGO_S, LONG_AGO_S))


def names(found) -> set[str]:
    return {item.name for item in found}


@pytest.fixture
def now_s() -> float:
    return time.time()


def test_a_trace_goes_when_unused_unless_a_version_was_made_on_it(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path, now_s: float
) -> None:
    old, kept, given = (provide_trace(plant, traffic, 200, seed, tmp_path) for seed in (1, 2, 3))
    provide_trace(plant, traffic, 200, 4, tmp_path)
    for note in (tmp_path / "made").glob("*.json"):  # as if a person had brought it
        if json.loads(note.read_text())["id"] == given.id:
            note.unlink()
    for trace in (old, kept, given):
        age(trace.file)

    found = list(expired_traces(tmp_path, now_s - DAY_S, replace(NOBODY, traces=frozenset({kept.id}))))

    assert names(found) == {old.id}
    assert found[0].num_bytes == old.file.stat().st_size > 0
    found[0].delete()
    assert not old.file.exists()
    assert kept.file.exists()
    assert given.file.exists()
    assert len(list((tmp_path / "made").glob("*.json"))) == 2
    assert not provide_trace(plant, traffic, 200, 1, tmp_path).was_there  # it is made again


def test_using_a_trace_keeps_it(plant: Plant, traffic: PoissonTraffic, tmp_path: Path, now_s: float) -> None:
    trace = provide_trace(plant, traffic, 200, 1, tmp_path)
    age(trace.file)

    provide_trace(plant, traffic, 200, 1, tmp_path)

    assert not list(expired_traces(tmp_path, now_s - DAY_S, NOBODY))


def test_a_training_stays_while_it_runs_and_when_it_made_a_version(tmp_path: Path, now_s: float) -> None:
    logs = {name: "progress.jsonl" for name in ("old", "running", "champion", "written-to")}
    logs["earlier-champion"] = "journal.jsonl"  # the name that the log had before
    for name, log in logs.items():
        (tmp_path / name / "agent").mkdir(parents=True)
        (tmp_path / name / "agent" / "checkpoint").write_bytes(b"x" * 1000)
        (tmp_path / name / log).write_text(json.dumps({"event": "training"}) + "\n")
    for name in ("champion", "earlier-champion"):
        with (tmp_path / name / logs[name]).open("a") as stream:
            stream.write(json.dumps({"event": "version", "version": "2"}) + "\n")
    for name in logs:
        age(tmp_path / name)
    (tmp_path / "written-to" / "agent" / "checkpoint").touch()

    found = list(
        expired_trainings(tmp_path, now_s - DAY_S, replace(NOBODY, flow_runs=frozenset({"running"})))
    )

    assert names(found) == {"old"}
    found[0].delete()
    assert {item.name for item in tmp_path.iterdir()} == set(logs) - {"old"}


def test_fetched_models_in_service_and_fresh_files_stay(tmp_path: Path, now_s: float) -> None:
    for name in ("m-1", "lightloop-five-node-2"):
        (tmp_path / name).mkdir()
        age(tmp_path / name)
    in_use = replace(NOBODY, models=frozenset({"lightloop-five-node-2"}))
    assert names(expired_models(tmp_path, now_s - DAY_S, in_use)) == {"m-1"}

    old, fresh = tmp_path / "old.json", tmp_path / "fresh.json"
    old.write_text("{}")
    fresh.write_text("{}")
    age(old)
    assert names(expired_files("evaluation", tmp_path.glob("*.json"), now_s - DAY_S)) == {"old.json"}
    assert not list(expired_files("evaluation", tmp_path.glob("*.json"), -math.inf))  # null: for ever


def test_parts_of_the_decision_log_stay_until_the_record_has_taken_them_in(tmp_path: Path) -> None:
    decisions, record = tmp_path / "decisions", tmp_path / "operation"
    decisions.mkdir()
    names = [f"part-{number:08d}-20260101T000000Z" for number in range(4)]
    for name in names[:3]:
        (decisions / f"{name}.parquet").touch()
    (decisions / f"{names[3]}.jsonl").touch()
    assert recorded_parts(decisions, record) == []  # nobody has made a record

    record.mkdir()
    write_about(record, {"schema_version": RECORD_SCHEMA_VERSION, "parts": [*names[:2], "part-gone"]})
    assert [file.stem for file in recorded_parts(decisions, record)] == names[:2]


def test_a_window_goes_with_its_trace_unless_somebody_learned_from_it(tmp_path: Path, now_s: float) -> None:
    windows, traces = tmp_path / "windows", tmp_path / "traces"
    old, learned, fresh = (replace(a_window(), duration_s=duration_s) for duration_s in (10.0, 11.0, 12.0))
    other = replace(old, trace=replace(old.trace, origin="another"), duration_s=13.0)
    for window in (old, learned, fresh, other):
        write_trace(window.trace, traces)
        folder = write_window(window, windows)
        if window is not fresh:
            age(folder)
    in_use = replace(NOBODY, windows=frozenset({learned.id}))

    found = {item.name: item for item in expired_windows(windows, traces, now_s - DAY_S, in_use)}

    assert set(found) == {old.id, other.id}
    assert found[old.id].paths == (windows / old.id,)  # the trace is that of a window that stays
    for item in found.values():
        item.delete()
    assert {folder.name for folder in windows.iterdir()} == {learned.id, fresh.id}
    assert read_window(learned.id, windows).id == learned.id
    assert [file.stem for file in traces.glob("*.parquet")] == [old.trace.id]


def test_what_a_flow_run_under_way_may_have_touched_stays() -> None:
    assert InUse().before_s(10 * DAY_S, 2) == 8 * DAY_S
    assert InUse(since_s=3 * DAY_S).before_s(10 * DAY_S, 2) == 3 * DAY_S


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("mlflow")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", "test", "model", folder / "promotions.jsonl")
    client = MlflowClient(registry.tracking_uri, registry.tracking_uri)
    client.create_experiment("test", artifact_location=(folder / "artifacts").as_uri())
    return registry


def test_old_drift_runs_go_for_good_and_what_versions_refer_to_stays(
    registry: Registry, plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    client = MlflowClient(registry.tracking_uri, registry.tracking_uri)
    trace = provide_trace(plant, traffic, 200, 1, tmp_path)
    made = {}
    for name, kind in (("old", "drift"), ("championed", "drift"), ("trained", "training")):
        lived = {tag: f"{name}-{tag}" for tag in WINDOW_TAGS}
        with registry.run(name, {"kind": kind, "prefect.flow_run_id": f"flow-{name}"} | lived) as run_id:
            registry.log_text(run_id, "x" * 5000, "drift/report.html")
            registry.log_traces(run_id, [trace.id], tmp_path, "training")
        made[name] = run_id
    running = registry.start_run("running", {"kind": "drift"})
    client.create_registered_model("model")
    version = client.create_model_version("model", "file:///nowhere", made["championed"])
    client.set_registered_model_alias("model", "champion", version.version)

    in_use = referred(registry)
    assert in_use.mlflow_runs == {made["championed"]}
    assert in_use.traces == {trace.id}
    assert in_use.flow_runs == {"flow-championed"}
    assert in_use.models == {"model-1"}
    assert in_use.windows == {f"championed-{tag}" for tag in WINDOW_TAGS}
    assert expired_runs(registry, "drift", time.time() - DAY_S, in_use) == []

    found = expired_runs(registry, "drift", time.time() + 1, in_use)
    assert names(found) == {made["old"]}
    assert found[0].num_bytes >= 5000
    artifacts = Path(client.get_run(made["old"]).info.artifact_uri.removeprefix("file://"))
    assert artifacts.exists()
    delete_runs(registry, [made["old"]], registry.tracking_uri, os.environ)

    assert not (artifacts / "drift" / "report.html").exists()
    with pytest.raises(MlflowException):
        client.get_run(made["old"])
    assert {client.get_run(run).info.lifecycle_stage for run in (*list(made.values())[1:], running)} == {
        "active"
    }
