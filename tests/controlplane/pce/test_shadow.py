"""A challenger beside the champion: asked and never followed as a shadow, deciding its share as a canary."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from controlplane.pce.challenger import is_canary
from controlplane.pce.decision_log import read_decisions
from controlplane.tapi.purpose import Purpose
from envs.features import FEATURE_SCHEMA_VERSION
from tests.controlplane.pce.pce_client import Pce, added, reason

URI = "models:/m-challenger"
NUM_ASKED = 12


def first_allowed(features: list, mask: list, context: list) -> list[float]:
    """Scores that choose the first allowed candidate; the champion of these tests takes the last."""
    return [float(-index) if allowed else -1e9 for index, allowed in enumerate(mask)]


def body(plant: Any, url: str, **changes: Any) -> dict[str, Any]:
    return {
        "url": url,
        "model_name": "lightloop",
        "model_version": "8",
        "policy": "search",
        "model_uri": URI,
        "topology_hash": plant.topology.content_hash,
        "feature_schema_version": FEATURE_SCHEMA_VERSION,
        **changes,
    }


@pytest.fixture
def put(plant: Any) -> Callable[..., httpx.Response]:
    def put_beside(pce: Pce, url: str, **changes: Any) -> httpx.Response:
        return pce.http.put("/challenger", json=body(plant, url, **changes))

    return put_beside


@pytest.fixture
def challenger(new_model: Any) -> Any:
    fake = new_model()
    fake.model_uri, fake.scores = URI, first_allowed
    return fake


def status(pce: Pce) -> dict[str, Any]:
    return pce.http.get("/status").json()


def wait(pce: Pce, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status once it is as wanted."""
    deadline = time.monotonic() + 30
    while not is_there(found := status(pce)):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def settled(pce: Pce, num_decisions: int) -> dict[str, Any]:
    """What became of the challenger once each decision was asked about or skipped."""

    def all_told(found: dict[str, Any]) -> bool:
        counts = found["challenger"]
        return counts["asked"] + counts["skipped"] >= num_decisions and rows_told(pce) >= counts["asked"]

    wait(pce, all_told)
    return status(pce)["challenger"]


def rows_told(pce: Pce) -> int:
    return sum(row["challenger_outcome"] is not None for row in pce.http.get("/decisions").json())


def test_a_shadow_is_asked_what_was_decided_and_the_log_says_what_it_would_have_done(
    start, model, challenger, put, tmp_path
):
    with start() as pce:
        pce.use(model.url)
        assert put(pce, challenger.url).status_code == 200
        for number in range(3):
            assert pce.path(pce.ask("A", "C")).decided_by == "model"
            settled(pce, number + 1)
        challenger.scores = model.scores
        pce.path(pce.ask("A", "C"))
        counts = settled(pce, 4)
        assert (counts["asked"], counts["agreed"], counts["failed"], counts["skipped"]) == (4, 1, 0, 0)
        shown = pce.http.get("/decisions?limit=1").json()[0]
        assert (shown["challenger_agrees"], shown["challenger_observation"]) == (True, None)
    log = pce.log()
    assert list(log["model_version"]) == ["7"] * 4
    assert list(log["challenger_version"]) == ["8"] * 4
    assert list(log["challenger_outcome"]) == ["answered"] * 4
    assert list(log["challenger_agrees"]) == [False] * 3 + [True]
    assert not log["is_canary"].any()
    assert (log["challenger_ms"] > 0).all()
    for asked, told, chosen in zip(
        challenger.asked, log["challenger_observation"], log["challenger_chosen"], strict=True
    ):
        assert json.loads(told)["inputs"] == asked
        mask = np.flatnonzero(asked["action_mask"][0])
        assert chosen in (mask[0], mask[-1])


def test_no_answer_waits_for_a_shadow_that_hangs(start, model, challenger, put):
    challenger.delay_s = 3600.0
    with start(decision_deadline_ms=3_600_000.0) as pce:
        pce.use(model.url)
        put(pce, challenger.url)
        for _ in range(NUM_ASKED):
            # Every answer is there while the shadow still owes its first.
            assert pce.path(pce.ask("A", "C")).decided_by == "model"
        wait(pce, lambda found: len(challenger.asked) == 1)
        counts = status(pce)["challenger"]
        assert (counts["asked"], counts["skipped"], counts["failed"]) == (1, NUM_ASKED - 1, 0)
        assert len(model.asked) == NUM_ASKED
        assert rows_told(pce) == 0
    assert len(challenger.asked) == 1
    assert pce.log()["challenger_outcome"].isna().all()


