"""What a set-up costs, alone, among many, among much that stands, and beside an element that hangs.

A stack of real processes for each network and each width of its spectrum. Not here: the stack
(``controlplane_stack.py``), its clients (``controlplane_load.py``), the command (``bench_controlplane.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any
from uuid import uuid4

import numpy as np

from benchmarks.controlplane_load import BIT_RATE_GBPS, Clients, Connection, LoadError, row_of
from benchmarks.controlplane_stack import Stack, running_stack
from configs.build import parts_of
from controlplane.client import ControllerClient
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from controlplane.tapi.purpose import NOBODY
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL, ComputeRequest

FILLING_CLIENTS = 16
PATHS = 400  # asked of the PCE alone
RESTORED_WITHIN_S = 120.0
LOOK_S = 0.02


@dataclass(frozen=True)
class SetupMeasurement:
    """What is to be measured.

    Attributes:
        topology: a network of the catalogue, or a file.
        clients: how many ask at the same time, a row each.
        standing: services that stand meanwhile, a group of rows each.
        seconds: of each row.
        slots: of a link, where services stand.
        cut: services that a cut should hit, about.
        scenario: the rest of the configuration.
        overrides: of the configuration.
    """

    topology: str
    clients: Sequence[int] = (1, 8, 32)
    standing: Sequence[int] = (0, 1_000, 10_000)
    seconds: float = 5.0
    slots: int = 4096
    cut: int = 220
    scenario: str = "latency-rsa"
    overrides: Sequence[str] = ()


@dataclass
class Found:
    """What was measured on one network.

    Attributes:
        rows: one a number of clients and of standing services; ``slots`` tells the width of the spectrum.
        pce_without_model_p50_ms: a path asked of the PCE alone, the fallback deciding.
        pce_start: seconds on the clock and of the processor to the first answer: at first and once more.
        cuts: what a cut hit, and in what time all that could be was restored.
    """

    topology: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    pce_without_model_p50_ms: float = float("nan")
    pce_start: list[dict[str, float]] = field(default_factory=list)
    cuts: list[dict[str, Any]] = field(default_factory=list)


def measure(asked: SetupMeasurement, say: Callable[[str], None]) -> Found:
    """All figures of one network.

    Raises:
        StackError: a process does not come up.
        LoadError: the network has no room for what is to stand.
    """
    found = Found(asked.topology)
    network = f"plant.topology={asked.topology}"
    with running_stack(asked.scenario, [network, *asked.overrides], say) as stack:
        found.pce_start.append(_start_of_pce(stack))
        stack.stop(["pce"])
        stack.start(["pce"])
        found.pce_start.append(_start_of_pce(stack))
        say("asking the PCE alone, without a model")
        found.pce_without_model_p50_ms = _paths_p50_ms(stack)
        say("starting a model server with the policy that ships")
        stack.serve_model()
        clients = Clients(stack)
        clients.measure(max(asked.clients), 1.0)  # what is done for the first time is done
        for num_clients in asked.clients:
            say(f"{num_clients} client(s)")
            _keep(found, row_of(stack, clients.measure(num_clients, asked.seconds), num_clients, 0), say)
        _beside_a_hung_element(stack, clients, asked, found, say)
    if any(asked.standing):
        # The same network with more slots, without guard slots: room for what stands.
        wide = [network, *asked.overrides, f"plant.num_slots={asked.slots}", "plant.guard_slots=0"]
        with running_stack(asked.scenario, wide, say) as stack:
            stack.serve_model()
            clients = Clients(stack)
            clients.measure(max(asked.clients), 1.0)
            for standing in sorted({0, *asked.standing}):
                clients.fill(standing, FILLING_CLIENTS, say)
                for num_clients in asked.clients:
                    say(f"{num_clients} client(s) among {standing:,} services")
                    waited = clients.measure(num_clients, asked.seconds)
                    _keep(found, row_of(stack, waited, num_clients, standing), say)
                if standing:
                    say(f"a cut among {standing:,} services")
                    found.cuts.append(_cut(stack, asked.cut) | {"standing": standing})
    return found


def figures(found: Sequence[Found]) -> dict[str, float | None]:
    """The figures for scripts, of the first network; null where what they are of was not measured."""
    first = found[0]
    plain = [row for row in first.rows if row["standing"] == 0 and row["slots"] == first.rows[0]["slots"]]
    alone = min((row for row in plain if not row["hung"]), key=lambda row: row["clients"])
    many = max((row for row in plain if not row["hung"]), key=lambda row: row["clients"])
    hung = next((row for row in plain if row["hung"]), None)
    wide = [
        row for row in first.rows if row["slots"] != alone["slots"] and row["clients"] == alone["clients"]
    ]
    by_standing = {row["standing"]: row["p50_ms"] for row in wide}
    most = max(by_standing, default=0)
    return {
        "setup_p50_ms": alone["p50_ms"],
        "setup_p99_ms": alone["p99_ms"],
        "setups_per_s": many["per_s"],
        "setups_per_s_hung_element": hung["per_s"] if hung else None,
        "pce_without_model_p50_ms": first.pce_without_model_p50_ms,
        "cost_ratio_10000_standing": by_standing[most] / by_standing[0] if most == 10_000 else None,
        "longest_stall_ms": max(row["longest_stall_ms"] for row in plain if not row["hung"]),
    }


def _keep(found: Found, row: dict[str, Any], say: Callable[[str], None]) -> None:
    found.rows.append(row)
    for told, count in row["failures"].items():
        say(f"{count} failed: {told}")


def _beside_a_hung_element(
    stack: Stack, clients: Clients, asked: SetupMeasurement, found: Found, say: Callable[[str], None]
) -> None:
    """Set-ups between the other nodes, while one element answers nothing; the way of some led over it."""
    hung = clients.nodes[0]
    others = [node for node in clients.nodes if node != hung]
    num_clients = max(asked.clients)
    say(f"{num_clients} client(s) while {hung} hangs")
    stack.hang([hung])
    try:
        waited = clients.measure(num_clients, asked.seconds, others)
    finally:
        stack.hang([])
    _keep(found, row_of(stack, waited, num_clients, 0, hung), say)


def _start_of_pce(stack: Stack) -> dict[str, float]:
    wall_s, cpu_s = stack.start_s["pce"]
    return {"wall_s": wall_s, "cpu_s": cpu_s}


def _paths_p50_ms(stack: Stack) -> float:
    """Median time of a path that is asked of the PCE alone, on the network as it is."""
    topology, _ = parts_of(stack.config)
    naming, random = Naming(topology), Random(1)
    direction = BIDIRECTIONAL if stack.config.plant.shared_spectrum else UNIDIRECTIONAL
    connection, taken_ms = Connection(stack.url("pce"), stack.headers), []
    for _ in range(PATHS):
        source, destination = random.sample(topology.node_names, 2)
        request = ComputeRequest(source, destination, BIT_RATE_GBPS, direction=direction)
        body = build_compute_input(request, naming, NOBODY)
        told = {"X-State-Version": "0", "X-Decision-Id": str(uuid4())}
        began = time.perf_counter()
        status, answer = connection.ask("POST", COMPUTE_OPERATION, body, **told)
        taken_ms.append((time.perf_counter() - began) * 1000.0)
        if status != 200:
            raise LoadError(f"the PCE answered {status}: {answer[:300]!r}")
    connection.close()
    return float(np.median(taken_ms))


def _cut(stack: Stack, wanted: int) -> dict[str, Any]:
    """Cut the link whose number of services is nearest to ``wanted``, wait for the services, repair it."""
    with ControllerClient(stack.url("controller"), stack.home.credentials(), timeout_s=120.0) as client:
        over: dict[frozenset[str], int] = {}
        for page in client.snapshot():
            for change in page["changes"]:
                for hop in pairwise(change["nodes"]):
                    over[frozenset(hop)] = over.get(frozenset(hop), 0) + 1
            version, store = page["version"], page["store"]
        chosen: frozenset[str] = min(over, key=lambda link: (abs(over[link] - wanted), sorted(link)))
        node_a, node_b = sorted(chosen)
        began = time.perf_counter()
        client.fail_link(node_a, node_b)
        dark: set[str] = set()
        hit, took_s = 0, float("nan")
        while time.perf_counter() - began < RESTORED_WITHIN_S:
            page = client.changes(version, store)
            for change in page["changes"]:
                if change["kind"] == "lightpath-removed" and change["cause"] == "cut":
                    dark.add(change["service_uuid"])
                    hit += 1
                elif change["kind"] == "lightpath-added" and change["service_uuid"] in dark:
                    dark.remove(change["service_uuid"])
                    took_s = time.perf_counter() - began
            version = page["version"]
            if hit and not dark and version >= page["last"]:
                break
            time.sleep(LOOK_S)
        client.repair_link(node_a, node_b)
    topology = stack.config.plant.topology
    return {
        "topology": topology,
        "link": f"{node_a}-{node_b}",
        "hit": hit,
        "restored": hit - len(dark),
        "took_s": took_s,
    }
