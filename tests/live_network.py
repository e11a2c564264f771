"""A network that is operated, and the window that a record of it would be.

It decides with the code of the PCE (``observe`` on a ``Network``), keeps its own list of what stands, cuts
and repairs fibres, restores or loses what they carried, and asks again for some of what was blocked. It knows
nothing of replays.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np

from envs.candidates import observe
from envs.network import Network, life_of_row
from envs.plant import Plant
from envs.policy import ScoringPolicy, choose
from envs.request import Request
from envs.trace import Trace
from envs.window import Happening, Live, Placed, Standing, Window

VERSION = "7"
Cut = tuple[float, float, int]  # from, to (s, of the trace), fibre


@dataclass(frozen=True)
class Lived:
    """A window, and whether each of its requests was blocked when it was first asked."""

    window: Window
    blocked: np.ndarray


@dataclass
class _Network:
    plant: Plant
    trace: Trace
    policy: ScoringPolicy

    def __post_init__(self) -> None:
        self.network = Network(self.plant)
        self.placed: dict[int, Placed] = {}  # by row

    def request(self, row: int, time_s: float) -> Request:
        trace, life = self.trace, life_of_row(self.trace, row)
        return Request(
            int(trace.source[row]),
            int(trace.destination[row]),
            float(trace.bit_rate_gbps[row]),
            float(trace.max_latency_ms[row]),
            arrival_s=time_s,
            told_end_s=life.told_end_s,
            service_class=life.service_class,
        )

    def ask(self, row: int, time_s: float) -> Placed | None:
        seen, listed = observe(self.plant, self.network, self.request(row, time_s))
        if not listed:
            return None
        scores = self.policy.scores(seen.features[None], seen.action_mask[None], seen.context[None])
        chosen = listed[int(choose(scores)[0])]
        names = self.plant.topology.node_names
        placed = Placed(
            tuple(names[node] for node in chosen.nodes),
            chosen.first_slot,
            chosen.num_slots,
            chosen.modulation_format,
        )
        block = chosen.first_slot, chosen.num_slots, chosen.modulation_format
        self.network.provision(chosen.nodes, *block, life_of_row(self.trace, row))
        self.placed[row] = placed
        return placed

    def release(self, row: int) -> Placed:
        placed = self.placed.pop(row)
        nodes = [self.plant.topology.node_index(name) for name in placed.nodes]
        self.network.release(nodes, placed.first_slot, placed.num_slots)
        return placed

    def crossing(self, ends: tuple[str, str]) -> list[int]:
        return [
            row
            for row, placed in self.placed.items()
            if any({a, b} == set(ends) for a, b in zip(placed.nodes, placed.nodes[1:], strict=False))
        ]


def live_through(
    plant: Plant,
    trace: Trace,
    policy: ScoringPolicy,
    before: int,
    cuts: tuple[Cut, ...] = (),
    restores: bool = True,
    asks_again: float = 0.0,
    seed: int = 1,
) -> Lived:
    """Operate through a trace; the window begins just before the request ``before``.

    ``asks_again``: share of the blocked that ask once more, a tenth of their holding time later.
    """
    names, rng = plant.topology.node_names, np.random.default_rng(seed)
    fibres = [(item.node_a, item.node_b) for item in plant.topology.fibres]
    net = _Network(plant, trace, policy)
    began_s = float(np.nextafter(trace.arrival_s[before], 0))
    queue: list[tuple[float, int, str, int]] = [
        (float(time_s), 2, "ask", row) for row, time_s in enumerate(trace.arrival_s)
    ]
    for cut_s, repair_s, fibre in cuts:
        queue += [(cut_s, 0, "cut", fibre), (repair_s, 0, "repair", fibre)]
    heapq.heapify(queue)
    leaves_s = trace.arrival_s + trace.holding_s
    live: list[Live] = []
    happenings: list[Happening] = []
    failed: set[int] = set()
    lost: set[int] = set()
    begin: tuple[dict[int, Placed], set[int]] | None = None
    blocked = []
    end_s = float(trace.arrival_s[-1]) + 1e-3

    def happened(time_s: float, kind, cause: str, row: int = -1, ends=(), placed=None) -> None:
        service = f"s{row}" if row >= 0 else ""
        happenings.append(Happening(time_s - began_s, kind, cause, service, tuple(ends), placed))

    while queue:
        time_s, _, what, index = heapq.heappop(queue)
        if time_s > end_s:
            break
        if begin is None and time_s > began_s:
            begin = dict(net.placed), set(failed)
            happenings.clear()
        if what == "ask":
            placed = net.ask(index, time_s)
            if index >= before:
                by = "none" if placed is None else "model"
                version = "" if placed is None else VERSION
                live.append(Live(f"s{index}", f"d{index}", placed, by, version, False, True))
                blocked.append(placed is None)
            if placed is not None:
                heapq.heappush(queue, (float(leaves_s[index]), 1, "leave", index))
            elif rng.random() < asks_again:
                heapq.heappush(queue, (time_s + 0.1 * float(trace.holding_s[index]), 2, "again", index))
        elif what == "again":
            placed = net.ask(index, time_s)
            if placed is not None:
                happened(time_s, "lightpath-added", "create", index, placed=placed)
                heapq.heappush(queue, (float(leaves_s[index]), 1, "leave", index))
        elif what == "leave" and index in net.placed:
            net.release(index)
        elif what == "cut":
            failed.add(index)
            happened(time_s, "link-failed", "cut", ends=fibres[index])
            gone = net.crossing(fibres[index])
            a, b = (names.index(name) for name in fibres[index])
            net.network.fail_link(a, b)
            for row in gone:
                happened(time_s, "lightpath-removed", "cut", row, placed=net.release(row))
            for row in gone:
                placed = net.ask(row, time_s) if restores else None
                if placed is None:
                    lost.add(row)
                else:
                    happened(time_s, "lightpath-added", "restore", row, placed=placed)
        elif what == "repair":
            failed.discard(index)
            happened(time_s, "link-repaired", "repair", ends=fibres[index])
            net.network.repair_link(*(names.index(name) for name in fibres[index]))
    assert begin is not None
    stood, was_failed = begin

    def drawn(row: int) -> bool:
        """Its departure was not seen."""
        return row in lost or row in net.placed or bool(leaves_s[row] > end_s)

    rows = range(before, trace.num_requests)
    live = [
        replace(item, is_drawn=drawn(row) or (item.placed is None and not _was_up(happenings, row)))
        for row, item in zip(rows, live, strict=True)
    ]
    standing = tuple(
        Standing(
            f"s{row}",
            placed,
            float(trace.bit_rate_gbps[row]),
            trace.class_names[int(trace.service_class[row])],
            began_s - float(trace.arrival_s[row]),
            float(leaves_s[row]) - began_s,
            drawn(row),
            None if trace.told_s is None or np.isinf(trace.told_s[row]) else float(leaves_s[row]) - began_s,
        )
        for row, placed in stood.items()
    )
    told_s = None if trace.told_s is None else trace.told_s[before:]
    columns = {
        name: getattr(trace, name)[before:]
        for name in ("holding_s", "source", "destination", "bit_rate_gbps", "max_latency_ms", "service_class")
    }
    window = Window(
        trace=replace(trace, arrival_s=trace.arrival_s[before:] - began_s, told_s=told_s, **columns),
        live=tuple(live),
        standing=standing,
        failed_links=tuple(fibres[fibre] for fibre in sorted(was_failed)),
        happenings=tuple(happenings),
        at_end={f"s{row}": placed for row, placed in net.placed.items()},
        began_s=1.75e9 + began_s,
        duration_s=end_s - began_s,
        versions=(0, 1),
    )
    return Lived(window, np.array(blocked))


def _was_up(happenings: list[Happening], row: int) -> bool:
    return any(item.service == f"s{row}" and item.kind == "lightpath-added" for item in happenings)
