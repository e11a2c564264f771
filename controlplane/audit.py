"""Whether all that is stored of the network agrees: controller, elements, PCE, decision log.

It reads, and changes nothing. What is under way looks wrong for a moment, so only what is wrong at two looks
in a row counts. Not here: the controller's own audit, which repairs elements (``controller/configure.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from controlplane.client import ControllerClient, PceClient, ServiceRefused
from controlplane.elements.interface import ADD_DROP, CrossConnect, ElementError, Southbound
from controlplane.pce.decision_parts import find_decisions
from controlplane.tapi.ids import cross_connect_key
from controlplane.tapi.names import split_list

BETWEEN_LOOKS_S = 3.0  # longer than a set-up takes, and than the PCE waits before it follows


@dataclass(frozen=True)
class StandingLightpath:
    """A lightpath as the controller tells it."""

    service_uuid: str
    nodes: tuple[str, ...]
    first_slot: int
    num_slots: int
    modulation_format: str
    decision_id: str
    time_s: float  # of its set-up, since 1970 UTC; 0: not known
    leg: int = 0
    is_locked: bool = False
    protects: str = ""  # the service, where it is a second lightpath

    @classmethod
    def read(cls, change: Mapping[str, Any]) -> StandingLightpath:
        """Out of an entry of ``GET /snapshot``."""
        return cls(
            str(change["service_uuid"]),
            tuple(change["nodes"]),
            int(change["first_slot"]),
            int(change["num_slots"]),
            str(change.get("modulation_format", "")),
            str(change.get("decision_id", "")),
            float(change.get("time_s") or 0.0),
            int(change.get("leg") or 0),
            bool(change.get("is_locked")),
            str(change.get("protects") or ""),
        )

    @property
    def words(self) -> str:
        """Where it stands."""
        return f"{'-'.join(self.nodes)} slots {self.first_slot}..{self.first_slot + self.num_slots - 1}"


@dataclass(frozen=True)
class Violation:
    """Two that do not agree.

    Attributes:
        rule: ``slots-used-twice``, ``on-a-failed-link``, ``protection-shares-a-link``,
            ``element-missing``, ``element-orphan``, ``element-unreachable``, ``decision-missing``,
            ``decision-differs`` or ``pce-behind``.
        where: element, link or process.
        service_uuid: of the service; empty where none is concerned.
        why: both sides in words.
    """

    rule: str
    where: str
    service_uuid: str
    why: str


@dataclass(frozen=True)
class Looked:
    """All that was read at one look.

    Attributes:
        version: of the controller's state.
        lightpaths: that stand.
        failed_links: that are cut.
        running: cross-connects of each element; None: it does not answer.
        decisions: rows of the decision log by id, those of the lightpaths.
        oldest_decision_s: when the log begins, since 1970 UTC, where one of them is not in it.
        pce_version: of the state that the PCE works on; None: it does not answer.
    """

    version: int
    lightpaths: tuple[StandingLightpath, ...]
    failed_links: frozenset[frozenset[str]]
    running: Mapping[str, tuple[CrossConnect, ...] | None]
    decisions: Mapping[str, Mapping[str, Any]]
    oldest_decision_s: float
    pce_version: int | None


def audit(
    look: Callable[[], Looked], shared_spectrum: bool, sleep: Callable[[float], None] = time.sleep
) -> list[Violation]:
    """What does not agree, at two looks in a row.

    Args:
        look: reads everything anew.
        shared_spectrum: both directions of a link share its slots.
        sleep: between the looks; replaced in tests.
    """
    first = set(violations(look(), shared_spectrum))
    if not first:
        return []
    sleep(BETWEEN_LOOKS_S)
    known = {(item.rule, item.where, item.service_uuid) for item in first}
    again = violations(look(), shared_spectrum)
    return [item for item in again if (item.rule, item.where, item.service_uuid) in known]


def violations(seen: Looked, shared_spectrum: bool) -> list[Violation]:
    """What does not agree at one look, in a stated order."""
    found = [
        *_spectrum(seen.lightpaths, shared_spectrum),
        *_failed(seen.lightpaths, seen.failed_links),
        *_protection(seen.lightpaths),
        *_elements(seen),
        *_decisions(seen),
    ]
    if seen.pce_version is None:
        found.append(Violation("pce-behind", "pce", "", "the PCE does not answer"))
    elif seen.pce_version < seen.version:
        why = f"it works on version {seen.pce_version}, the controller is at {seen.version}"
        found.append(Violation("pce-behind", "pce", "", why))
    return found


def _spectrum(lightpaths: Sequence[StandingLightpath], shared_spectrum: bool) -> Iterator[Violation]:
    taken: dict[tuple[Collection[str], int], StandingLightpath] = {}
    for one in lightpaths:
        for hop in pairwise(one.nodes):
            link: Collection[str] = frozenset(hop) if shared_spectrum else hop
            for slot in range(one.first_slot, one.first_slot + one.num_slots):
                other = taken.setdefault((link, slot), one)
                if other is not one:
                    where, why = "-".join(hop), f"slot {slot}: {one.words} and {other.words}"
                    yield Violation("slots-used-twice", where, one.service_uuid, why)
                    break


def _failed(
    lightpaths: Iterable[StandingLightpath], failed: Collection[frozenset[str]]
) -> Iterator[Violation]:
    for one in lightpaths:
        for hop in pairwise(one.nodes):
            if frozenset(hop) in failed:
                yield Violation("on-a-failed-link", "-".join(hop), one.service_uuid, f"{one.words} stands")


def _protection(lightpaths: Iterable[StandingLightpath]) -> Iterator[Violation]:
    """Two lightpaths of one service with a link in common."""
    lightpaths = tuple(lightpaths)
    first = {one.service_uuid: one for one in lightpaths if not one.protects}
    for one in lightpaths:
        other = first.get(one.protects)
        crossed = {frozenset(hop) for hop in pairwise(other.nodes)} if other else set()
        for hop in pairwise(one.nodes):
            if other and frozenset(hop) in crossed:
                why = f"{one.words} protects {other.words}"
                yield Violation("protection-shares-a-link", "-".join(hop), one.protects, why)


def _elements(seen: Looked) -> Iterator[Violation]:
    wanted: dict[str, dict[str, tuple[str, str, int, int, str]]] = {node: {} for node in seen.running}
    for one in seen.lightpaths:
        if one.is_locked:
            continue
        ports = (ADD_DROP, *one.nodes, ADD_DROP)
        for index, node in enumerate(one.nodes):
            ends = (ports[index], ports[index + 2])
            spelled = one.modulation_format if ADD_DROP in ends else ""
            place = (*ends, one.first_slot, one.num_slots, spelled)
            wanted.setdefault(node, {})[cross_connect_key(one.service_uuid, one.leg)] = place
    for node, services in wanted.items():
        running = seen.running.get(node)
        if running is None:
            yield Violation("element-unreachable", node, "", "it does not answer")
            continue
        holds = {
            item.service_uuid: (
                item.in_port,
                item.out_port,
                item.first_slot,
                item.num_slots,
                item.modulation_format,
            )
            for item in running
        }
        for uuid, place in services.items():
            if holds.get(uuid) != place:
                why = f"it holds {holds.get(uuid, 'nothing')}, the controller says {place}"
                yield Violation("element-missing", node, uuid, why)
        for uuid in holds.keys() - services.keys():
            why = f"it holds {holds[uuid]} of a service that does not stand"
            yield Violation("element-orphan", node, uuid, why)


def _decisions(seen: Looked) -> Iterator[Violation]:
    for one in seen.lightpaths:
        if not one.decision_id:
            continue
        row = seen.decisions.get(one.decision_id)
        if row is None:
            if one.time_s > seen.oldest_decision_s:  # an older one may have been tidied away
                why = f"decision {one.decision_id} of {one.words} is not in the log"
                yield Violation("decision-missing", "decision log", one.service_uuid, why)
            continue
        logged = (tuple(split_list(row["nodes"] or "")), row["first_slot"], row["num_slots"])
        if logged != (one.nodes, one.first_slot, one.num_slots):
            why = f"decision {one.decision_id} says {logged}, {one.words} stands"
            yield Violation("decision-differs", "decision log", one.service_uuid, why)


@dataclass(frozen=True)
class Installation:
    """What is audited.

    Attributes:
        controller, pce: clients of the two.
        southbound: how elements are reached.
        nodes: every element.
        decisions: folder of the decision log.
    """

    controller: ControllerClient
    pce: PceClient
    southbound: Southbound
    nodes: tuple[str, ...]
    decisions: Path

    def look(self) -> Looked:
        """Read everything.

        Raises:
            ServiceRefused: the controller does not answer.
        """
        pages = list(self.controller.snapshot())
        entries = [entry for page in pages for entry in page["changes"]]
        lightpaths = tuple(
            StandingLightpath.read(entry) for entry in entries if entry["kind"] == "lightpath-added"
        )
        ids = {one.decision_id for one in lightpaths if one.decision_id}
        decided = find_decisions(self.decisions, ids, ("nodes", "first_slot", "num_slots"))
        return Looked(
            version=int(pages[0]["version"]),
            lightpaths=lightpaths,
            failed_links=frozenset(
                frozenset(entry["nodes"]) for entry in entries if entry["kind"] == "link-failed"
            ),
            running=self._running(),
            decisions=decided.rows,
            oldest_decision_s=decided.oldest_s,
            pce_version=self._pce_version(),
        )

    def _running(self) -> dict[str, tuple[CrossConnect, ...] | None]:
        """What each element holds; None: it does not answer."""
        running: dict[str, tuple[CrossConnect, ...] | None] = {}
        for node in self.nodes:
            try:
                running[node] = self.southbound.running(node)
            except ElementError:
                running[node] = None
        return running

    def _pce_version(self) -> int | None:
        try:
            return int(self.pce.status()["state_version"])
        except ServiceRefused:
            return None
