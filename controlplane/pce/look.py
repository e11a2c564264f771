"""A look at the network: one request with its candidates at one moment, as an endpoint's forecast shows them.

Not here: who chooses among them (``computation.py``), what an observation holds (``envs``).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controlplane.pce.constraint import RouteConstraint, avoided_of
from controlplane.pce.controller_feed import DatabasesError
from controlplane.pce.databases import Databases
from controlplane.pce.decide import Blocked, Choice, still_feasible, why_blocked
from controlplane.pce.endpoint import Serving
from controlplane.tapi.context import Drained
from controlplane.tapi.purpose import NOBODY, Purpose
from controlplane.tapi.service_body import ComputeRequest
from envs.around import look_around_for
from envs.candidates import Candidate, Observation, observe
from envs.network import Network, ServiceLife
from envs.plant import Plant
from envs.request import Request
from topologies.detours import NOTHING, Avoided
from topologies.model import Topology


@dataclass(frozen=True)
class Query:
    """What one computation is asked.

    Attributes:
        decision_id: names the decision, and through it the path.
        request: source, destination, bit rate, latency bound, class, and when it ends, where that is told.
            It arrives when it is computed for.
        state_version: state of the controller to decide on; None for what it has now.
        constraint: the client's own constraints on a route; None without any.
        avoided: the links and nodes that the client excludes: paths are looked for without them.
        purpose: for whom; logged, and nothing else.
        waiting: how many more wait for their turn at whoever asks.
    """

    decision_id: str
    request: Request
    state_version: int | None = None
    constraint: RouteConstraint | None = None
    avoided: Avoided = NOTHING
    purpose: Purpose = NOBODY
    waiting: int = 0


def around_drained(query: Query, drained: Drained, topology: Topology) -> Query:
    """The same question of what is left without what is drained."""
    names, asked = topology.node_names, query.request
    known = query.constraint.request if query.constraint else None
    known = known or ComputeRequest(names[asked.source], names[asked.destination], asked.bit_rate_gbps)
    request = dataclasses.replace(
        known,
        exclude_links=(*known.exclude_links, *sorted(drained.links)),
        exclude_nodes=(*known.exclude_nodes, *sorted(drained.nodes)),
    )
    avoided = query.avoided | avoided_of(topology, drained.links, drained.nodes)
    return dataclasses.replace(query, constraint=RouteConstraint.of(request, names), avoided=avoided)


@dataclass(frozen=True)
class Look:
    """What was seen of the network at once, and with whose forecast.

    Attributes:
        query: what was asked.
        in_use: the endpoint that it is to be put before.
        observation, candidates: what can be chosen.
        blocked: why nothing can; None where something can.
        state_version: of the controller's state that is shown.
        databases, network, revision: where, and in which state, it was taken.
        shows_holds: slots held for set-ups on their way are shown as taken, which no state of the controller
            is; a twin cannot repeat what is chosen.
        is_under_holds: it shows slots as free that are held, because without them nothing can be chosen.
        occupied: (num_units, num_slots) bool, True where a slot was taken; only where no spectrum was found.
        avoided: what no path may cross: links that have failed, and what the client excludes.
        took_ms: how long looking took.
    """

    query: Query
    in_use: Serving
    observation: Observation
    candidates: tuple[Candidate, ...]
    blocked: Blocked | None
    state_version: int
    databases: Databases
    network: Network
    revision: int
    shows_holds: bool = False
    is_under_holds: bool = False
    occupied: np.ndarray | None = None
    avoided: Avoided = NOTHING
    took_ms: float = 0.0

    def has_changed(self) -> bool:
        """Whether the network is another by now."""
        network = self.databases.network
        return network is not self.network or network.revision != self.revision


def looks_at(in_use: Serving, queries: Sequence[Query], databases: Databases) -> list[Look]:
    """What the network shows of each request, all in one state, with the forecast of an endpoint.

    For who has the databases alone.

    Raises:
        DatabasesError: they show no state of the controller: one of its changes did not fit.
    """
    if not databases.is_whole and databases.have_been_in_step:
        raise DatabasesError("the databases are being read anew; ask again")
    databases.holds.expire()
    for query in queries:
        databases.holds.end_of(query.purpose.service_uuid)
    look_around_for(in_use.plant, [_around_what(in_use.plant, query, databases.network) for query in queries])
    return [look_at(in_use, query, databases) for query in queries]


def _around_what(plant: Plant, query: Query, network: Network) -> tuple[Avoided, int]:
    return network.avoided | query.avoided, plant.pair(query.request.source, query.request.destination)


def look_at(in_use: Serving, query: Query, databases: Databases) -> Look:
    """What the network shows of one request; a slot that is held is taken, unless nothing else is left."""
    began = time.perf_counter()
    look = dataclasses.replace(_look(in_use, query, databases), shows_holds=len(databases.holds) > 0)
    if look.blocked is not None and look.shows_holds:
        with databases.holds.lifted():
            look = dataclasses.replace(_look(in_use, query, databases), is_under_holds=True)
    return dataclasses.replace(look, took_ms=(time.perf_counter() - began) * 1000.0)


def look_again(in_use: Serving, look: Look) -> Look | None:
    """What another endpoint sees where one looked before a decision; None where the network has changed.

    What the decision itself holds is lifted meanwhile. For who has the databases alone.
    """
    databases, query = look.databases, look.query
    own = [query.decision_id] if query.decision_id in databases.holds else []
    if databases.network is not look.network or look.network.revision != look.revision + len(own):
        return None
    with databases.holds.lifted(own):
        return _look(in_use, query, databases)


def _look(in_use: Serving, query: Query, databases: Databases) -> Look:
    plant, request, network = in_use.plant, query.request, databases.network
    observation, candidates = observe(plant, network, request, query.avoided)
    some = bool(observation.action_mask.any())
    constraint = query.constraint
    if some and constraint is not None:
        observation = _restricted(observation, candidates, constraint)
    blocked = None
    if not observation.action_mask.any():
        if query.avoided and not some:
            some = bool(observe(plant, network, request)[0].action_mask.any())
        bounds = constraint.told() if some and constraint is not None else ""
        blocked = why_blocked(plant, request, databases.failed_links, bounds, query.avoided)
    revision, version = network.revision, databases.version
    look = Look(query, in_use, observation, candidates, blocked, version, databases, network, revision)
    if blocked is not None and blocked.by == "spectrum":
        avoided = network.avoided | query.avoided
        look = dataclasses.replace(look, occupied=network.occupied(), avoided=avoided)
    return look


def settle(look: Look, choice: Choice) -> bool:
    """Whether a choice still holds on the network as it is now; its slots are held from now on.

    Nothing is held for who computes a path for no service, nor where others hold a slot of it: the controller
    lets whoever comes second wait and ask again. For who has the databases alone.
    """
    databases, query = look.databases, look.query
    candidate = look.candidates[choice.index]
    feasible = databases.plant, databases.network, query.request, candidate, query.avoided
    block = candidate.nodes, candidate.first_slot, candidate.num_slots
    if look.is_under_holds:
        with databases.holds.lifted():
            return still_feasible(*feasible)
    if look.has_changed():
        # Where reach decides, nothing but free slots can have changed of a candidate.
        if not databases.network.is_free(*block):
            return False
        if databases.plant.thresholds_db and not still_feasible(*feasible):
            return False
    if query.purpose.service_uuid:
        request = query.request
        life = ServiceLife(request.arrival_s, request.told_end_s, request.service_class)
        databases.holds.take(query.decision_id, query.purpose.service_uuid, candidate, life)
    return True


def _restricted(
    observation: Observation, candidates: tuple[Candidate, ...], constraint: RouteConstraint
) -> Observation:
    mask = observation.action_mask.copy()
    routes = [candidate.nodes for candidate in candidates]
    admitted = {nodes: constraint.admits(nodes) for nodes in set(routes)}  # several candidates share a route
    mask[: len(routes)] &= [admitted[nodes] for nodes in routes]
    features = np.where(mask[:, None], observation.features, np.float32(0))
    return dataclasses.replace(observation, features=features, action_mask=mask)
