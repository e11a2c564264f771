"""A model is asked about what its own demand forecast shows, and every decision says which that was."""

import concurrent.futures
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from envs.candidates import observe
from envs.features import COLUMN
from envs.forecast import forecast_from
from envs.lockstep import lockstep_on_requests
from envs.network import Network
from envs.plant import build_plant
from envs.request import Request
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace, requests_of
from tests.controlplane.pce.pce_client import added, reason
from topologies.catalogue import load_topology

SPEC = PlantSpec(num_slots=32, k_paths=3, max_candidates=12, starts_per_path=4, shortlist=12)
TRAFFIC = PoissonTraffic(load_erlang=40.0, bit_rates_gbps=(25.0, 100.0))


@pytest.fixture(scope="module")
def plant():
    return build_plant(load_topology("five-node"), SPEC)


def hot(plant, source, destination):
    """The forecast of 500 requests, nearly all of one pair."""
    weights = np.ones((5, 5))
    weights[source, destination] = 200.0
    return forecast_from(make_trace(replace(TRAFFIC, pair_weights=weights), plant, 500, 1), plant)


def test_a_model_is_shown_the_bits_that_training_under_its_forecast_showed(plant, start, model, controller):
    forecast = hot(plant, 0, 1)
    trace = make_trace(TRAFFIC, plant, 40, 3)
    trace = replace(trace, holding_s=np.full(40, 1e6))  # nothing departs
    training = lockstep_on_requests(plant.with_forecast(forecast), requests_of([trace], plant))
    training.reset()
    buffers, rewards, differing = training.observation_buffers(), np.zeros(1, np.float32), 0
    training.observe_into(*buffers)
    names, network = plant.topology.node_names, Network(plant)
    with start() as pce:
        assert pce.use(model.url, forecast=forecast.to_json()).status_code == 200
        for t in range(trace.num_requests):
            ends, rate_gbps = (int(trace.source[t]), int(trace.destination[t])), float(trace.bit_rate_gbps[t])
            answer = pce.ask(*(names[end] for end in ends), rate_gbps, version=controller.version)
            features, mask, context = (buffer[0] for buffer in buffers)
            assert (answer.status_code == 200) == bool(mask.any())
            if answer.status_code != 200:
                training.step_into(np.array([-1]), *buffers, rewards, t + 1 < trace.num_requests)
                continue
            seen = model.asked[-1]
            assert np.array(seen["features"], np.float32).tobytes() == features.tobytes()
            assert np.array(seen["context"], np.float32).tobytes() == context.tobytes()
            alike, _ = observe(plant, network, Request(*ends, rate_gbps))
            differing += alike.features.tobytes() != features.tobytes()
            path = pce.path(answer)
            chosen = int(np.flatnonzero(mask)[-1])  # what the model of these tests chooses
            controller.add(
                "lightpath-added",
                list(path.nodes),
                service_uuid=str(t),
                first_slot=path.first_slot,
                num_slots=path.num_slots,
            )
            index = plant.topology.node_index
            network.provision([index(name) for name in path.nodes], path.first_slot, path.num_slots)
            training.step_into(np.array([chosen]), *buffers, rewards, t + 1 < trace.num_requests)
        assert differing > 5  # else the forecast was not looked at
        assert set(pce.log()["forecast"]) == {forecast.content_hash}