@pytest.mark.parametrize(
    ("answer", "outcome"), [("nan", "wrong"), ("masked", "wrong"), ("html", "wrong"), ("fails", "down")]
)
def test_a_shadow_that_answers_rubbish_is_logged_and_changes_nothing(
    start, model, challenger, put, controller, answer, outcome
):
    controller.add(**added("AC", 0, 4))  # else nothing is masked
    challenger.answer = answer
    with start() as pce:
        pce.use(model.url)
        put(pce, challenger.url)
        for number in range(2):
            assert pce.path(pce.ask("A", "C", version=1)).decided_by == "model"
            counts = settled(pce, number + 1)
        assert (counts["asked"], counts["failed"], counts["agreed"]) == (2, 2, 0)
        assert status(pce)["fallbacks"] == 0
    assert list(pce.log()["challenger_outcome"]) == [outcome] * 2


def test_a_challenger_that_dies_is_dropped_and_the_champion_goes_on(start, model, challenger, put, tmp_path):
    with start(challenger_look_s=0.05) as pce:
        pce.use(model.url)
        put(pce, challenger.url)
        challenger.die()
        assert pce.path(pce.ask("A", "C")).decided_by == "model"
        found = wait(pce, lambda found: found["challenger"] is None)
        assert found["challenger_gone"] == f"version 8: {challenger.url} does not say which model it serves"
        assert found["health"] == "healthy"
        assert pce.path(pce.ask("A", "C")).decided_by == "model"
        assert not (tmp_path / "serving" / "challenger.json").exists()


def test_a_challenger_whose_server_has_another_model_by_now_is_dropped(start, model, challenger, put):
    with start(challenger_look_s=0.05) as pce:
        pce.use(model.url)
        put(pce, challenger.url, share=1.0)
        challenger.model_uri = "models:/m-other"
        gone = wait(pce, lambda found: found["challenger"] is None)["challenger_gone"]
        assert gone == f"version 8: {challenger.url} serves models:/m-other, not {URI}"
        assert pce.path(pce.ask("A", "C")).model_version == "7"


def test_the_hash_of_the_decision_id_says_which_decisions_are_canaries():
    names = [f"d-{number}" for number in range(2000)]
    for share in (0.0, 0.1, 0.5, 1.0):
        below = [int(hashlib.sha256(name.encode()).hexdigest()[:16], 16) / 2.0**64 < share for name in names]
        assert [is_canary(name, share) for name in names] == below
    # What is a canary at a small share is one at a larger one too.
    assert all(is_canary(name, 0.5) for name in names if is_canary(name, 0.1))
    assert 0.08 < sum(is_canary(name, 0.1) for name in names) / len(names) < 0.12


def test_a_canary_decides_its_share_and_the_row_says_so(start, model, challenger, put):
    names = [f"d-{number}" for number in range(16)]
    meant = [is_canary(name, 0.5) for name in names]
    with start() as pce:
        pce.use(model.url)
        put(pce, challenger.url, share=0.5)
        for number, name in enumerate(names):
            service = f"00000000-0000-4000-8000-{number:012d}"
            purpose = Purpose(service, "create", "any")
            path = pce.path(pce.ask("A", "C", decision_id=name, purpose=purpose))
            assert path.model_version == ("8" if meant[number] else "7")
        assert settled(pce, 16 - sum(meant))["canary_decisions"] == sum(meant)
        # Put up again after a cut, it is the champion's, whatever the hash says.
        name = names[meant.index(True)] + "-again"
        name = next(f"{name}{n}" for n in range(99) if is_canary(f"{name}{n}", 0.5))
        restored = pce.ask("A", "C", decision_id=name, purpose=Purpose(service, "restore", "any"))
        assert pce.path(restored).model_version == "7"
    log = pce.log()
    assert list(log["is_canary"][:16]) == meant
    canaries = log[:16][log["is_canary"][:16].astype(bool)]
    assert set(canaries["policy"]) == {"search"}
    assert set(canaries["challenger_outcome"]) == {"answered"}
    assert (canaries["challenger_chosen"] == canaries["chosen"]).all()
    assert canaries["challenger_agrees"].isna().all()
    assert pd.isna(log["is_canary"].iloc[16])


