"""What the page says of a decision, from an answer of the PCE."""

from __future__ import annotations

from typing import Any

from controlplane.console.network import NetworkCopy
from controlplane.console.why import FEATURE_WORDS, Drawn, Why
from envs.features import FEATURE_NAMES
from tests.controlplane.console.test_viewmodel import state


def candidate(index: int, nodes: str, first_slot: int, score: float) -> dict[str, Any]:
    shape = {"num_slots": 4, "modulation_format": "QPSK", "latency_ms": 2.0, "band": "C"}
    return {"index": index, "nodes": list(nodes), "first_slot": first_slot, "score": score} | shape


def answer(**more: Any) -> dict[str, Any]:
    return {
        "source": "A",
        "destination": "C",
        "bit_rate_gbps": 100.0,
        "max_latency_ms": 15.0,
        "outcome": "accepted",
        "decided_by": "model",
        "policy": "searched",
        "model_version": "3",
        "rule": None,
        "reason": None,
        "would_have_to_be_free": [],
        "num_candidates": 9,
        "candidates": [candidate(4, "ABC", 0, 2.5), candidate(0, "AC", 8, 1.0), candidate(7, "AC", 2, 0.5)],
        "chosen": 4,
        "runner_up": 0,
        "baseline": {"policy": "ksp_ff", "index": 7, "is_same": False},
        "contributions": [
            {"feature": "first_slot", "chosen": 0.0, "runner_up": 0.25, "contribution": 2.0},
            {"feature": "hops", "chosen": 0.25, "runner_up": 0.125, "contribution": -0.5},
            {"feature": "slots", "chosen": 0.25, "runner_up": 0.125, "contribution": 0.0},
        ],
        "contributions_note": "",
    } | more


def test_every_feature_has_words() -> None:
    assert set(FEATURE_WORDS) == set(FEATURE_NAMES)
    assert len(set(FEATURE_WORDS.values())) == len(FEATURE_NAMES)


def test_candidates_contributions_and_the_rule_are_told() -> None:
    why = Why.from_json(answer(), None)
    assert why.title == "A → C · 100 Gb/s · within 15 ms"
    assert why.sentence == "The model (searched version 3) weighed 9 candidates."
    assert [each.marks for each in why.candidates] == [("chosen",), ("runner-up",), ("ksp_ff",)]
    assert why.candidates[0].drawn == Drawn(("A", "B", "C"), 0, 4)
    assert (why.candidates[0].route, why.candidates[0].score_text) == ("A · B · C", "2.5")
    assert [(each.feature, each.share) for each in why.spoke] == [("first_slot", 1.0), ("hops", 0.25)]
    assert why.rule == "ksp_ff, the best rule, would have gone over A · C in slots 2–5."


def test_where_rule_and_model_agree_and_where_the_rule_decided() -> None:
    same = Why.from_json(answer(baseline={"policy": "ksp_ff", "index": 4, "is_same": True}), None)
    assert same.rule == "ksp_ff, the best rule, would have taken the same."
    fallback = Why.from_json(answer(decided_by="fallback", policy="ksp_ff", model_version=None), None)
    assert fallback.sentence == "The fallback (ksp_ff) weighed 9 candidates."
    assert fallback.rule == "ksp_ff is the rule that decided."
    away = Why.from_json(answer(contributions=None, contributions_note="the model is away"), None)
    assert (away.spoke, away.spoke_note) == ((), "the model is away")


def test_a_refusal_names_the_rule_and_who_is_in_the_way() -> None:
    taken = [{"link": ["A", "B"], "slots": [3, 4]}, {"link": ["B", "C"], "slots": [3]}]
    block = {"nodes": ["A", "B", "C"], "first_slot": 3, "num_slots": 2, "taken": taken}
    refused = answer(outcome="blocked", rule="spectrum", reason="no spectrum", would_have_to_be_free=[block])
    network: NetworkCopy = state()
    why = Why.from_json(refused, network)
    assert why.sentence == "Refused by the rule “spectrum”: no spectrum."
    (needed,) = why.needed
    assert needed.drawn == Drawn(("A", "B", "C"), 3, 2)
    # slots 0 to 3 of A-B-C and 4 to 5 of B-A, counted by hand; C-B begins above
    assert needed.words == (
        "A · B · C, slots 3–4: in the way on A–B (2 of 2 slots taken), B–C (1 of 2 slots taken); "
        "now there: A → C, B → A"
    )