def test_the_forecast_is_switched_with_the_model_and_is_there_after_a_restart(
    plant, start, model, controller
):
    one, other = hot(plant, 0, 1), hot(plant, 2, 3)
    controller.add(**added("AB", 3, 4))
    expected = [shown(plant, forecast) for forecast in (one, other, None)]
    assert len(set(expected)) == 3
    with start() as pce:
        for forecast, bits in zip((one, other, None), expected, strict=True):
            pce.use(model.url, forecast=forecast.to_json() if forecast else None)
            pce.path(pce.ask("A", "B", version=1))
            assert bits_of(model) == bits
            version = forecast.content_hash if forecast else None
            (row,) = pce.http.get("/decisions?limit=1").json()
            assert (row["decided_by"], row["forecast"]) == ("model", version)
            logged = pce.log().iloc[-1]["forecast"]
            assert logged == version or (version is None and pd.isna(logged))
            assert pce.http.get("/status").json()["forecast"] == version
        pce.use(model.url, forecast=one.to_json())
    with start() as pce:
        assert pce.http.get("/status").json()["forecast"] == one.content_hash
        pce.path(pce.ask("A", "B", version=1))
        assert bits_of(model) == expected[0]


def test_where_the_endpoint_is_switched_while_it_is_asked_the_new_one_sees_its_own_forecast(
    plant, start, model, new_model, controller
):
    one, other, second = hot(plant, 0, 1), hot(plant, 2, 3), new_model()
    controller.add(**added("AB", 3, 4))
    model.delay_s, model.answer = 1.0, "fails"
    with start(decision_deadline_ms=8000.0) as pce, concurrent.futures.ThreadPoolExecutor() as threads:
        pce.use(model.url, "1", forecast=one.to_json())
        asking = threads.submit(pce.ask, "A", "B", version=1)
        while not model.asked:
            time.sleep(0.01)
        pce.use(second.url, "2", forecast=other.to_json())
        path = pce.path(asking.result())
        assert bits_of(model) == shown(plant, one)
        assert bits_of(second) == shown(plant, other)
        row = pce.log().iloc[-1]
        assert (path.model_version, row["forecast"]) == ("2", other.content_hash)


def test_a_forecast_that_does_not_fit_is_refused_and_changes_nothing(plant, start, model):
    forecast = hot(plant, 0, 1)
    elsewhere = replace(forecast, topology_hash="0123456789abcdef")
    with start() as pce:
        pce.use(model.url, "1", forecast=forecast.to_json())
        before = pce.http.get("/status").json()
        assert "of the network with hash 0123456789abcdef" in reason(
            pce.use(model.url, "2", forecast=elsewhere.to_json())
        )
        damaged = forecast.to_json() | {"num_requests": 7}
        assert "changed after it was made" in reason(pce.use(model.url, "2", forecast=damaged), 400)
        assert pce.http.get("/status").json() == before


def test_a_stored_forecast_of_another_plant_leaves_the_fallback_to_decide_until_a_model_is_provisioned(
    plant, start, model, tmp_path
):
    forecast = hot(plant, 0, 1)
    with start() as pce:
        pce.use(model.url, "1", forecast=forecast.to_json())
    file = tmp_path / "serving" / "endpoint.json"
    elsewhere = replace(forecast, topology_hash="0123456789abcdef")
    text = file.read_text().replace(forecast.content_hash, elsewhere.content_hash)
    file.write_text(text.replace(forecast.topology_hash, elsewhere.topology_hash))
    with start() as pce:
        status = pce.http.get("/status").json()
        assert (status["health"], status["endpoint_url"]) == ("degraded", None)
        assert "0123456789abcdef" in status["reasons"][0]
        assert pce.path(pce.ask("A", "B")).decided_by == "fallback"
        assert pd.isna(pce.log().iloc[-1]["forecast"])
        pce.use(model.url, "1", forecast=forecast.to_json())
        assert pce.http.get("/status").json()["health"] == "healthy"


def shown(plant, forecast):
    """The bits that a model is to be sent about A to B where A-B holds slots 3 to 6."""
    network, index = Network(plant), plant.topology.node_index
    network.provision([index("A"), index("B")], 3, 4)
    observation, _ = observe(plant.with_forecast(forecast), network, Request(index("A"), index("B"), 100.0))
    assert observation.features[:, COLUMN.shortlisted].any()
    return observation.features.tobytes()


def bits_of(model):
    return np.array(model.asked[-1]["features"], np.float32).tobytes()
