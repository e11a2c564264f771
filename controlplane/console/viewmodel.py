"""What the page says, made from what the controller and the PCE said. Pure. Not here: colours, ECharts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np

from controlplane.console.alarms import Alarm
from controlplane.console.network import NetworkCopy, ShownLightpath
from controlplane.console.set_ups import ShownSetUp
from controlplane.console.times import Clock, utc

Health = Literal["good", "warn", "bad", "unknown"]


@dataclass(frozen=True)
class PceStatus:
    """What the PCE says about itself (``GET /status``)."""

    policy: str
    model_name: str | None
    model_version: str | None
    endpoint_url: str | None
    fallback_policy: str
    breaker_closed: bool  # False: the endpoint failed so often that it is left alone for a moment
    decisions: int  # since the PCE started, refusals among them

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PceStatus:
        """From the PCE's answer; a field it left out is empty or zero."""
        version = document.get("model_version")
        return cls(
            policy=str(document.get("policy") or ""),
            model_name=document.get("model_name") or None,
            model_version=None if version in (None, "") else str(version),
            endpoint_url=document.get("endpoint_url") or None,
            fallback_policy=str(document.get("fallback_policy") or ""),
            breaker_closed=document.get("breaker") in (None, "closed"),
            decisions=int(document.get("decisions") or 0),
        )


@dataclass(frozen=True)
class Decision:
    """One of the PCE's last decisions (``GET /decisions``)."""

    decision_id: str
    time_s: float
    source: str
    destination: str
    bit_rate_gbps: float
    nodes: tuple[str, ...]
    decided_by: str  # model, fallback, none
    policy: str
    accepted: bool
    total_ms: float
    note: str  # why it was refused, or why the fallback decided
    service_uuid: str = ""  # for which it was; empty: computed for no service
    sync_ms: float = 0.0  # bringing the databases up to date
    observe_ms: float = 0.0  # listing the candidates
    inference_ms: float | None = None  # None: no model was asked

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Decision:
        """From a row of the decision log; a column it does not have is empty or zero."""
        nodes = row.get("nodes") or ()
        accepted = row.get("outcome", "accepted") == "accepted"
        return cls(
            decision_id=str(row.get("decision_id", "")),
            time_s=float(row.get("time_s") or 0.0),
            source=str(row.get("source", "")),
            destination=str(row.get("destination", "")),
            bit_rate_gbps=float(row.get("bit_rate_gbps") or 0.0),
            nodes=tuple(nodes.split(",")) if isinstance(nodes, str) else tuple(nodes),
            decided_by=str(row.get("decided_by") or "none"),
            policy=str(row.get("policy") or ""),
            accepted=accepted,
            total_ms=float(row.get("total_ms") or 0.0),
            note=str((row.get("fallback_reason") if accepted else row.get("reason")) or ""),
            service_uuid=str(row.get("service_uuid") or ""),
            sync_ms=float(row.get("sync_ms") or 0.0),
            observe_ms=float(row.get("observe_ms") or 0.0),
            inference_ms=None if row.get("inference_ms") is None else float(row["inference_ms"]),
        )


@dataclass(frozen=True)
class Snapshot:
    """All that the page shows, at one moment. ``None``: not known yet."""

    network: NetworkCopy | None = None
    controller_fault: str | None = "not asked yet"  # None: it answers
    pce: PceStatus | None = None
    pce_fault: str | None = "not asked yet"
    decisions: tuple[Decision, ...] = ()  # newest first
    set_ups: tuple[ShownSetUp, ...] = ()  # newest first
    alarms: tuple[Alarm, ...] = ()  # those that nobody has noted first


@dataclass(frozen=True)
class Counts:
    """The line of figures above the map."""

    services: int
    capacity_gbps: float
    mean_latency_ms: float | None
    utilisation: float  # share of all slots of all links
    fullest: tuple[str, float] | None  # link and its share of slots in use
    blocked: int  # among the decisions listed
    decided: int  # decisions listed
    by_model: int  # of the decisions listed
    by_fallback: int
    mean_margin_db: float | None  # of the services that tell one, when they were set up
    least_margin_db: float | None
    switched_on_w: float | None  # by the set-ups of the services that are up and tell it, together
    energy_per_bit_pj: float | None  # of these watts, by the bit rate of these services
    median_ms: float | None  # of the time to decide, over the decisions listed


