"""The chain from a decision back to where its model comes from, whole and with links gone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from envs.trace import Trace, write_trace
from envs.window import LIVE_FILE, TRACE_FOLDER, Live, Window, write_window
from tasks.lineage import Ancestor, LineageError, Sources, lineage
from tasks.promotions import Promotion
from tasks.registry_reader import KeptRun, KeptVersion, RegistryReader, RegistryReadError

TAGS = {
    "kind": "training",
    "gate": "passed",
    "gate.verdict": "linear passes all 9 rules",
    "mlflow.source.git.commit": "a" * 40,
    "prefect.flow_run_id": "flow-1",
}
OF_VERSION = {"policy": "linear", "kind": "agent", "topology": "five-node", "forecast": "f0"}
VERSION = KeptVersion("2", "run-2", 1000.0, OF_VERSION)
FLOW_RUN = {"name": "train five-node", "state": "Promoted"}
DECISION = {
    "decision_id": "d-1",
    "service_uuid": "11111111-2222-4333-8444-555555555555",
    "time_s": 2000.0,
    "outcome": "accepted",
    "decided_by": "model",
    "model_version": "2",
    "policy": "linear",
    "fallback_reason": None,
    "nodes": "A,B,D",
    "first_slot": 3.0,
}


class FakeReader:
    """MLflow as it would answer."""

    model_name = "lightloop-five-node"

    def __init__(self, run: KeptRun) -> None:
        self.versions: dict[str, KeptVersion] = {"2": VERSION}
        self.runs: dict[str, KeptRun] = {"run-2": run}
        self.away = False

    def version(self, number: str) -> KeptVersion | None:
        self._answer()
        return self.versions.get(number)

    def run(self, run_id: str) -> KeptRun | None:
        self._answer()
        return self.runs.get(run_id)

    def aliases(self) -> dict[str, str]:
        self._answer()
        return {"champion": "2"}

    def _answer(self) -> None:
        if self.away:
            raise RegistryReadError("MLflow at http://nowhere does not answer")


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    made = Trace(
        arrival_s=np.arange(3.0),
        holding_s=np.ones(3),
        source=np.zeros(3, int),
        destination=np.ones(3, int),
        bit_rate_gbps=np.full(3, 100.0),
        max_latency_ms=np.full(3, np.inf),
        service_class=np.zeros(3, int),
        node_names=("A", "B"),
        class_names=("all",),
        topology_hash="",
        origin="by hand",
    )
    write_trace(made, tmp_path / "traces")
    return made


@pytest.fixture
def reader(trace: Trace) -> FakeReader:
    datasets = {"training": (trace.id,), "evaluation": ("e" * 16, "f" * 16)}
    metrics = {"evaluation/challenger_request_blocking": 0.012}
    seed = {"training.seed": "7"}
    return FakeReader(KeptRun("run-2", "nightly", "FINISHED", False, TAGS, seed, metrics, datasets))


@pytest.fixture
def sources(tmp_path: Path, reader: FakeReader) -> Sources:
    folder = tmp_path / "decisions"
    folder.mkdir()
    fallback = DECISION | {
        "decision_id": "d-2",
        "service_uuid": None,
        "decided_by": "fallback",
        "fallback_reason": "late",
        "policy": "ksp_ff",
        "model_version": None,
    }
    blocked = DECISION | {"decision_id": "d-0", "outcome": "blocked", "decided_by": "none", "time_s": 1999.0}
    pd.DataFrame([blocked, DECISION, fallback]).to_parquet(folder / "part-00000001-20260101T000000Z.parquet")
    promotions = (Promotion("promote", reader.model_name, "2", "", "linear", "passes all 9 rules", 1500.0),)
    flow_runs: Mapping[str, Any] = {"flow-1": FLOW_RUN}
    stores = (folder, tmp_path / "traces", tmp_path / "windows")
    return Sources(*stores, promotions, reader, flow_runs.get)  # type: ignore[arg-type]


def flat(link: Ancestor) -> dict[str, Ancestor]:
    found = {link.what: link}
    for behind in link.comes_from:
        found |= flat(behind)
    return found


@pytest.mark.parametrize("word", ["d-1", DECISION["service_uuid"]])
def test_the_chain_goes_from_the_lightpath_back_to_the_commit(
    word: str, sources: Sources, trace: Trace
) -> None:
    chain = lineage(word, sources)
    links = flat(chain)
    assert list(chain.all_missing()) == []
    assert {what: link.name for what, link in links.items()} == {
        "decision": "d-1",
        "version": "lightloop-five-node 2",
        "run": "run-2",
        "gate": "passed",
        "commit": "a" * 40,
        "seed": "7",
        "trace": trace.id,
        "evaluation": "2 held-out traces",
        "flow run": "flow-1",
    }
    assert links["decision"].facts["first_slot"] == 3.0
    assert "fallback_reason" not in links["decision"].facts
    assert links["gate"].facts["verdict"] == "linear passes all 9 rules"
    assert links["gate"].facts["request_blocking"] == 0.012
    assert links["trace"].facts["requests"] == 3
    assert links["version"].facts["forecast"] == "f0"
    assert links["version"].facts["served"] == ["1970-01-01T00:25:00Z to now"]
    assert links["flow run"].facts == FLOW_RUN
    assert chain.to_json()["comes_from"][0]["comes_from"][0]["name"] == "run-2"


@pytest.mark.parametrize("word", ["2", "@champion"])
def test_a_version_is_walked_from_by_number_and_by_alias(word: str, sources: Sources) -> None:
    chain = lineage(word, sources)
    assert (chain.what, chain.name) == ("version", "lightloop-five-node 2")
    assert flat(chain)["seed"].name == "7"


def test_of_a_service_that_was_asked_twice_the_decision_that_carries_it_is_told(sources: Sources) -> None:
    chain = lineage(str(DECISION["service_uuid"]), sources)
    assert chain.name == "d-1"
    assert chain.facts["decisions_for_this_service"] == 2


def test_a_fallbacks_chain_ends_with_the_heuristic_and_is_whole(sources: Sources) -> None:
    chain = lineage("d-2", sources)
    (behind,) = chain.comes_from
    assert (behind.what, behind.name, behind.facts["reason"]) == ("fallback", "ksp_ff", "late")
    assert list(chain.all_missing()) == []


def changed_run(reader: FakeReader, **changes: Any) -> None:
    reader.runs["run-2"] = replace(reader.runs["run-2"], **changes)


def without(tag: str) -> dict[str, str]:
    return {name: value for name, value in TAGS.items() if name != tag}


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (lambda reader, _: reader.versions.clear(), "version lightloop-five-node 2: deleted in MLflow"),
        (lambda reader, _: reader.runs.clear(), "run run-2: MLflow has no such run any more"),
        (lambda reader, _: setattr(reader, "away", True), "MLflow at http://nowhere does not answer"),
        (lambda reader, _: changed_run(reader, tags=without("gate")), r"gate \?: no verdict"),
        (
            lambda reader, _: changed_run(reader, tags=TAGS | {"mlflow.source.git.commit": "unknown"}),
            r"commit \?: the run was made outside a git checkout",
        ),
        (
            lambda reader, _: changed_run(reader, parameters={}),
            r"seed \?: the run has no parameter",
        ),
        (lambda reader, _: changed_run(reader, datasets={}), r"trace \?: the run names no dataset"),
        (
            lambda reader, _: changed_run(reader, tags=without("prefect.flow_run_id")),
            r"flow run \?: the run has no tag prefect.flow_run_id",
        ),
        (
            lambda reader, _: changed_run(reader, tags=TAGS | {"prefect.flow_run_id": "old"}),
            "flow run old: Prefect forgot it",
        ),
        (
            lambda _, sources: next(sources.traces.glob("*")).unlink(),
            "trace .* is not in .*traces any more",
        ),
    ],
)
def test_a_missing_link_says_which_and_why_and_the_rest_is_told(
    breaks: Any, says: str, sources: Sources, reader: FakeReader
) -> None:
    breaks(reader, sources)
    chain = lineage("d-1", sources)
    (missing,) = chain.all_missing()
    assert pd.Series([missing]).str.contains(says).all(), missing
    assert flat(chain)["decision"].facts["nodes"] == "A,B,D"


def lived(trace: Trace, began_s: float) -> Window:
    live = tuple(Live(f"s{n}", f"d{n}", None, "none", "", True, True) for n in range(trace.num_requests))
    return Window(trace, live, (), (), (), {}, began_s, 100.0, (0, 1))


@pytest.fixture
def windows(sources: Sources, trace: Trace, reader: FakeReader) -> dict[str, Path]:
    """The three windows of a training that learned from operation, by the tag that names them."""
    tags = ("window", "window.learned", "window.held_out")
    folders = {tag: write_window(lived(trace, began_s), sources.windows) for began_s, tag in enumerate(tags)}
    changed_run(reader, tags=TAGS | {tag: folder.name for tag, folder in folders.items()})
    return folders


def behind_run(chain: Ancestor, what: str) -> list[Ancestor]:
    return [link for link in flat(chain)["run"].comes_from if link.what == what]


def test_a_training_names_the_windows_it_learned_from_and_was_judged_on(
    windows: dict[str, Path], sources: Sources
) -> None:
    chain = lineage("2", sources)
    assert list(chain.all_missing()) == []
    found = behind_run(chain, "window")
    assert [link.name for link in found] == [folder.name for folder in windows.values()]
    assert [link.facts["purpose"] for link in found] == [
        "the whole",
        "its earlier part, learned from",
        "its later part, judged on",
    ]
    assert found[1].facts["requests"] == 3
    assert (found[1].facts["began"], found[1].facts["ended"]) == (
        "1970-01-01T00:00:01Z",
        "1970-01-01T00:01:41Z",
    )


def test_a_training_that_was_given_no_window_names_none(sources: Sources) -> None:
    assert behind_run(lineage("2", sources), "window") == []


def test_of_a_window_is_told_what_is_still_on_disk(windows: dict[str, Path], sources: Sources) -> None:
    (windows["window.held_out"] / LIVE_FILE).unlink()
    shutil.rmtree(windows["window.learned"])

    chain = lineage("2", sources)

    learned, held_out = (windows[tag] for tag in ("window.learned", "window.held_out"))
    assert list(chain.all_missing()) == [
        f"window {learned.name}: it is not in {sources.windows} any more",
        f"window {held_out.name}: {LIVE_FILE} is not in {held_out} any more; "
        f"there: window.json, {TRACE_FOLDER}",
    ]


def test_what_nobody_knows_is_refused(sources: Sources) -> None:
    with pytest.raises(LineageError, match="no decision or service 'x'"):
        lineage("x", sources)
    with pytest.raises(LineageError, match="has and had no version 9"):
        lineage("9", sources)
    with pytest.raises(LineageError, match="no alias @previous; there: @champion"):
        lineage("@previous", sources)


def test_a_run_and_a_version_are_read_as_mlflow_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {
        "info": {"run_id": "r", "run_name": "n", "status": "FINISHED", "lifecycle_stage": "deleted"},
        "data": {
            "metrics": [{"key": "m", "value": 0.5, "timestamp": 1, "step": 0}],
            "params": [{"key": "training.seed", "value": "3"}],
            "tags": [{"key": "kind", "value": "training"}],
        },
        "inputs": {
            "dataset_inputs": [
                {
                    "tags": [{"key": "mlflow.data.context", "value": purpose}],
                    "dataset": {"name": f"trace-{digest}", "digest": digest, "source_type": "local"},
                }
                for purpose, digest in (("training", "a"), ("evaluation", "b"), ("evaluation", "c"))
            ]
        },
    }
    version = {"name": "m", "version": "4", "run_id": "r", "creation_timestamp": 5000, "tags": []}

    def answer(method: str, url: str, **asked: Any) -> httpx.Response:
        request = httpx.Request(method, url)
        if url.endswith("runs/get"):
            return httpx.Response(200, json={"run": run}, request=request)
        if asked["params"]["version"] == "4":
            return httpx.Response(200, json={"model_version": version}, request=request)
        return httpx.Response(404, request=request)

    monkeypatch.setattr(httpx, "request", answer)
    reader = RegistryReader("http://mlflow", "m")
    assert reader.version("4") == KeptVersion("4", "r", 5.0, {})
    assert reader.version("5") is None
    found = reader.run("r")
    assert found is not None
    assert (found.is_deleted, found.parameters, found.metrics) == (True, {"training.seed": "3"}, {"m": 0.5})
    assert found.datasets == {"training": ("a",), "evaluation": ("b", "c")}
