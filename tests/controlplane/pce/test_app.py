"""The PCE over HTTP: decisions, refusals with reasons, fallback, switching, and what the log says of each."""

import concurrent.futures
import json
import logging
import math
import time

import httpx
import numpy as np
import pytest

from controlplane.pce.fallback import policy_scores
from controlplane.state_headers import STATE_CHANGES, STATE_STORE, STATE_VERSION
from controlplane.tapi.path_body import (
    COMPUTE_OPERATION,
    PATH_RESOURCE,
    build_compute_input,
    parse_compute_output,
)
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import ComputeRequest
from envs.candidates import observe
from envs.features import CONTEXT_NAMES, FEATURE_NAMES
from envs.heuristics import BASELINE_NAMES, baseline
from envs.network import Network
from envs.request import Request
from tests.controlplane.pce.pce_client import AUTHORISED, added, reason
from tests.controlplane.serving import leave_in_the_middle


def test_everything_but_health_asks_for_credentials(start):
    with start() as pce:
        bare = {"Authorization": ""}
        assert pce.http.get("/health", headers=bare).json() == {"status": "ok"}
        for method, path in (
            ("GET", "/status"),
            ("GET", "/decisions"),
            ("PUT", "/endpoint"),
            ("POST", COMPUTE_OPERATION),
            ("GET", PATH_RESOURCE + "x"),
        ):
            assert pce.http.request(method, path, headers=bare).status_code == 401


def test_a_client_that_is_gone_before_its_request_is_whole_is_no_defect(start, caplog):
    with start() as pce:
        leave_in_the_middle(str(pce.http.base_url), COMPUTE_OPERATION, AUTHORISED)
        assert pce.http.get("/status").status_code == 200  # answered behind it
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_without_an_endpoint_the_heuristic_decides_and_the_log_says_so(start):
    with start() as pce:
        path = pce.path(pce.ask("A", "B", max_latency_ms=5.0, decision_id="d1"))
        # 300 km is 16QAM: 100 Gb/s takes 2 slots and a guard slot; KSP-FF takes the direct fibre's lowest.
        assert (path.nodes, path.first_slot, path.num_slots) == (("A", "B"), 0, 3)
        assert (path.modulation_format, path.decided_by, path.policy) == ("16QAM", "fallback", "ksp_ff")
        assert path.latency_ms == pytest.approx(300 * 4.9e-3 + 0.02, abs=0.001)
        assert path.decision_id == "d1"
        row = pce.log().iloc[-1]
        assert (row["decided_by"], row["fallback_reason"]) == ("fallback", "no-endpoint")
        assert (row["nodes"], row["outcome"], row["max_latency_ms"]) == ("A,B", "accepted", 5.0)
        status = pce.http.get("/status").json()
        assert status["policy"] == "ksp_ff"
        assert status["endpoint_url"] is None
        assert (status["decisions"], status["fallbacks"]) == (1, 1)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_every_baseline_can_be_the_fallback(plant, start, controller, name):
    controller.add(**added("AB", 3, 4))
    with start(fallback_policy=name) as pce:
        path = pce.path(pce.ask("A", "B", 100, version=1))
        assert (path.decided_by, path.policy) == ("fallback", name)
        status = pce.http.get("/status").json()
        assert (status["policy"], status["fallback_policy"]) == (name, name)
        row = pce.log().iloc[-1]
    network = Network(plant)
    network.provision([0, 1], 3, 4)
    observation, candidates = observe(plant, network, Request(0, 1, 100.0))
    scores = policy_scores(baseline(name), observation)
    chosen = candidates[int(np.argmax(scores))]
    assert (path.first_slot, path.num_slots, row["chosen"]) == (
        chosen.first_slot,
        chosen.num_slots,
        int(np.argmax(scores)),
    )


def test_a_path_says_its_band_and_nothing_of_what_the_plant_does_not_know(start):
    with start() as pce:
        path = pce.path(pce.ask("A", "B"))
        row = pce.log().iloc[-1]
    assert (path.band, path.gsnr_db, path.margin_db, path.marginal_w) == ("C", None, None, None)
    assert row["band"] == "C"
    assert math.isnan(row["gsnr_db"])