def test_a_canary_without_a_choice_is_the_heuristics_and_the_champions_where_it_is_not_even_asked(
    start, model, challenger, put
):
    challenger.answer = "nan"
    with start() as pce:
        pce.use(model.url)
        put(pce, challenger.url, share=1.0)
        assert pce.path(pce.ask("A", "C")).decided_by == "fallback"
        challenger.answer = "fails"
        for _ in range(3):  # so many in a row open the circuit breaker
            assert pce.path(pce.ask("A", "C")).decided_by == "fallback"
        path = pce.path(pce.ask("A", "C"))
        assert (path.decided_by, path.model_version) == ("model", "7")
        assert status(pce)["challenger"]["canary_decisions"] == 0
    log = pce.log()
    assert list(log["fallback_reason"])[:4] == ["wrong", "down", "down", "down"]
    assert list(log["challenger_outcome"]) == ["wrong", "down", "down", "down", "breaker-open"]
    assert log["is_canary"].all()


def test_a_challenger_that_does_not_belong_here_is_refused_and_changes_nothing(
    start, model, challenger, put, new_model
):
    with start() as pce:
        assert "no model is in service" in reason(put(pce, challenger.url))
        pce.use(model.url)
        put(pce, challenger.url)
        before = status(pce)
        other = new_model()
        assert f"not {URI}" in reason(put(pce, other.url))
        other.model_uri = URI
        assert "is the champion's" in reason(put(pce, model.url + "/"))
        assert "network with hash abc" in reason(put(pce, other.url, topology_hash="abc"))
        assert "features of schema 1" in reason(put(pce, other.url, feature_schema_version=1))
        assert "share" in reason(put(pce, other.url, share=1.5), 400)
        assert "forecast" in reason(put(pce, other.url, forecast={"num_requests": 7}), 400)
        assert "model_uri" in reason(put(pce, other.url, model_uri=""), 400)
        assert status(pce) == before


def test_a_challenger_is_there_after_a_restart_until_it_is_taken_away_or_in_charge(
    start, model, challenger, put, tmp_path
):
    file = tmp_path / "serving" / "challenger.json"
    with start() as pce:
        pce.use(model.url)
        put(pce, challenger.url, share=1.0)
    with start() as pce:
        assert (status(pce)["challenger"]["model_version"], status(pce)["challenger"]["share"]) == ("8", 1.0)
        assert pce.path(pce.ask("A", "C")).model_version == "8"
        assert pce.http.delete("/challenger").status_code == 200
        assert (status(pce)["challenger"], file.exists()) == (None, False)
        assert pce.http.delete("/challenger").status_code == 200  # safe to repeat
        put(pce, challenger.url)
        pce.use(challenger.url, "8", model_uri=URI)
        assert (status(pce)["challenger"], file.exists()) == (None, False)
        assert status(pce)["model_version"] == "8"
    file.write_text(json.dumps({"url": "http://127.0.0.1:1"}))
    with start() as pce:  # what cannot be read is dropped; the champion is there
        assert status(pce)["challenger"] is None
        assert "Field required" in status(pce)["challenger_gone"]
        assert pce.path(pce.ask("A", "C")).model_version == "8"


def test_a_second_pce_has_the_challenger_that_the_first_was_told_of_as_long_as_that_has_it(
    start, model, challenger, put, monkeypatch, tmp_path
):
    monkeypatch.setattr("controlplane.pce.endpoint.FOLLOW_S", 0.05)
    with start() as first, start(decisions=tmp_path / "decisions" / "b") as second:
        first.use(model.url)
        put(first, challenger.url, share=1.0)
        wait(second, lambda found: found["challenger"] is not None)
        assert second.path(second.ask("A", "C")).model_version == "8"
        put(first, challenger.url)  # a shadow only from now on
        wait(second, lambda found: found["challenger"]["share"] == 0.0)
        assert second.path(second.ask("A", "C")).model_version == "7"
        first.http.delete("/challenger")
        gone = wait(second, lambda found: found["challenger"] is None)["challenger_gone"]
        assert gone == "version 8: another path computation element asks it no more"
        put(first, challenger.url)
        second.http.delete("/challenger")  # whether or not it has heard of it yet
        wait(first, lambda found: found["challenger"] is None)
        assert second.path(second.ask("A", "C")).model_version == "7"
    log = read_decisions(tmp_path / "decisions" / "b")
    assert list(log["is_canary"][:2]) == [True, False]
    assert list(log["challenger_version"][:2]) == ["8", "8"]
    assert pd.isna(log["challenger_version"].iloc[2])
