"""Whether the twin is a twin: a window lived through again with the choices that were really made.

Two questions. With every lightpath set up and removed as it was, is the spectrum at the end the one that the
network had, slot for slot (and the power, where it is metered)? And does the version that was in service
choose the same again, seeing what the twin shows it? Spectrum: ``logged_network.py``.

Not here: what other policies would have met (``replay_window.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from envs.around import around
from envs.candidates import Candidate, observe
from envs.forecast import DemandForecast
from envs.logged_network import unlived, where_of
from envs.network import UNTOLD, life_of_row
from envs.plant import Plant
from envs.policy import ScoringPolicy, choose
from envs.request import Request
from envs.window import Happening, Placed, Window, WindowError
from topologies.model import TopologyError

SAME_TIME_S = 1e-6  # a departure and the change that it was learned from
POWER_TOLERANCE_W = 1e-6


@dataclass(frozen=True)
class Difference:
    """Where twin and network part ways.

    Attributes:
        request: row of the trace; -1: a lightpath that none of the window's requests asked for.
        decision_id: key of the decision log; empty without a request.
        service: UUID of the service.
        time_s: after the window's begin.
        reason: what the network had, and what the twin has.
    """

    request: int
    decision_id: str
    service: str
    time_s: float
    reason: str


@dataclass(frozen=True)
class Fidelity:
    """How well the twin repeats a window.

    Attributes:
        window: id.
        passed: nothing differs.
        reason: in words.
        choices_equal: share of the choices compared that the twin makes too; NaN where none was compared.
        num_compared: comparable requests whose version was at hand.
        num_unknown: comparable requests whose version was not.
        slots_differing: slots of spectrum units held at the end by the network or the twin, but not by both.
        units_differing: link: how many of them.
        power_differing_w: of the meter after the replay from power computed of the network's end; NaN without
            a power model, where something differs already, or with a route that the path table does not
            have.
        first_difference: None where nothing differs.
    """

    window: str
    passed: bool
    reason: str
    choices_equal: float
    num_compared: int
    num_unknown: int
    slots_differing: int
    units_differing: Mapping[str, int]
    power_differing_w: float
    first_difference: Difference | None


@dataclass(frozen=True)
class Decider:
    """A policy and the demand forecast that it decides with; None: none."""

    policy: ScoringPolicy
    forecast: DemandForecast | None = None


def measure_fidelity(
    plant: Plant,
    window: Window,
    policies: Mapping[str, Decider],
    on_progress: Callable[[int, int], None] | None = None,
) -> Fidelity:
    """Live a window through again with the logged choices.

    Args:
        plant: the network that the window was lived through on.
        window: what happened.
        policies: by model version, as far as they are at hand.
        on_progress: called now and then with (requests done, requests in all).

    Raises:
        WindowError: a link that the plant does not have.
        TraceError: a node that the plant does not have.
        ForecastError: a forecast of another plant.
    """
    return _Walk(plant, window, policies).run(on_progress)


def plant_with_routes(plant: Plant, window: Window) -> Plant:
    """The plant with each route of a window that the network has: a meter tells lightpaths by their rows."""
    placed: list[Placed | None] = [item.placed for item in window.standing]
    placed += [item.placed for item in window.live] + [item.placed for item in window.happenings]
    placed += window.at_end.values()
    routes = []
    for names in dict.fromkeys(item.nodes for item in placed if item is not None):
        with suppress(TopologyError):
            nodes = tuple(map(plant.topology.node_index, names))
            plant.units_of_nodes(nodes)
            routes.append(nodes)
    return around(plant, routes=routes).plant


class _Walk:
    """The logged changes in order of time."""

    def __init__(self, plant: Plant, window: Window, policies: Mapping[str, Decider]) -> None:
        if plant.power:
            plant = plant_with_routes(plant, window)
        self._plant, self._window = plant, window
        self._policies = {version: item.policy for version, item in policies.items()}
        self._plants = {version: plant.with_forecast(item.forecast) for version, item in policies.items()}
        self._trace = window.trace.for_topology(plant.topology)
        self._twin = unlived(plant)
        self._differences: list[Difference] = []
        self._equal = self._compared = self._unknown = 0
        # A service that the asker did not name has its decision's name.
        self._names = [item.service or item.decision_id or f"row {i}" for i, item in enumerate(window.live)]
        self._row = {name: row for row, name in reversed(list(enumerate(self._names)))}
        self._rate_gbps = {name: float(self._trace.bit_rate_gbps[row]) for name, row in self._row.items()} | {
            item.service: item.bit_rate_gbps for item in window.standing
        }
        self._life = {name: life_of_row(self._trace, row) for name, row in self._row.items()} | {
            item.service: item.life for item in window.standing
        }

    def run(self, on_progress: Callable[[int, int], None] | None) -> Fidelity:
        window, twin = self._window, self._twin
        try:
            for ends in window.failed_links:
                twin.change_link(ends, fails=True)
            for item in window.standing:
                self._add(item.service, item.placed, 0.0)
            total = window.trace.num_requests
            for time_s, rank, index in self._order():
                if rank == 0:
                    self._happen(window.happenings[index])
                elif rank == 1:
                    self._depart(index, time_s)
                else:
                    self._ask(index, time_s)
                    if on_progress and (index % 500 == 499 or index == total - 1):
                        on_progress(index + 1, total)
        except TopologyError as error:
            raise WindowError(f"window {window.id}: {error}; it is of another network") from None
        return self._found()

    def _order(self) -> list[tuple[float, int, int]]:
        """(time, 0 happening, 1 departure or 2 request, its index); a departure's: of standing, then rows."""
        window, trace = self._window, self._trace
        ends = [(item.departs_s, item.is_drawn) for item in window.standing]
        ends += [
            (float(arrival + holding), item.is_drawn)
            for arrival, holding, item in zip(trace.arrival_s, trace.holding_s, window.live, strict=True)
        ]
        order = [(item.time_s, 0, index) for index, item in enumerate(window.happenings)]
        order += [
            (time_s, 1, index)
            for index, (time_s, drawn) in enumerate(ends)
            if not drawn and time_s <= window.duration_s
        ]
        order += [(float(time_s), 2, row) for row, time_s in enumerate(trace.arrival_s)]
        return sorted(order)

    def _happen(self, change: Happening) -> None:
        twin, service = self._twin, change.service
        if change.kind in ("link-failed", "link-repaired"):
            twin.change_link(change.nodes, fails=change.kind == "link-failed")
        elif change.kind == "lightpath-added" and change.placed is not None:
            self._add(service, change.placed, change.time_s)
        elif service in twin.standing:
            if change.placed not in (None, twin.standing[service]):
                stands = where_of(twin.standing[service])
                self._differs(
                    service, change.time_s, f"removed at {where_of(change.placed)}, stands at {stands}"
                )
            self._remove(service, change.time_s)
        elif change.time_s - twin.left_s.get(service, -math.inf) > SAME_TIME_S:
            self._differs(service, change.time_s, f"{change.cause}: removed, but does not stand")

    def _depart(self, index: int, time_s: float) -> None:
        standing = self._window.standing
        service = standing[index].service if index < len(standing) else self._names[index - len(standing)]
        if service in self._twin.standing:  # else a cut took it, or it was blocked
            self._remove(service, time_s)

    def _ask(self, row: int, time_s: float) -> None:
        live = self._window.live[row]
        if live.is_comparable:
            self._compare(row, time_s)
        if live.placed is not None:
            self._add(self._names[row], live.placed, time_s)

    def _compare(self, row: int, time_s: float) -> None:
        live, trace = self._window.live[row], self._trace
        if live.model_version and live.placed is None:
            return  # decided, but not set up: where it was to stand is not told
        policy = self._policies.get(live.model_version)
        if live.model_version and policy is None:
            self._unknown += 1
            return
        life = life_of_row(trace, row)
        request = Request(
            source=int(trace.source[row]),
            destination=int(trace.destination[row]),
            bit_rate_gbps=float(trace.bit_rate_gbps[row]),
            max_latency_ms=float(trace.max_latency_ms[row]),
            arrival_s=time_s,
            told_end_s=life.told_end_s,
            service_class=life.service_class,
        )
        plant = self._plants.get(live.model_version, self._plant)
        seen, candidates = observe(plant, self._twin.network, request)
        chosen: Candidate | None = candidates[0] if candidates else None
        if chosen and policy is not None:
            scores = policy.scores(seen.features[None], seen.action_mask[None], seen.context[None])
            chosen = candidates[int(choose(scores)[0])]
        self._compared += 1
        if self._is_same(live.placed, chosen):
            self._equal += 1
            return
        twin_chose = where_of(self._placed(chosen)) if chosen else "nothing: it finds no candidate"
        chose = where_of(live.placed) if live.placed else "nothing: it found no candidate"
        who = f"version {live.model_version}" if live.model_version else "the PCE"
        self._differs(self._names[row], time_s, f"{who} chose {chose}; in the twin it chooses {twin_chose}")

    def _is_same(self, placed: Placed | None, chosen: Candidate | None) -> bool:
        if placed is None or chosen is None:
            return placed is None and chosen is None
        mine = self._placed(chosen)
        same_format = placed.modulation_format in ("", mine.modulation_format)
        return same_format and (placed.nodes, placed.first_slot, placed.num_slots) == (
            mine.nodes,
            mine.first_slot,
            mine.num_slots,
        )

    def _placed(self, chosen: Candidate) -> Placed:
        names = self._plant.topology.node_names
        nodes = tuple(names[node] for node in chosen.nodes)
        return Placed(nodes, chosen.first_slot, chosen.num_slots, chosen.modulation_format)

    def _add(self, service: str, placed: Placed, time_s: float) -> None:
        rate_gbps, life = self._rate_gbps.get(service, 0.0), self._life.get(service, UNTOLD)
        if reason := self._twin.add(service, placed, rate_gbps, life):
            self._differs(
                service, time_s, f"the network set it up at {where_of(placed)}; in the twin {reason}"
            )

    def _remove(self, service: str, time_s: float) -> None:
        if reason := self._twin.remove(service, time_s):
            self._differs(service, time_s, f"the network removed it; in the twin {reason}")

    def _differs(self, service: str, time_s: float, reason: str) -> None:
        row = self._row.get(service, -1)
        decision = self._window.live[row].decision_id if row >= 0 else ""
        self._differences.append(Difference(row, decision, service, time_s, reason))

    def _found(self) -> Fidelity:
        differing = self._slots_differing()
        by_unit: dict[str, int] = {}
        for unit, _ in sorted(differing):
            by_unit[self._unit_name(unit)] = by_unit.get(self._unit_name(unit), 0) + 1
        if differing and not self._differences:
            self._first_at_end(min(differing))
        power = (
            math.nan
            if differing or self._differences
            else self._twin.power_differing_w(self._window.at_end, self._rate_gbps)
        )
        wrong_power = abs(power) > POWER_TOLERANCE_W
        passed = not differing and not self._differences and not wrong_power
        share = self._equal / self._compared if self._compared else math.nan
        first = self._differences[0] if self._differences else None
        return Fidelity(
            window=self._window.id,
            passed=passed,
            reason=self._in_words(len(differing), first, power if wrong_power else 0.0),
            choices_equal=share,
            num_compared=self._compared,
            num_unknown=self._unknown,
            slots_differing=len(differing),
            units_differing=by_unit,
            power_differing_w=power,
            first_difference=first,
        )

    def _in_words(self, num_slots: int, first: Difference | None, power_w: float) -> str:
        equal = f"{self._equal} of {self._compared} choices are the same, {num_slots} slots differ at the end"
        if self._unknown:
            equal += f", {self._unknown} are of versions that are not at hand"
        if first is not None:
            name = (
                f"request {first.request} (decision {first.decision_id})" if first.request >= 0 else "first"
            )
            return f"{equal}; {name}, service {first.service}, {first.time_s:.3f} s: {first.reason}"
        return f"{equal}; power differs by {power_w:g} W" if power_w else equal

    def _slots_differing(self) -> set[tuple[int, int]]:
        held = {
            (unit, slot)
            for placed in self._window.at_end.values()
            for unit in self._twin.units(placed)
            for slot in range(placed.first_slot, placed.first_slot + placed.num_slots)
        }
        return held ^ set(self._twin.holder)

    def _first_at_end(self, where: tuple[int, int]) -> None:
        """Name whose slot differs, where nothing was noticed on the way."""
        unit, slot = where
        at_end, twin = self._window.at_end, self._twin
        own = (
            name for name, placed in at_end.items() if unit in twin.units(placed) and _covers(placed, slot)
        )
        service = twin.holder.get(where) or next(own)
        stands = where_of(at_end[service]) if service in at_end else "nowhere"
        twins = where_of(twin.standing[service]) if service in twin.standing else "nowhere"
        reason = f"at the end it stands {stands}; in the twin {twins}"
        self._differs(service, self._window.duration_s, reason)

    def _unit_name(self, unit: int) -> str:
        link = int((self._plant.unit_of_link == unit).argmax())
        return self._plant.topology.link_name(link)


def _covers(placed: Placed, slot: int) -> bool:
    return placed.first_slot <= slot < placed.first_slot + placed.num_slots
