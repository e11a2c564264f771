"""Many requests at once: asked about together, of one state, without the same slots twice."""

import concurrent.futures
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np

from controlplane.lightpath import Lightpath
from controlplane.pce.batches import TRIES
from controlplane.tapi.purpose import Purpose
from envs.candidates import observe
from envs.network import Network
from envs.request import Request
from tests.controlplane.pce.pce_client import added, reason


def the_best(features: list, mask: list, context: list) -> list[float]:
    """Scores that choose the first candidate."""
    return [-float(index) if allowed else -1e9 for index, allowed in enumerate(mask)]


def for_service(**values: Any) -> dict[str, Any]:
    """As the controller asks."""
    uuid = str(uuid4())
    return {"decision_id": f"d-{uuid}", "purpose": Purpose(uuid, "create", "any"), **values}


def slots_of(path: Lightpath) -> set[tuple[str, str, int]]:
    blocks = range(path.first_slot, path.first_slot + path.num_slots)
    return {(*hop, slot) for hop in pairwise(path.nodes) for slot in blocks}


def ask_while_busy(pce: Any, model: Any, pairs: Sequence[str], pool: Any) -> list[Any]:
    """Answers to requests that came while the model was asked about one before them, that one's first."""
    first = pool.submit(pce.ask, "D", "B", 25, **for_service())
    wait_for(lambda: len(model.asked) == 1)
    rest = [pool.submit(pce.ask, *pair, 25, **for_service()) for pair in pairs]
    wait_for(lambda: pce.http.get("/status").json()["waiting"] == 1 + len(pairs))
    return [first, *rest]


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_waits_for_the_model_is_asked_about_in_one_question_on_one_state(start, plant, model):
    """Each row of the question is what a request would be shown alone, to the bit."""
    model.scores, model.delay_s = the_best, 1.0
    pairs = ["AB", "BC", "CD", "DA", "AC"]
    with start(decision_deadline_ms=30_000.0) as pce, concurrent.futures.ThreadPoolExecutor(8) as pool:
        pce.use(model.url)
        answers = ask_while_busy(pce, model, pairs, pool)
        paths = [pce.path(answer.result()) for answer in answers]
        rows = pce.log()
    assert [len(inputs["features"]) for inputs in model.asked] == [1, len(pairs)]
    assert {path.decided_by for path in paths} == {"model"}
    assert list(rows["decided_by"]) == ["model"] * 6
    # What the first holds is no state of the controller: no twin can be asked to choose as the others did.
    assert list(rows["is_constrained"]) == [False] + [True] * 5
    network = Network(plant)
    held = paths[0]
    network.provision(
        [plant.topology.node_index(name) for name in held.nodes], held.first_slot, held.num_slots
    )
    shown = {}
    for pair in pairs:
        ends = [plant.topology.node_index(name) for name in pair]
        observation, _ = observe(plant, network, Request(*ends, 25.0))
        shown[pair] = observation.features.tobytes()
    sent = [np.array(row, np.float32).tobytes() for row in model.asked[1]["features"]]
    assert sorted(sent) == sorted(shown.values())


def test_of_those_who_choose_the_same_slots_each_gets_its_own(start, model):
    model.scores, model.delay_s = the_best, 0.5
    with start(decision_deadline_ms=30_000.0) as pce, concurrent.futures.ThreadPoolExecutor(8) as pool:
        pce.use(model.url)
        answers = ask_while_busy(pce, model, ["AB"] * (TRIES + 1), pool)
        paths = [pce.path(answer.result()) for answer in answers]
        rows = pce.log()
    taken = [slot for path in paths for slot in slots_of(path)]
    assert len(taken) == len(set(taken))
    # One more goes through with each question; after its tries the last one is decided by the fallback.
    assert [len(inputs["features"]) for inputs in model.asked] == [1, 5, 4, 3, 2]
    assert list(rows["fallback_reason"].dropna()) == ["state-changed"]


def test_what_is_computed_for_no_service_holds_nothing(start, model):
    model.scores = the_best
    with start() as pce:
        pce.use(model.url)
        paths = [pce.path(pce.ask("A", "B")) for _ in range(3)]
        assert {path.first_slot for path in paths} == {0}
        paths = [pce.path(pce.ask("A", "B", **for_service())) for _ in range(2)]
        assert [path.first_slot for path in paths] == [0, 3]


def test_a_service_that_asks_again_is_not_in_its_own_way(start):
    with start() as pce:
        asked = for_service()
        paths = [pce.path(pce.ask("A", "B", **(asked | {"decision_id": f"d{turn}"}))) for turn in range(3)]
        assert {path.first_slot for path in paths} == {0}
        assert pce.path(pce.ask("A", "B", **for_service())).first_slot == 3


def test_slots_that_are_held_refuse_nobody(start, controller):
    """The only ones left are held: whoever comes second is told them too, and waits at the controller."""
    for nodes in ("AD", "DA", "AC", "CA", "DC", "CD", "BC", "CB"):
        controller.add(**added(nodes, 0, 32))
    controller.add(**added("AB", 0, 29))
    with start() as pce:
        paths = [pce.path(pce.ask("A", "B", **for_service())) for _ in range(2)]
        assert [path.first_slot for path in paths] == [29, 29]
        controller.add(**added("AB", 29, 3))
        assert "no spectrum" in reason(pce.ask("A", "B", version=controller.version, **for_service()))


def test_a_model_that_hangs_costs_each_its_deadline_and_readers_nothing(start, model):
    model.delay_s = 600.0
    with start(decision_deadline_ms=1500.0) as pce, concurrent.futures.ThreadPoolExecutor(8) as pool:
        pce.use(model.url)
        answers = ask_while_busy(pce, model, ["AB", "BC", "CD"], pool)
        assert not any(answer.done() for answer in answers)  # and yet /status has answered
        assert [pce.path(answer.result()).decided_by for answer in answers] == ["fallback"] * 4
        rows = pce.log()
        assert set(rows["fallback_reason"]) == {"late"}
        assert rows["inference_ms"].between(1400, 15_000).all()
        assert pce.http.get("/status").json()["waiting"] == 0


def test_one_row_that_cannot_be_followed_spoils_no_other(start, model):
    def not_from_a(features: list, mask: list, context: list) -> list[float]:
        scores = the_best(features, mask, context)
        return [float("nan")] * len(mask) if context == first_context else scores

    model.scores, model.delay_s, first_context = the_best, 0.5, None
    with start(decision_deadline_ms=30_000.0) as pce, concurrent.futures.ThreadPoolExecutor(8) as pool:
        pce.use(model.url)
        pce.path(pce.ask("A", "B", 100))
        first_context = model.asked[0]["context"][0]
        model.scores = not_from_a
        model.asked.clear()
        first = pool.submit(pce.ask, "D", "B", 25)
        wait_for(lambda: len(model.asked) == 1)
        rest = [pool.submit(pce.ask, "A", "B", rate) for rate in (100, 25, 50)]
        wait_for(lambda: pce.http.get("/status").json()["waiting"] == 4)
        deciders = [pce.path(answer.result()).decided_by for answer in (first, *rest)]
    assert deciders == ["model", "fallback", "model", "model"]
