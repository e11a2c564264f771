"""What the twin makes of the requests of an offer, under the policy that is in service. Not here: sending."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.trace import COLUMN_TYPES, Trace

if TYPE_CHECKING:
    from configs.home import Home
    from configs.schema import Config
    from tasks.loop.registered import GateScore

MOST_REQUESTS = 200_000  # some 10 s of the twin; beyond it the gate's figure stands


@dataclass(frozen=True)
class Promise:
    """What is to be expected of an offer.

    Attributes:
        source: ``twin``: the same requests, from an empty network; ``gate``: what the version was registered
            with, on other requests; ``none``.
        policy, model_version: who decides; the version is empty where no model does.
        request_blocking: NaN where nothing is known.
        why: of ``gate`` and ``none``: why the twin did not play them.
        blocked: (num_requests,) bool, what the twin blocks; None unless it played them.
        gate: what the version in service blocked at its gate, on other requests; None: not known.
    """

    source: str
    policy: str = ""
    model_version: str = ""
    request_blocking: float = float("nan")
    why: str = ""
    blocked: np.ndarray | None = None
    gate: GateScore | None = None

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        gate = self.gate
        return {
            "source": self.source,
            "policy": self.policy or None,
            "model_version": self.model_version or None,
            "request_blocking": self.request_blocking,
            "why": self.why or None,
            "gate": gate and {"request_blocking": gate.value, "ci95": [gate.low, gate.high]},
        }


def twin_blocked(plant: Plant, trace: Trace, num_requests: int, policy: ScoringPolicy) -> np.ndarray:
    """(num_requests,) bool, the first requests of a trace that the twin blocks, from an empty network."""
    from envs.lockstep import lockstep_on_requests
    from envs.traffic import requests_of

    asked = first_requests(trace.for_topology(plant.topology), num_requests)
    run = lockstep_on_requests(plant, requests_of([asked], plant), num_classes=len(trace.class_names))
    run.reset()
    steps = run.play(policy, num_requests, run.observation_buffers())
    return np.diff([int(run.statistics.blocked.sum()) for _ in steps]) > 0


def first_requests(trace: Trace, num_requests: int) -> Trace:
    """The trace up to a row."""
    if num_requests == trace.num_requests:
        return trace
    columns = {column: getattr(trace, column)[:num_requests] for column in COLUMN_TYPES}
    told_s = None if trace.told_s is None else trace.told_s[:num_requests]
    return replace(trace, **columns, told_s=told_s)


def promise_for(
    config: Config,
    home: Home,
    plant: Plant,
    trace: Trace,
    num_requests: int,
    status: Mapping[str, Any],
    on_step: Callable[[str], None],
) -> Promise:
    """The twin's figure for the requests under the policy in service, else the gate's.

    Args:
        config: of the running installation.
        home: its folder.
        plant: that it operates.
        trace: the requests.
        num_requests: so many of them.
        status: what the PCE says of itself.
        on_step: told what is being done.
    """
    from envs.heuristics import baseline

    version = str(status.get("model_version") or "")
    policy = str((status["policy"] if version else status["fallback_policy"]) or "")
    gate, fault = _gate(config, home, version) if version else (None, "")
    if num_requests > MOST_REQUESTS:
        why = f"more than {MOST_REQUESTS:,} requests"
        return _gate_promise(policy, version, "; ".join(filter(None, (why, fault))), gate)
    try:
        chosen, seen = _served_by(config, home, version, plant) if version else (baseline(policy), plant)
        on_step(f"the twin plays the same {num_requests:,} requests under {policy}")
        blocked = twin_blocked(seen, trace, num_requests, chosen)
    except ValueError as error:
        return _gate_promise(policy, version, "; ".join(filter(None, (str(error), fault))), gate)
    return Promise("twin", policy, version, float(blocked.mean()), blocked=blocked, gate=gate)


def _served_by(config: Config, home: Home, version: str, plant: Plant) -> tuple[ScoringPolicy, Plant]:
    """The policy of a version, fetched once, and the plant with the forecast that it decides with.

    Raises:
        RegistryError, ArtefactError, ForecastError: it cannot be had, or is of another plant.
    """
    from agents.artefact import load_policy, plant_of
    from deployments.environment import QUIET, mlflow_login
    from flows.settings import settings_of

    os.environ.update(QUIET | mlflow_login(config, home))
    registry = settings_of(config, home, running=config).registry
    folder = registry.policy_folder(registry.version(version), home.models)
    return load_policy(folder), plant_of(folder, plant)


def _gate(config: Config, home: Home, version: str) -> tuple[GateScore | None, str]:
    """What a version's gate measured, and why that is not known."""
    from lightloop.registry_access import reader_of
    from tasks.loop.registered import VersionReader
    from tasks.registry_reader import RegistryReadError

    try:
        return VersionReader(reader_of(config, home)).score(version), ""
    except RegistryReadError as error:
        return None, str(error)


def _gate_promise(policy: str, version: str, why: str, gate: GateScore | None) -> Promise:
    if gate is None:
        return Promise("none", policy, version, why=why)
    return Promise("gate", policy, version, gate.value, why, gate=gate)