def unit_use(state: NetworkCopy) -> np.ndarray:
    """(num_units,) float64, share of the slots in use per row of the spectrum grid."""
    used = np.zeros(state.num_units)
    for path in state.lightpaths.values():
        for unit in state.units(path.nodes):
            used[unit] += path.num_slots
    return used / state.num_slots


def fibre_use(state: NetworkCopy) -> np.ndarray:
    """(num_fibres,) float64, share of the slots in use per fibre pair; of the fuller direction if two."""
    use = unit_use(state)
    return use if state.shared_spectrum else use.reshape(-1, 2).max(axis=1)


def num_over(state: NetworkCopy, ends: tuple[str, str]) -> int:
    """Lightpaths over a link, in either direction."""
    units = {*state.units(ends), *state.units(ends[::-1])}
    return sum(not units.isdisjoint(state.units(path.nodes)) for path in state.lightpaths.values())


def focus(state: NetworkCopy, selected: str | None) -> ShownLightpath | None:
    """The lightpath drawn on the map: the selected one while it is up, else the most recent."""
    return state.lightpaths.get(selected or "") or state.latest()


def counts(snapshot: Snapshot) -> Counts:
    """The figures of a snapshot; zeros while nothing is known."""
    state, decisions = snapshot.network, snapshot.decisions
    paths = list(state.lightpaths.values()) if state else []
    use = unit_use(state) if state else np.zeros(0)
    fullest = int(use.argmax()) if paths else None
    margins_db = [path.margin_db for path in paths if path.margin_db is not None]
    powered = [path for path in paths if path.marginal_w is not None]
    switched_on_w = sum(path.marginal_w or 0.0 for path in powered)
    return Counts(
        services=len(paths),
        capacity_gbps=sum(path.bit_rate_gbps for path in paths),
        mean_latency_ms=sum(path.latency_ms for path in paths) / len(paths) if paths else None,
        utilisation=float(use.mean()) if use.size else 0.0,
        fullest=(state.unit_name(fullest), float(use[fullest])) if state and fullest is not None else None,
        blocked=sum(not decision.accepted for decision in decisions),
        decided=len(decisions),
        by_model=sum(decision.decided_by == "model" for decision in decisions),
        by_fallback=sum(decision.decided_by == "fallback" for decision in decisions),
        mean_margin_db=sum(margins_db) / len(margins_db) if margins_db else None,
        least_margin_db=min(margins_db, default=None),
        switched_on_w=switched_on_w if powered else None,
        energy_per_bit_pj=1000.0 * switched_on_w / sum(path.bit_rate_gbps for path in powered)
        if powered
        else None,
        median_ms=median(decision.total_ms for decision in decisions) if decisions else None,
    )


def controller_health(snapshot: Snapshot) -> tuple[Health, str]:
    """Colour and words for the controller."""
    if snapshot.controller_fault:
        return "bad", snapshot.controller_fault
    return "good", "in step with the network" if snapshot.network else "no state yet"


def pce_health(snapshot: Snapshot) -> tuple[Health, str]:
    """Colour and words for the PCE."""
    return ("bad", snapshot.pce_fault) if snapshot.pce_fault else ("good", "computing paths")


def endpoint_health(snapshot: Snapshot) -> tuple[Health, str]:
    """Colour and words for the model endpoint, as seen by who decided last."""
    if snapshot.pce is None or snapshot.pce_fault:
        return "unknown", "unknown while the PCE does not answer"
    if snapshot.pce.endpoint_url is None:
        return "warn", "none set; the fallback decides"
    if not snapshot.pce.breaker_closed:
        return "bad", "failed several times in a row; left alone for a moment"
    last = next((d for d in snapshot.decisions if d.decided_by in ("model", "fallback")), None)
    if last is None:
        return "unknown", "not asked yet"
    if last.decided_by == "model":
        return "good", "answering"
    return "bad", f"not used for the last request ({last.note or 'no reason given'})"


