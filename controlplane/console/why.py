"""Why a path was chosen, in words and shares, from the PCE's answer. Pure. Looks: ``why_panel.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.console.network import NetworkCopy, ShownLightpath
from controlplane.console.viewmodel import slot_text

MOST_FEATURES = 8
FEATURE_WORDS: Mapping[str, str] = {
    "path_rank": "place of the path in the pair's list",
    "hops": "number of links",
    "extra_hops": "links more than the fewest",
    "detour": "latency above the least",
    "slots": "slots of the block",
    "spend": "slots × links above the least",
    "spend_total": "slots × links",
    "first_slot": "how high in the band",
    "leftover": "slots left over in the gap",
    "exact_fit": "fills a gap of the path exactly",
    "touches_low": "has a neighbour just below",
    "touches_high": "has a neighbour just above",
    "splits": "splits a gap in two",
    "fills": "fills gaps of links exactly",
    "path_free": "slots free on the whole path",
    "path_longest_run": "longest gap of the path",
    "path_runs": "number of gaps of the path",
    "starts_lost": "starting positions taken from the path",
    "mean_load": "mean load of the links",
    "max_load": "load of the fullest link",
    "latency_slack": "latency to spare",
    "bits_per_symbol": "bits per symbol of the format",
    "band_rank": "place of the band in the order of filling",
    "band_load": "load of the band",
    "gsnr_margin": "GSNR margin",
    "gsnr_reserve": "GSNR that the worst neighbour keeps",
    "marginal_power": "power switched on",
    "dark_links": "links lit for the first time",
    "carrier_loss": "bit rate lost by paths nearby",
    "neighbours_stay": "how long the neighbours stay",
    "neighbours_alike": "neighbours that end when it does",
    "spend_loaded": "slots × load",
    "shortlisted": "looked at more closely",
    "capacity_loss": "starting positions lost by all pairs",
    "routability_loss_2": "room lost by pairs with hardly any",
    "routability_loss_5": "room lost by pairs with little",
    "routability_loss_12": "room lost by pairs with some",
    "routability_loss_40": "room lost by pairs with much",
    "runs_loss_1": "gaps lost by pairs with one",
    "runs_loss_3": "gaps lost by pairs with a few",
    "blocking_loss": "next requests left without a path",
    "amplifier_share": "share of the amplifiers' power",
    "off_backbone": "of it, outside the backbone",
}


@dataclass(frozen=True)
class Drawn:
    """A route with a block of slots that is not lit, drawn while the pointer is on it."""

    nodes: tuple[str, ...]
    first_slot: int
    num_slots: int


@dataclass(frozen=True)
class Weighed:
    """One candidate: where it lies, its score, and what it is beside a candidate."""

    drawn: Drawn
    score_text: str
    about: str
    marks: tuple[str, ...]  # chosen, runner-up, rule

    @property
    def route(self) -> str:
        """Its nodes in words."""
        return " · ".join(self.drawn.nodes)


@dataclass(frozen=True)
class Spoke:
    """What one feature spoke for the choice (positive) or for the runner-up (negative)."""

    feature: str
    words: str
    contribution: float
    share: float  # of the largest, 0 to 1
    values: str  # of the two candidates


@dataclass(frozen=True)
class Needed:
    """A block that would have carried a refused request, and what is in its way."""

    drawn: Drawn
    words: str


@dataclass(frozen=True)
class Why:
    """The answer of ``GET /decisions/{id}/why``, ready to be shown."""

    title: str
    sentence: str
    candidates: tuple[Weighed, ...]
    spoke: tuple[Spoke, ...]
    spoke_note: str
    rule: str  # what the best rule would have done; empty where nothing could be chosen
    needed: tuple[Needed, ...]

    @classmethod
    def from_json(cls, document: Mapping[str, Any], state: NetworkCopy | None) -> Why:
        """From the PCE's answer; ``state`` names the services that are in the way."""
        title = f"{document['source']} → {document['destination']} · {document['bit_rate_gbps']:g} Gb/s"
        if document["max_latency_ms"] is not None:
            title += f" · within {document['max_latency_ms']:g} ms"
        needed = tuple(_needed(block, state) for block in document["would_have_to_be_free"])
        if document["outcome"] != "accepted":
            sentence = f"Refused by the rule “{document['rule']}”: {document['reason']}."
            return cls(title, sentence, (), (), "", "", needed)
        candidates = tuple(_weighed(each, document) for each in document["candidates"])
        found = document["contributions"]
        spoke = _spoke(found or [])
        note = document["contributions_note"]
        if found is not None and not spoke:
            note = "nothing that is scored tells the two apart; the first in the list is taken"
        return cls(title, _sentence(document), candidates, spoke, note, _rule(document), needed)