def test_the_model_decides_when_there_is_one_and_the_row_holds_what_it_saw(start, model):
    with start() as pce:
        assert pce.use(model.url).status_code == 200
        path = pce.path(pce.ask("A", "C"))
        row = pce.log().iloc[-1]
        assert (path.decided_by, path.policy, path.model_version) == ("model", "ppo", "7")
        assert (row["decided_by"], row["policy"], row["model_version"]) == ("model", "ppo", "7")
        # The test's model takes the last candidate.
        assert row["chosen"] == row["num_candidates"] - 1 > 0
        (inputs,) = model.asked
        seen = np.array(inputs["features"][0][int(row["chosen"])], np.float32)
        assert np.array_equal(row[[f"f_{name}" for name in FEATURE_NAMES]].to_numpy(np.float32), seen)
        told = np.array(inputs["context"][0], np.float32)
        assert np.array_equal(row[[f"c_{name}" for name in CONTEXT_NAMES]].to_numpy(np.float32), told)
        (shown,) = pce.http.get("/decisions?limit=1").json()
        assert shown["decision_id"] == path.decision_id
        assert shown["max_latency_ms"] is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("nan", "wrong"), ("short", "wrong"), ("masked", "wrong"), ("fails", "down")],
)
def test_a_model_that_answers_badly_is_replaced_by_the_heuristic(start, model, answer, reason):
    with start() as pce:
        pce.use(model.url)
        model.answer = answer
        path = pce.path(pce.ask("A", "B"))
        assert (path.decided_by, path.nodes, path.first_slot) == ("fallback", ("A", "B"), 0)
        assert pce.log().iloc[-1]["fallback_reason"] == reason
        model.answer = "scores"
        assert pce.path(pce.ask("A", "B")).decided_by == "model"


def test_a_late_model_costs_its_deadline_and_a_dead_one_is_not_asked_for_long(start, model):
    with start(decision_deadline_ms=800.0) as pce:
        pce.use(model.url)
        model.delay_s = 600.0
        assert pce.path(pce.ask("A", "B")).decided_by == "fallback"
        row = pce.log().iloc[-1]
        assert row["fallback_reason"] == "late"
        assert 800 <= row["inference_ms"] < 600_000
        model.delay_s = 0.0
        assert pce.path(pce.ask("A", "B")).decided_by == "model"
        model.die()
        for _ in range(6):
            assert pce.path(pce.ask("A", "B")).decided_by == "fallback"
        rows = pce.log().iloc[-6:]
        assert list(rows["fallback_reason"]) == ["down"] * 3 + ["breaker-open"] * 3
        model.revive()
        deadline = time.monotonic() + 60
        while pce.path(pce.ask("A", "B")).decided_by != "model":
            assert time.monotonic() < deadline, "the breaker did not recover"
            time.sleep(0.05)


def test_refusals_say_which_rule_and_are_logged(start, controller):
    with start() as pce:
        assert "least possible latency is 1.9" in reason(pce.ask("A", "C", max_latency_ms=1.0))
        assert "32" in reason(pce.ask("A", "C", rate_gbps=9000))
        for nodes in ("AB", "AC", "AD"):
            version = controller.add(**added(nodes, 0, 31))
        assert "no spectrum" in reason(pce.ask("A", "C", version=version))
        for neighbour in "BCD":
            version = controller.add("link-failed", ["A", neighbour])
        assert "failed link" in reason(pce.ask("A", "C", version=version))
        log = pce.log()
        assert list(log["outcome"]) == ["blocked"] * 4
        assert list(log["decided_by"]) == ["none"] * 4
        assert log["chosen"].isna().all()
        body = json.loads(json.dumps(build_compute_input(ComputeRequest("A", "B", 100), pce.naming)))
        body["tapi-path-computation:input"]["sep"][0]["service-interface-point"][
            "service-interface-point-uuid"
        ] = "00000000-0000-0000-0000-000000000001"
        answer = pce.http.post(COMPUTE_OPERATION, json=body)
        assert "no service interface point" in reason(answer, 400)
        assert "not JSON" in reason(pce.http.post(COMPUTE_OPERATION, content=b"{"), 400)
        assert "X-State-Version" in reason(
            pce.http.post(COMPUTE_OPERATION, json=body, headers={"X-State-Version": "-1"}), 400
        )
        assert "no computed path" in reason(pce.http.get(PATH_RESOURCE + "unknown"), 404)
        assert len(pce.log()) == 4


def test_one_way_spectrum_refuses_both_ways_at_once(start):
    with start() as pce:
        assert "each direction" in reason(pce.ask("A", "B", direction="BIDIRECTIONAL"), 400)


