"""TAPI 2.1.3 on one side, path computation on the other: parsed input to query, decision to path.

Computed paths are kept for the GET that follows, and answers by decision id, so that asking twice under one
id decides once. Not here: the documents themselves (``controlplane.tapi.path_body``), HTTP (``app.py``).
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from controlplane.lightpath import Lightpath
from controlplane.pce.computation import PathComputer
from controlplane.pce.constraint import RouteConstraint, avoided_of
from controlplane.pce.decision_record import DecisionRecord
from controlplane.pce.look import Query
from controlplane.tapi import ids
from controlplane.tapi.errors import TapiError, invalid, no_path, unknown
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import (
    build_compute_output,
    build_path,
    parse_compute_input,
)
from controlplane.tapi.purpose import NOBODY, Purpose, parse_purpose
from controlplane.tapi.service_body import BIDIRECTIONAL, ComputeRequest
from envs.request import Request


@dataclass(frozen=True)
class _Asked:
    request: ComputeRequest
    state_version: int | None
    decision: asyncio.Task[DecisionRecord]


class PathAnswers:
    """Answers ``compute-p-2-p-path`` and the GET of a path, for one topology.

    Args:
        computation: decides.
        keep: how many answers are kept; the oldest goes first.
    """

    def __init__(self, computation: PathComputer, keep: int = 10_000) -> None:
        self._computation = computation
        self._plant = computation.databases.plant
        self._naming = Naming(self._plant.topology)
        self._keep = keep
        self._asked: OrderedDict[str, _Asked] = OrderedDict()  # by decision id
        self._paths: OrderedDict[str, tuple[Lightpath, str]] = OrderedDict()  # by uuid, with the direction

    async def compute(
        self, document: Any, decision_id: str | None, state_version: int | None, waiting: int = 0
    ) -> dict[str, Any]:
        """The output of ``compute-p-2-p-path``.

        The same question under the same ``decision_id`` gets the same answer and is one decision.
        ``waiting``: how many more requests wait for their turn at whoever asks.

        Raises:
            TapiError: 400 for an input that cannot be read or an unknown service interface point; 409 when
                no path can carry it, with the reason; 409 for another question under a known id.
            DatabasesError, DecisionLogError: as ``PathComputer.compute``.
        """
        shared = self._plant.spec.shared_spectrum
        request = parse_compute_input(document, self._naming, shared)
        if request.direction == BIDIRECTIONAL and not shared:
            raise invalid(
                "route-direction BIDIRECTIONAL: here each direction has its own spectrum; "
                "ask once for each direction with UNIDIRECTIONAL"
            )
        # The controller names each decision that it asks for a service. What clients ask through it has no
        # name, and is for nobody, whatever it says.
        purpose = parse_purpose(document) if decision_id else NOBODY
        decision_id = decision_id or str(uuid4())
        path = await self.decided(decision_id, request, state_version, purpose, waiting)
        return build_compute_output(request, self._naming, ids.path_service_uuid(decision_id), path)

    async def decided(
        self,
        decision_id: str,
        request: ComputeRequest,
        state_version: int | None,
        purpose: Purpose = NOBODY,
        waiting: int = 0,
    ) -> Lightpath:
        """The path for a request, which is remembered for the GET.

        Raises:
            TapiError: 409, no path can carry it, or the decision was asked before with another content.
            DatabasesError, DecisionLogError: as ``PathComputer.compute``.
        """
        asked = self._asked.get(decision_id)
        if asked is None:
            task = asyncio.create_task(
                self._computation.compute(self._query(decision_id, request, state_version, purpose, waiting))
            )
            asked = _Asked(request, state_version, task)
            _remember(self._asked, decision_id, asked, self._keep)
        elif (asked.request, asked.state_version) != (request, state_version):
            raise TapiError(
                409, "data-exists", f"decision {decision_id!r} was asked before with another content"
            )
        try:
            # A client that goes away does not take along another one that asks the same.
            record = await asyncio.shield(asked.decision)
        except Exception:
            self._asked.pop(decision_id, None)  # nothing was decided: it may be asked again
            raise
        path = record.lightpath
        if path is None:
            raise no_path(record.reason or "no path")
        _remember(self._paths, path.uuid, (path, request.direction), self._keep)
        return path

    def path(self, uuid: str) -> dict[str, Any]:
        """The document of a computed path.

        Raises:
            TapiError: 404, not computed here, or too long ago.
        """
        try:
            path, direction = self._paths[uuid.lower()]
        except KeyError:
            raise unknown(
                f"no computed path {uuid!r}; the last {self._keep} of this process are kept"
            ) from None
        return build_path(path, self._naming, self._plant.bands, direction)

    def _query(
        self,
        decision_id: str,
        request: ComputeRequest,
        state_version: int | None,
        purpose: Purpose,
        waiting: int,
    ) -> Query:
        index = self._plant.topology.node_index
        asked = Request(
            source=index(request.source),
            destination=index(request.destination),
            bit_rate_gbps=request.bit_rate_gbps,
            max_latency_ms=request.max_latency_ms,
            told_end_s=math.inf if request.ends_s is None else request.ends_s,
            service_class=purpose.service_class,
        )
        topology = self._plant.topology
        avoided = avoided_of(topology, request.exclude_links, request.exclude_nodes)
        constraint = RouteConstraint.of(request, topology.node_names)
        return Query(decision_id, asked, state_version, constraint, avoided, purpose, waiting)


def _remember(store: OrderedDict[str, Any], key: str, value: Any, keep: int) -> None:
    store[key] = value
    while len(store) > keep:
        store.popitem(last=False)
