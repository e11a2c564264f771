"""A look at the network: one request with its candidates at one moment, as an endpoint's forecast shows them.

Not here: who chooses among them (``computation.py``), what an observation holds (``envs``).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from controlplane.pce.constraint import RouteConstraint
from controlplane.pce.databases import Databases
from controlplane.pce.decide import Blocked, why_blocked
from controlplane.pce.endpoint import Serving
from controlplane.tapi.purpose import NOBODY, Purpose
from envs.candidates import Candidate, Observation, observe
from envs.network import Network
from envs.request import Request
from topologies.detours import NOTHING, Avoided


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

    def has_changed(self) -> bool:
        """Whether the network is another by now."""
        network = self.databases.network
        return network is not self.network or network.revision != self.revision


def look_at(in_use: Serving, query: Query, databases: Databases) -> Look:
    """What the network shows now, with the forecast of an endpoint."""
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
    return Look(query, in_use, observation, candidates, blocked, version, databases, network, revision)


def _restricted(
    observation: Observation, candidates: tuple[Candidate, ...], constraint: RouteConstraint
) -> Observation:
    mask = observation.action_mask.copy()
    for index, candidate in enumerate(candidates):
        mask[index] &= constraint.admits(candidate.nodes)
    features = np.where(mask[:, None], observation.features, np.float32(0))
    return dataclasses.replace(observation, features=features, action_mask=mask)