def test_changes_that_the_controller_brings_along_are_followed_and_a_clients_are_not(start, controller):
    with start(follow_interval_s=3600.0) as pce:
        version = controller.add(**added("AB", 0, 10))
        answer = pce.ask("A", "B", version=version, decision_id="first")
        shown = {STATE_VERSION: str(version), STATE_STORE: controller.told.store}
        assert shown.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
        looked = len(controller.told.pulls)
        later = controller.add(**added("AB", 10, 10))
        page = {"version": later, "last": later, "store": controller.told.store}
        page["changes"] = controller.told.log[version:later]

        def ask(changes: str, **named: str) -> httpx.Response:
            body = build_compute_input(ComputeRequest("A", "B", 100), pce.naming)
            headers = {STATE_VERSION: named.pop("version"), STATE_CHANGES: changes, **named}
            return pce.http.post(COMPUTE_OPERATION, json=body, headers=headers)

        # Passed on for a client, without a name for the decision: it counts for nothing.
        assert ask(json.dumps(page), version=str(version)).headers[STATE_VERSION] == str(version)
        told = ask(json.dumps(page), version=str(later), **{"X-Decision-Id": "second"})
        assert parse_compute_output(told.json()).first_slot == 20
        assert len(controller.told.pulls) == looked
        assert "not as agreed: version" in reason(ask("{}", version="0", **{"X-Decision-Id": "third"}), 503)


def test_the_state_asked_for_is_there_before_the_decision(start, controller):
    with start(follow_interval_s=3600.0) as pce:
        assert pce.path(pce.ask("A", "B", version=0)).first_slot == 0
        version = controller.add(**added("AB", 0, 10))
        assert pce.path(pce.ask("A", "B", version=version)).first_slot == 10
        assert list(pce.log()["state_version"]) == [0, 1]


def test_a_controller_that_is_gone_is_an_error_and_not_a_guess(start, controller):
    with start() as pce:
        controller.stop()
        assert "no answer from the controller" in reason(pce.ask("A", "B", version=3), 503)
        assert len(pce.log()) == 0


def test_the_clients_constraints_hold(start):
    with start() as pce:
        assert pce.path(pce.ask("A", "C")).nodes == ("A", "C")
        around = pce.path(pce.ask("A", "C", exclude_links=(("A", "C"),), exclude_nodes=("B",)))
        assert around.nodes == ("A", "D", "C")
        refused = pce.ask("A", "C", exclude_links=(("A", "C"),), max_hops=1)
        assert "excluded by the constraints" in reason(refused)
        over = pce.path(pce.ask("A", "C", include_nodes=("C", "B"), include_links=(("B", "A"),)))
        assert over.nodes == ("A", "B", "C")
        refused = pce.ask("A", "C", max_hops=2, include_nodes=("B", "D"))
        assert "(max-allowed-hops 2, include-node B, include-node D)" in reason(refused)


SERVICE = "5d0ee4a4-7f8b-4e0c-9d9b-1d5a6e5e9b11"


def test_who_only_asks_for_a_path_gets_none_over_what_is_drained(start, controller):
    moving = {"purpose": Purpose(SERVICE, "move", "any")}
    controller.add("drained", ["A", "C"])
    with start() as pce:
        assert pce.path(pce.ask("C", "A")).nodes == ("C", "B", "A")  # told by the snapshot
        version = controller.add("drained", ["B"])
        assert pce.path(pce.ask("A", "C", version=version)).nodes == ("A", "D", "C")
        assert "being drained: link A-C, node B" in reason(pce.ask("A", "B", version=version))
        # of its services the controller says itself what they avoid
        assert pce.path(pce.ask("A", "B", version=version, decision_id="m", **moving)).nodes == ("A", "B")
        controller.add("undrained", ["B"])
        for kind in ("locked", "unlocked"):
            version = controller.add(kind, ["A", "C"], service_uuid=SERVICE)
        assert pce.path(pce.ask("A", "C", version=version)).nodes == ("A", "B", "C")
        version = controller.add("undrained", ["C", "A"])
        assert pce.path(pce.ask("A", "C", version=version)).nodes == ("A", "C")


def test_the_log_says_for_which_service_also_of_what_was_refused(start, controller):
    carried, refused = Purpose(SERVICE, "create", "gold"), Purpose(SERVICE, "restore", "any")
    with start() as pce:
        pce.path(pce.ask("A", "C", decision_id="d1", purpose=carried, max_hops=2, ends_s=4e9))
        assert "least possible latency" in reason(
            pce.ask("A", "C", decision_id="d2", purpose=refused, max_latency_ms=0.001)
        )
        pce.path(pce.ask("A", "C", purpose=carried))  # has no name: not the controller's
        rows = pce.log()[["service_uuid", "cause", "service_class", "ends_s", "is_constrained"]]
    first, second, third = rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None)
    assert first == (SERVICE, "create", "gold", 4e9, True)
    assert second == (SERVICE, "restore", "any", None, False)
    assert third == (None, None, None, None, False)


