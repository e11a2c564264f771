"""The loop's document from a real MLflow on SQLite, and logs made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.loop.document import LoopPlaces, LoopReader
from tasks.loop.registered import VersionReader
from tasks.promotion_budget import spend
from tasks.promotions import Promotion, append_promotion
from tasks.registry import Registry
from tasks.registry_reader import RegistryReader

MODEL, SCENARIO = "lightloop-small", "small"
PREFECT_RUN = {
    "id": "flow-1",
    "flow": "continuous-training",
    "name": "train small",
    "state_type": "COMPLETED",
    "state_name": "Refused",
    "state": {"message": "the champion stays: too slow"},
    "start_time": "1970-01-01T00:05:00Z",
    "end_time": "1970-01-01T00:06:00+00:00",
    "parameters": {"reason": "drift: node pairs"},
    "auto_scheduled": False,
}
NIGHTLY = PREFECT_RUN | {
    "id": "flow-2",
    "state_type": "SCHEDULED",
    "start_time": None,
    "auto_scheduled": True,
}
TABLE = {
    "columns": ["role", "policy", "request_blocking", "request_blocking_low", "request_blocking_high"],
    "data": [["challenger", "agent", 0.02, 0.018, 0.023], ["baseline", "ksp_ff", 0.03, 0.027, 0.034]],
}
REPORT = {
    "threshold_log_e": 4.6,
    "columns": {"node pairs": {"drifted": True, "log_e": 9.0, "measure": "share moved", "seen": 0.3}},
    "regret": {"against": "ksp_ff", "mean": 0.01, "ci95": [0.002, 0.018], "replayed": {}},
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A registry with a first champion, a refused challenger and an alarm, asked in process over its REST."""
    folder = tmp_path_factory.mktemp("mlflow")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", "loop", MODEL, folder / "promotions.jsonl")
    client = registry.client
    client.create_experiment("loop", artifact_location=f"file://{folder}/artifacts")
    client.create_registered_model(MODEL)
    runs = {
        "first": registry.start_run("first", {"scenario": SCENARIO}),
        "trained": registry.start_run(
            "trained",
            {"scenario": SCENARIO, "kind": "training", "reason": "drift", "prefect.flow_run_id": "flow-1"},
        ),
        "look": registry.start_run(
            "look", {"scenario": SCENARIO, "kind": "drift", "model_version": "1", "drift": "true"}
        ),
    }
    registry.log_metrics(
        runs["first"],
        {
            f"quick_evaluation/request_blocking{end}": v
            for end, v in (("", 0.03), ("_low", 0.02), ("_high", 0.04))
        },
    )
    registry.log_document(runs["trained"], TABLE, "tables/policies.json")
    registry.log_document(runs["look"], REPORT, "drift/report.json")
    registry.log_metrics(runs["look"], {"drift/log_e": 9.0, "drift/requests": 800.0})
    for name, gate in (("first", {}), ("trained", {"gate": "failed", "gate.verdict": "too slow"})):
        made = client.create_model_version(MODEL, str(folder), runs[name], tags={"policy": name, **gate})
        registry.end_run(runs[name])
    registry.end_run(runs["look"])
    registry.point("champion", "1")
    registry.point("challenger", str(made.version))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_MLFLOW_SERVER_FILE_STORE", registry.tracking_uri)
        patch.setenv("_MLFLOW_SERVER_REGISTRY_STORE", registry.tracking_uri)
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", f"{folder}/artifacts")
        from mlflow.server import app

        def asked(
            method: str, url: str, trust_env: bool = False, timeout: float = 0, **given: Any
        ) -> httpx.Response:
            with httpx.Client(transport=httpx.WSGITransport(app)) as http:
                return http.request(method, url, **given)

        patch.setattr("tasks.registry_reader.httpx.request", asked)
        yield runs


def places(folder: Path) -> LoopPlaces:
    return LoopPlaces(
        scenario=SCENARIO,
        decisions=folder / "decisions",
        training=folder / "training",
        models=folder / "models",
        promotions=folder / "promotions.jsonl",
        budget=folder / "budget.jsonl",
        probation=folder / "probation.json",
        experiment="loop",
        false_promotions_per_year=0.05,
        window_requests=100,
        prefect_url="http://prefect",
        mlflow_url="http://mlflow",
    )


