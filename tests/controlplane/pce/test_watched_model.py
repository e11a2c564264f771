"""What the PCE says of the model in service while it goes on, and what it spares itself."""

import concurrent.futures
import threading
import time
from typing import Any

from controlplane.pce import look
from controlplane.pce.endpoint import Endpoint, write_endpoint
from tests.controlplane.pce.pce_client import reason


def test_a_model_that_changes_behind_the_pce_degrades_its_status_until_it_is_right_again(start, model):
    model.model_uri = "models:/lightloop/2"
    with start(look_interval_s=0.05) as pce:
        assert pce.use(model.url, version="2", model_uri="models:/lightloop/2").status_code == 200

        def status() -> dict[str, Any]:
            time.sleep(0.05)
            return pce.http.get("/status").json()

        def wait_for(health: str) -> list[str]:
            deadline = time.monotonic() + 20
            while (found := status())["health"] != health:
                assert time.monotonic() < deadline, found
            return found["reasons"]

        model.model_uri = "models:/lightloop/1"
        (why,) = wait_for("degraded")
        assert "serves models:/lightloop/1, and version 2 of lightloop is models:/lightloop/2" in why
        model.model_uri = "models:/lightloop/2"
        assert wait_for("healthy") == []


def test_a_pce_that_starts_before_its_model_does_not_wait_a_minute_to_see_it(start, model):
    model.model_uri = "models:/lightloop/2"
    with start(look_interval_s=60) as pce:
        pce.use(model.url, version="2", model_uri="models:/lightloop/2")
    model.die()
    with start(look_interval_s=60) as pce:
        (why,) = pce.http.get("/status").json()["reasons"]
        assert "does not say which model it serves" in why
        model.revive()
        deadline = time.monotonic() + 20
        while pce.http.get("/status").json()["health"] != "healthy":
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_second_pce_asks_the_model_that_the_first_was_told_of_once_it_answers(
    start, new_model, monkeypatch, tmp_path
):
    monkeypatch.setattr("controlplane.pce.endpoint.FOLLOW_S", 0.05)
    old, new = new_model(), new_model()
    old.model_uri, new.model_uri = "models:/lightloop/1", None
    with start() as first, start(decisions=tmp_path / "decisions" / "b") as second:
        assert first.use(old.url, version="1", model_uri=old.model_uri).status_code == 200

        def wait_for(version: str) -> None:
            deadline = time.monotonic() + 20
            while second.http.get("/status").json()["model_version"] != version:
                assert time.monotonic() < deadline
                time.sleep(0.05)

        wait_for("1")
        told = Endpoint(
            url=new.url,
            model_name="lightloop",
            model_version="2",
            policy="ppo",
            model_uri="models:/lightloop/2",
        )
        write_endpoint(tmp_path / "serving" / "endpoint.json", told)  # before its server is up
        time.sleep(0.3)
        assert second.http.get("/status").json()["model_version"] == "1"
        new.model_uri = told.model_uri
        wait_for("2")
        assert second.path(second.ask("A", "B")).model_version == "2"


def test_no_model_in_service_is_said(start):
    with start() as pce:
        status = pce.http.get("/status").json()

    assert status["health"] == "degraded"
    assert status["reasons"] == ["no model is in service; ksp_ff decides"]


def test_candidates_are_not_listed_again_where_nothing_has_changed(start, model, monkeypatch):
    listed_again = []
    monkeypatch.setattr(look, "still_feasible", lambda *asked: listed_again.append(asked) or True)
    with start() as pce:
        pce.use(model.url)
        assert pce.path(pce.ask("A", "B")).decided_by == "model"
    assert listed_again == []


def test_switching_between_endpoints_under_load_loses_no_request(start, new_model):
    models = [new_model(), new_model()]
    for fake in models:
        fake.delay_s = 0.02
    with start() as pce:
        pce.use(models[0].url, version="0")
        ended = threading.Event()

        def keep_asking() -> list[str]:
            deciders = []
            while not ended.is_set():
                deciders.append(pce.path(pce.ask("A", "C")).decided_by)
            return deciders

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(keep_asking) for _ in range(4)]
            for switch in range(1, 5):
                time.sleep(0.2)
                new, old = models[switch % 2], models[(switch + 1) % 2]
                assert pce.use(new.url, version=str(switch)).status_code == 200
                old.die()  # at once, requests in flight or not
                time.sleep(0.1)
                old.revive()
            ended.set()
            deciders = [name for future in asking for name in future.result()]
        assert len(deciders) > 40
        assert set(deciders) == {"model"}
        assert set(pce.log()["model_version"]) >= {"0", "1", "2", "3", "4"}


def test_a_server_with_another_model_than_said_is_not_switched_to(start, model, new_model):
    model.model_uri = "models:/lightloop/1"
    other = new_model()
    other.model_uri = "models:/lightloop/1"  # the slot was given to somebody else meanwhile
    with start() as pce:
        assert pce.use(model.url, version="1", model_uri="models:/lightloop/1").status_code == 200
        before = pce.http.get("/status").json()
        assert before["health"] == "healthy"

        refused = pce.use(other.url, version="2", model_uri="models:/lightloop/2")

        assert reason(refused) == f"{other.url} serves models:/lightloop/1, not models:/lightloop/2"
        other.model_uri = None
        assert "no model that it names" in reason(
            pce.use(other.url, version="2", model_uri="models:/lightloop/2")
        )
        assert pce.http.get("/status").json() == before