@pytest.mark.parametrize(
    ("purpose", "why"),
    [
        (Purpose("none", "create", "gold"), "is not a UUID"),
        (Purpose(SERVICE, "delete", "gold"), "create, restore, move, protect"),
        (Purpose(SERVICE, "create", "g" * 65), "1 to 64 characters"),
    ],
)
def test_a_purpose_that_cannot_be_is_refused(start, purpose, why):
    with start() as pce:
        assert why in reason(pce.ask("A", "C", decision_id="d", purpose=purpose), 400)
        assert len(pce.log()) == 0


def test_one_decision_id_is_one_decision(start):
    with start() as pce:
        first = pce.ask("A", "B", decision_id="once")
        again = pce.ask("A", "B", decision_id="once")
        assert first.json() == again.json()
        assert "another content" in reason(pce.ask("A", "C", decision_id="once"))
        assert list(pce.log()["decision_id"]) == ["once"]


def test_the_network_changing_while_the_model_thinks_cannot_lead_to_taken_spectrum(start, controller, model):
    with start(follow_interval_s=0.02) as pce:
        pce.use(model.url)
        model.scores = lambda features, mask, context: [1.0] + [0.0] * (len(mask) - 1)
        model.delay_s = 0.5
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(pce.ask, "A", "B")
            while not model.asked:
                time.sleep(0.01)
            controller.add(**added("AB", 0, 6))
            path = pce.path(asked.result())
        assert (path.decided_by, path.nodes, path.first_slot) == ("model", ("A", "B"), 6)
        assert len(model.asked) == 2  # once more, on the network as it was then
        assert pce.log().iloc[-1]["state_version"] == 1


def test_no_model_however_wild_ever_causes_an_invalid_allocation(start, controller, model, plant):
    rng = np.random.default_rng(17)

    def wild(features: list, mask: list, context: list) -> list[float]:
        model.answer = str(rng.choice(["scores", "scores", "scores", "nan", "masked", "short", "text"]))
        return list(rng.normal(size=len(mask)) * 10.0 ** rng.integers(-3, 9))

    model.scores = wild
    taken: set[tuple[str, str, int]] = set()
    neighbours = {frozenset((fibre.node_a, fibre.node_b)) for fibre in plant.topology.fibres}
    blocked = 0
    with start() as pce:
        pce.use(model.url)
        for number in range(120):
            source, destination = rng.choice(list("ABCD"), 2, replace=False)
            rate_gbps = float(rng.choice([25, 100, 200]))
            answer = pce.ask(source, destination, rate_gbps, version=controller.version)
            if answer.status_code == 409:
                blocked += 1
                continue
            path = pce.path(answer)
            assert (path.nodes[0], path.nodes[-1]) == (source, destination)
            hops = list(zip(path.nodes, path.nodes[1:], strict=False))
            assert all(frozenset(hop) in neighbours for hop in hops)
            slots = range(path.first_slot, path.first_slot + path.num_slots)
            assert slots.start >= 0
            assert slots.stop <= 32
            wanted = {(a, b, slot) for a, b in hops for slot in slots}
            assert not wanted & taken
            taken |= wanted
            change = added("AB", path.first_slot, path.num_slots)
            controller.add(**(change | {"nodes": list(path.nodes), "service_uuid": str(number)}))
        deciders = set(pce.log()["decided_by"])
    assert blocked > 0
    assert deciders == {"model", "fallback", "none"}


def test_an_endpoint_is_stored_before_it_is_acknowledged_and_found_after_a_restart(start, model, tmp_path):
    with start() as pce:
        assert pce.use(model.url, version="3").status_code == 200
        stored = json.loads((tmp_path / "serving" / "endpoint.json").read_text())
        assert stored["url"] == model.url
        assert stored["model_version"] == "3"
        for bad in ({"url": model.url}, {**stored, "url": "localhost:5101"}, {**stored, "colour": "red"}, []):
            assert pce.http.put("/endpoint", json=bad).status_code == 400
        assert pce.path(pce.ask("A", "B")).model_version == "3"
    with start() as pce:
        assert pce.http.get("/status").json()["model_version"] == "3"
        assert pce.path(pce.ask("A", "B")).decided_by == "model"
        assert len(pce.http.get("/decisions").json()) == 2
