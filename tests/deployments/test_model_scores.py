"""The shorter way to scores against MLflow's own: the same answers, and MLflow's own refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from agents.artefact import GENERALIST_FOLDER
from deployments.model_slot import scoring_app
from envs.features import NUM_CONTEXT, NUM_FEATURES
from tasks.behaviour import Behaviour, write_behaviour
from tasks.model_signature import model_parts

SIZE, ROWS = 7, 5


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A slot's application around the policy that ships."""
    import mlflow

    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(3)
    mask = rng.random((ROWS, SIZE)) < 0.7
    features = np.where(mask[..., None], rng.normal(size=(ROWS, SIZE, NUM_FEATURES)), 0).astype(np.float32)
    context = rng.random((ROWS, NUM_CONTEXT)).astype(np.float32)
    scores = np.zeros((ROWS, SIZE), np.float32)
    recorded = write_behaviour(Behaviour(features, mask.astype(np.float32), context, scores), folder)
    parts = model_parts({"policy": GENERALIST_FOLDER, "recorded": recorded}, {})
    mlflow.pyfunc.save_model(folder / "model", **parts)
    return scoring_app(str(folder / "model"))


def question(app: Any) -> dict[str, Any]:
    recorded = np.load(Path(app._predict.__self__._model_impl.context.artifacts["recorded"]))
    return {name: recorded[name].tolist() for name in ("features", "action_mask", "context")}


def test_the_scores_are_those_that_mlflow_gives(app):
    inputs = question(app)
    answers = [TestClient(asked).post("/invocations", json={"inputs": inputs}) for asked in (app, app.app)]
    assert [answer.status_code for answer in answers] == [200, 200]
    short, full = (answer.json()["predictions"]["scores"] for answer in answers)
    assert short == full
    assert np.shape(short) == (ROWS, SIZE)
    # Asked about alone, a request gets the scores that it gets among others.
    for row in range(ROWS):
        alone = {name: values[row : row + 1] for name, values in inputs.items()}
        answer = TestClient(app).post("/invocations", json={"inputs": alone})
        assert answer.json()["predictions"]["scores"] == short[row : row + 1]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("{", "application/json"),
        ("[]", "application/json"),
        ('{"inputs": {"features": [[[1.0]]], "action_mask": [[1]], "context": [[1]]}}', "application/json"),
        (json.dumps({"inputs": {"features": [[[1.0]]]}}), "application/json"),
        (json.dumps({"inputs": {"features": [["a"]]}}), "application/json"),
        (json.dumps({"instances": [1, 2]}), "application/json"),
        (json.dumps({"inputs": {}, "params": {}}), "application/json"),
        ("a,b\n1,2", "text/csv"),
        ("hello", "text/plain"),
    ],
)  # fmt: skip
def test_what_is_no_plain_question_is_answered_by_mlflow(app, body, content_type):
    headers = {"content-type": content_type}
    short, full = (
        TestClient(asked).post("/invocations", content=body, headers=headers) for asked in (app, app.app)
    )
    assert short.status_code == full.status_code >= 400
    assert short.json() == full.json() if full.headers["content-type"] == "application/json" else True


def test_the_rest_of_mlflows_application_is_there(app):
    client = TestClient(app)
    assert client.get("/ping").status_code == 200
    assert client.get("/version").json()["model_uri"]
    assert client.get("/invocations").status_code == 405