def service_rows(state: NetworkCopy | None, selected: str | None) -> list[dict[str, Any]]:
    """Rows of the table of services, the most recent first."""
    if state is None:
        return []
    newest_first = sorted(state.lightpaths.values(), key=lambda path: -path.version)
    return [
        {
            "uuid": path.service_uuid,
            "owner": path.owner,
            "pair": path.label,
            "about": _about(path),
            "rate": path.bit_rate_gbps,
            "rate_text": f"{path.bit_rate_gbps:g}",
            "first_slot": path.first_slot,
            "slots": _band_prefix(path) + slot_text(path.first_slot, path.num_slots),
            "modulation": path.modulation_format,
            "short_modulation": path.modulation_format.removeprefix("PM-"),
            "gsnr": path.gsnr_db,
            "gsnr_text": "" if path.gsnr_db is None else f"{path.gsnr_db:.1f}",
            "power": path.marginal_w,
            "power_text": "" if path.marginal_w is None else f"{path.marginal_w:,.0f}",
            "latency": path.latency_ms,
            "latency_text": f"{path.latency_ms:.1f}",
            "decided_by": path.decided_by,
            "colour": path.colour,
            "selected": path.service_uuid == selected,
        }
        for path in newest_first
    ]


def decision_rows(decisions: Sequence[Decision], clock: Clock) -> list[dict[str, Any]]:
    """Rows of the list of decisions, the most recent first, with times as a clock shows them."""
    return [
        {
            "key": key,
            "decision_id": decision.decision_id,
            "time": clock.second(decision.time_s) if decision.time_s else "",
            "utc": utc(decision.time_s) if decision.time_s else "",
            "pair": f"{decision.source} → {decision.destination}",
            "rate_text": f"{decision.bit_rate_gbps:g}",
            "accepted": decision.accepted,
            "decided_by": decision.decided_by,
            "detail": _decision_detail(decision),
            "total_text": f"{decision.total_ms:.1f}",
        }
        for key, decision in zip(decision_keys(decisions), decisions, strict=True)
    ]


def decision_keys(decisions: Sequence[Decision]) -> list[str]:
    """A key of each decision, which it keeps when newer ones come before it."""
    seen: Counter[str] = Counter()
    keys = []
    for decision in reversed(decisions):
        seen[decision.decision_id] += 1
        keys.append(f"{decision.decision_id}/{seen[decision.decision_id]}")
    return keys[::-1]


def _decision_detail(decision: Decision) -> str:
    if not decision.accepted:
        return decision.note or "refused"
    route = " · ".join(decision.nodes)
    return f"{route} ({decision.note})" if decision.note else route


def _about(path: ShownLightpath) -> str:
    known = (quality_text(path), power_text(path), f"protects {path.protects[:8]}" if path.protects else None)
    told = [each for each in known if each]
    return " · ".join([*path.nodes, path.modulation_format, *told, path.service_uuid[:8]])


def _band_prefix(path: ShownLightpath) -> str:
    """The band where quality of transmission is told: there are several bands there."""
    return "" if path.gsnr_db is None or path.band is None else f"{path.band} "


def quality_text(path: ShownLightpath) -> str | None:
    """GSNR with the margin above the format's threshold, both at set-up; None when not known."""
    if path.gsnr_db is None:
        return None
    return f"GSNR {path.gsnr_db:.1f} dB" + (
        "" if path.margin_db is None else f", margin {path.margin_db:.1f} dB"
    )


def power_text(path: ShownLightpath) -> str | None:
    """What the set-up switched on; None when not known."""
    return None if path.marginal_w is None else f"{path.marginal_w:,.0f} W switched on"


def slot_text(first_slot: int, num_slots: int) -> str:
    """``12–15``, first and last slot of a block.

    >>> slot_text(12, 4), slot_text(3, 1)
    ('12–15', '3')
    """
    return str(first_slot) if num_slots == 1 else f"{first_slot}–{first_slot + num_slots - 1}"