def _sentence(document: Mapping[str, Any]) -> str:
    who = "The model" if document["decided_by"] == "model" else "The fallback"
    version = f" version {document['model_version']}" if document["model_version"] else ""
    listed = document["num_candidates"]
    return f"{who} ({document['policy']}{version}) weighed {listed} candidate{'s' if listed != 1 else ''}."


def _rule(document: Mapping[str, Any]) -> str:
    baseline = document["baseline"]
    if baseline is None:
        return ""
    if document["decided_by"] == "fallback":
        return f"{baseline['policy']} is the rule that decided."
    if baseline["is_same"]:
        return f"{baseline['policy']}, the best rule, would have taken the same."
    by_index = {each["index"]: each for each in document["candidates"]}
    meant, chosen = by_index[baseline["index"]], by_index[document["chosen"]]
    where = []
    if meant["nodes"] != chosen["nodes"]:
        where.append("over " + " · ".join(meant["nodes"]))
    if meant["first_slot"] != chosen["first_slot"]:
        where.append(f"in slots {slot_text(meant['first_slot'], meant['num_slots'])}")
    if meant["modulation_format"] != chosen["modulation_format"]:
        where.append(f"as {meant['modulation_format']}")
    return f"{baseline['policy']}, the best rule, would have gone {' '.join(where)}."


def _weighed(each: Mapping[str, Any], document: Mapping[str, Any]) -> Weighed:
    index = each["index"]
    marks = []
    if index == document["chosen"]:
        marks.append("chosen")
    if index == document["runner_up"]:
        marks.append("runner-up")
    if index == document["baseline"]["index"] and document["decided_by"] == "model":
        marks.append(document["baseline"]["policy"])
    about = [f"slots {slot_text(each['first_slot'], each['num_slots'])}", each["modulation_format"]]
    about.append(f"{each['latency_ms']:.1f} ms")
    if "margin_db" in each:
        about.append(f"margin {each['margin_db']:.1f} dB")
    if "marginal_w" in each:
        about.append(f"{each['marginal_w']:,.0f} W")
    drawn = Drawn(tuple(each["nodes"]), each["first_slot"], each["num_slots"])
    return Weighed(drawn, f"{each['score']:.4g}", " · ".join(about), tuple(marks))


def _spoke(found: list[Mapping[str, Any]]) -> tuple[Spoke, ...]:
    counted = [each for each in found if each["contribution"] != 0.0][:MOST_FEATURES]
    largest = max((abs(each["contribution"]) for each in counted), default=1.0)
    return tuple(
        Spoke(
            each["feature"],
            FEATURE_WORDS.get(each["feature"], each["feature"].replace("_", " ")),
            each["contribution"],
            abs(each["contribution"]) / largest,
            f"{each['chosen']:.3g} against {each['runner_up']:.3g}",
        )
        for each in counted
    )


def _needed(block: Mapping[str, Any], state: NetworkCopy | None) -> Needed:
    drawn = Drawn(tuple(block["nodes"]), block["first_slot"], block["num_slots"])
    in_the_way: dict[str, ShownLightpath] = {}
    for each in block["taken"] if state else ():
        for path in _lit(state, tuple(each["link"]), set(each["slots"])):
            in_the_way[path.service_uuid] = path
    said = f"{' · '.join(drawn.nodes)}, slots {slot_text(drawn.first_slot, drawn.num_slots)}"
    links = ", ".join(
        f"{'–'.join(each['link'])} ({len(each['slots'])} of {drawn.num_slots} slots taken)"
        for each in block["taken"]
    )
    words = f"{said}: in the way on {links}"
    if in_the_way:
        words += f"; now there: {', '.join(path.label for path in in_the_way.values())}"
    return Needed(drawn, words)


def _lit(state: NetworkCopy | None, link: tuple[str, ...], slots: set[int]) -> list[ShownLightpath]:
    """The lightpaths that have some of these slots on a link now."""
    if state is None:
        return []
    units = set(state.units(link))
    return [
        path
        for path in state.lightpaths.values()
        if slots & set(range(path.first_slot, path.first_slot + path.num_slots))
        and units & set(state.units(path.nodes))
    ]