@pytest.fixture
def home(tmp_path: Path) -> LoopPlaces:
    found = places(tmp_path)
    append_promotion(found.promotions, Promotion("promote", MODEL, "1", "", "first", "there was none", 100.0))
    spend(found.budget, MODEL, "run", "1", 0.05)
    found.decisions.mkdir()
    rows = [
        {"decision_id": str(n), "time_s": 200.0 + n, "outcome": "blocked" if n % 10 == 0 else "accepted"}
        | {"decided_by": "model", "cause": "create", "source": "A", "destination": "B"}
        for n in range(120)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (found.decisions / "part-00000001-20260101T000000Z.jsonl").write_text(text)
    log = found.training / "flow-1" / "progress.jsonl"
    log.parent.mkdir(parents=True)
    point = {
        "elapsed_s": 3.0,
        "stage": "search",
        "blocking": 0.04,
        "share_done": 0.5,
        "baselines": {"a": 0.03},
    }
    log.write_text(json.dumps({"event": "training", "time_s": 310.0, **point}) + "\n")
    return found


def test_everything_stands_in_it_with_its_runs(kept: dict[str, str], home: LoopPlaces) -> None:
    reader = LoopReader(home, RegistryReader("http://localhost", MODEL), lambda: [PREFECT_RUN, NIGHTLY])
    told = json.loads(json.dumps(reader.document()))

    assert told["faults"] == {}
    first, trained = told["versions"]
    assert first["score"] == {
        "role": "first champion", "policy": "first", "value": 0.03, "low": 0.02, "high": 0.04
    }  # fmt: skip
    assert (first["aliases"], trained["aliases"]) == (["champion"], ["challenger"])
    assert (trained["score"]["low"], trained["rivals"][0]["policy"]) == (0.018, "ksp_ff")
    score = VersionReader(RegistryReader("http://localhost", MODEL)).score(trained["number"])
    assert score is not None
    assert score.low == 0.018
    assert (trained["gate"], trained["verdict"], trained["flow_run_id"]) == ("failed", "too slow", "flow-1")
    (look,) = told["looks"]
    assert look["run_id"] == kept["look"]
    assert (look["log_e"], look["threshold_log_e"], look["regret"]["against"]) == (9.0, 4.6, "ksp_ff")
    (run,) = told["runs"]  # the nightly one has not been asked for by anybody
    assert (run["run_id"], run["version"], run["began_s"]) == (kept["trained"], trained["number"], 300.0)
    assert sum(item["requests"] for item in told["live"]) == 120
    assert sum(item["blocked"] for item in told["live"]) == 12
    (served,) = told["served"]
    assert (served["promised_request_blocking"], served["decisions"], served["blocked"]) == (0.03, 120, 12)
    assert told["curve"]["points"][0]["blocking"] == 0.04
    assert told["budget"]["num_gates"] == 1
    assert told["demand"] is None  # its model has not been fetched


def test_what_a_part_told_last_stays_while_it_is_away(
    kept: dict[str, str], home: LoopPlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = [[PREFECT_RUN]]

    def flow_runs() -> Any:
        if not answers:
            raise ValueError("Prefect does not answer")
        return answers.pop()

    reader = LoopReader(home, RegistryReader("http://localhost", MODEL), flow_runs)
    before = reader.document()

    def refuse(*_: Any, **__: Any) -> httpx.Response:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr("tasks.registry_reader.httpx.request", refuse)
    after = reader.document()
    assert set(after["faults"]) == {"mlflow", "prefect"}
    for part in ("versions", "looks", "runs", "served", "live"):
        assert len(after[part]) == len(before[part])


def test_an_installation_that_never_ran_has_a_document(tmp_path: Path, kept: dict[str, str]) -> None:
    nothing = replace(places(tmp_path), scenario="other")
    told = LoopReader(nothing, RegistryReader("http://localhost", "nothing"), list).document()
    assert (told["served"], told["versions"], told["live"], told["curve"]) == ([], [], [], None)
