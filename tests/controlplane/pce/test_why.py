"""Why a decision came out as it did, against weights times differences and against looking at every block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.pce.app import PceSettings, build_app
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from controlplane.tapi.service_body import ComputeRequest
from envs.features import FEATURE_NAMES
from envs.plant import Plant

CREDENTIALS = Credentials("admin", "secret", "token")
WEIGHTS = {"path_rank": -2.0, "first_slot": -3.0, "leftover": -0.5, "touches_low": 0.25}


def linear(features: list, mask: list, context: list) -> list[float]:
    columns = {FEATURE_NAMES.index(name): weight for name, weight in WEIGHTS.items()}
    return [
        sum(weight * row[column] for column, weight in columns.items()) if allowed else -1e9
        for row, allowed in zip(features, mask, strict=True)
    ]


@pytest.fixture
def http(plant: Plant, controller: Any, serve: Any, tmp_path: Path) -> Iterator[httpx.Client]:
    """A PCE without a model."""
    settings = PceSettings(
        [controller.url], tmp_path / "decisions", tmp_path / "serving" / "endpoint.json", "", 2e3
    )
    server = serve(build_app(plant, settings, CREDENTIALS), lifespan="on")
    with httpx.Client(base_url=server.url, headers=bearer_header(CREDENTIALS), timeout=30) as opened:
        yield opened
    server.stop()


@pytest.fixture
def why(http: httpx.Client, plant: Plant, controller: Any) -> Callable[..., dict[str, Any]]:
    """Asks for a path, then why."""

    def asked(source: str, destination: str, rate_gbps: float = 100, **values: Any) -> dict[str, Any]:
        body = build_compute_input(
            ComputeRequest(source, destination, rate_gbps, **values), Naming(plant.topology)
        )
        headers = {"X-State-Version": str(controller.version), "X-Decision-Id": "one"}
        http.post(COMPUTE_OPERATION, json=body, headers=headers)
        answer = http.get("/decisions/one/why")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return asked


def use(http: httpx.Client, url: str) -> None:
    endpoint = {"url": url, "model_name": "lightloop", "model_version": "7", "policy": "searched"}
    assert http.put("/endpoint", json=endpoint).status_code == 200


def test_contributions_of_a_linear_score_are_weight_times_difference(
    http: httpx.Client, why: Any, model: Any, controller: Any
) -> None:
    controller.add(
        "lightpath-added", list("AC"), service_uuid="s", first_slot=0, num_slots=9, modulation_format=""
    )
    model.scores = linear
    use(http, model.url)
    told = why("A", "C")
    assert (told["decided_by"], told["policy"], told["model_version"]) == ("model", "searched", "7")

    features, mask, context = (model.asked[0][name][0] for name in ("features", "action_mask", "context"))
    scores = linear(features, mask, context)
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    assert [each["index"] for each in told["candidates"]][:2] == order[:2]
    assert [each["score"] for each in told["candidates"]][:2] == pytest.approx([scores[i] for i in order[:2]])
    assert (told["chosen"], told["runner_up"]) == tuple(order[:2])

    chosen, second = features[order[0]], features[order[1]]
    found = {each["feature"]: each["contribution"] for each in told["contributions"]}
    differing = [n for n, a, b in zip(FEATURE_NAMES, chosen, second, strict=True) if a != b]
    assert set(found) == set(differing)
    for name in differing:
        column = FEATURE_NAMES.index(name)
        expected = WEIGHTS.get(name, 0.0) * (chosen[column] - second[column])
        assert found[name] == pytest.approx(expected, abs=1e-6)
    assert sum(found.values()) == pytest.approx(scores[order[0]] - scores[order[1]], abs=1e-5)
    sizes = [abs(each["contribution"]) for each in told["contributions"]]
    assert sizes == sorted(sizes, reverse=True)

    # the shortest path that fits: above what is lit on A-C, where the model goes lower over another path
    rule = next(each for each in told["candidates"] if each["index"] == told["baseline"]["index"])
    assert (told["baseline"]["policy"], rule["nodes"], rule["first_slot"]) == ("ksp_ff", ["A", "C"], 9)
    assert told["baseline"]["is_same"] is (told["chosen"] == rule["index"])

    model.die()
    after = http.get("/decisions/one/why").json()
    assert after["candidates"] == told["candidates"]
    assert after["contributions"] is None
    assert "cannot be asked again (down)" in after["contributions_note"]


def test_the_fallback_answers_for_itself(why: Any) -> None:
    told = why("A", "C")
    assert (told["decided_by"], told["policy"]) == ("fallback", "ksp_ff")
    assert told["baseline"] == {"policy": "ksp_ff", "index": told["chosen"], "is_same": True}
    # both on the best path: equal for the rule, so the first is taken and nothing speaks against the second
    assert {each["contribution"] for each in told["contributions"]} == {0.0}


def test_a_refusal_names_the_rule_and_the_block_with_the_least_in_its_way(why: Any, controller: Any) -> None:
    taken = {"AB": (0, 30), "BC": (1, 31), "AC": (0, 32), "CD": (3, 29), "DA": (2, 30)}
    for link, (first, last) in taken.items():
        slots = {"first_slot": first, "num_slots": last - first}
        controller.add("lightpath-added", list(link), service_uuid=link, modulation_format="", **slots)
        controller.add(
            "lightpath-added", list(link[::-1]), service_uuid=link[::-1], modulation_format="", **slots
        )
    told = why("A", "C")
    assert (told["outcome"], told["rule"], told["candidates"]) == ("blocked", "spectrum", [])
    assert "no spectrum" in told["reason"]

    busy = {frozenset(link): set(range(*slots)) for link, slots in taken.items()}
    blocks = told["would_have_to_be_free"]
    assert {tuple(block["nodes"]) for block in blocks} == {("A", "C"), ("A", "B", "C"), ("A", "D", "C")}
    counts = []
    for block in blocks:
        hops = [frozenset(hop) for hop in pairwise(block["nodes"])]
        size = block["num_slots"]
        in_the_way = [
            sum(len(busy[hop] & set(range(first, first + size))) for hop in hops)
            for first in range(32 - size + 1)
        ]
        counts.append(in_the_way[block["first_slot"]])
        assert counts[-1] == min(in_the_way)
        named = {frozenset(each["link"]): set(each["slots"]) for each in block["taken"]}
        block_slots = set(range(block["first_slot"], block["first_slot"] + size))
        assert named == {hop: busy[hop] & block_slots for hop in hops if busy[hop] & block_slots}
    assert counts == sorted(counts)


def test_a_refusal_by_another_rule_names_it(why: Any) -> None:
    told = why("A", "C", max_latency_ms=0.5)
    assert (told["rule"], told["would_have_to_be_free"]) == ("latency", [])
    assert "the least possible latency" in told["reason"]


def test_a_decision_that_is_not_known_is_404(http: httpx.Client) -> None:
    answer = http.get("/decisions/none/why")
    assert answer.status_code == 404
    assert "'none'" in answer.text
