"""Putting a model into service without a request failing, and taking the old one out.

A new model starts in the idle slot beside the one in service, must answer its recorded observations as the
evaluated policy did, and only then the PCE is told to ask it. Whatever goes wrong before that leaves the old
model in service, untouched. Everything here is done by the owner of the slots (``serving_target.py``). Not
here: which model (``champion.py``), what runs in a slot (``deployments``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from agents.artefact import ArtefactError, load_forecast, load_policy, read_manifest
from envs.forecast import DemandForecast
from tasks.decorate import as_task
from tasks.processes import ProcessManager
from tasks.registry import POLICY_FOLDER
from tasks.serving_target import (
    ProvisionError,
    ServingTarget,
    Slot,
    ask_pce,
    demand_owner,
    empty_slot,
    served_uri,
    slot_document,
    slot_in_service,
    write_slot,
)

SCORE_TOLERANCE = 1e-4
START_TIMEOUT_S = 300.0
LATENCY_PROBES = 400
DRAIN_S = 1.0


@dataclass(frozen=True)
class Staged:
    """A model that runs in a slot and has been checked; not yet asked by anybody."""

    slot: Slot
    model_uri: str
    forecast: DemandForecast | None  # that it decides with
    num_checked: int
    largest_difference: float  # of a score, over the recorded observations
    p50_ms: float
    p99_ms: float


def stage(
    target: ServingTarget, model_uri: str, recorded: Path, on_step: Callable[[str], None] = print
) -> Staged:
    """A model started in the idle slot, checked on recorded observations and timed.

    Args:
        target: where models are served.
        model_uri: what the inference server loads.
        recorded: observations with the evaluated policy's scores; beside them lies the policy's folder.
        on_step: told what is being done.

    Raises:
        ProvisionError: it does not start, does not answer, or answers otherwise than the evaluated policy;
            the slot is empty again then.
    """
    demand_owner(target)
    manager = ProcessManager(target.run_folder)
    slot = idle_slot(target)
    on_step(f"starting {model_uri} in {slot.name} at {slot.url}")
    empty_slot(target, slot, manager)
    write_slot(target, slot, model_uri, "", is_beside=slot_in_service(target) is not None)
    try:
        manager.start(slot.name)
        wait_for_ping(target, slot, manager)
        serves = served_uri(target, slot)
        if serves != model_uri:
            raise ProvisionError(f"{slot.name} was to load {model_uri} and serves {serves}")
        on_step("comparing its answers with the evaluated policy's")
        return _checked(target, slot, model_uri, recorded)
    except BaseException:
        empty_slot(target, slot, manager)
        raise


def demand_same_weights(exported: Path, evaluated: Path) -> None:
    """Return where the policy that will be served is the one that was evaluated, to the last bit.

    Args:
        exported: folder of the policy in the model that the inference server loads.
        evaluated: folder of the policy that the gate judges.

    Raises:
        ProvisionError: another kind, schema or weights; or what is exported cannot be read.
    """
    try:
        load_policy(exported), load_forecast(exported)  # both are compared with their hashes
        served, judged = read_manifest(exported), read_manifest(evaluated)
    except ArtefactError as error:
        raise ProvisionError(f"the exported policy is not sound: {error}") from None
    for name in ("kind", "name", "weights_sha256", "feature_schema_version", "forecast"):
        if getattr(served, name) != getattr(judged, name):
            raise ProvisionError(
                f"the exported policy has {name} {getattr(served, name)}, the evaluated one "
                f"{getattr(judged, name)}; package it again"
            )


def unstage(target: ServingTarget, staged: Staged) -> None:
    """Stop a staged model and leave its slot empty.

    Raises:
        ProvisionError: it is in service by now, or the slots are not ours.
    """
    empty_slot(target, staged.slot, ProcessManager(target.run_folder))


def switch(
    target: ServingTarget,
    staged: Staged,
    model_name: str,
    version: str,
    policy: str,
    on_step: Callable[[str], None] = print,
) -> None:
    """Have the PCE ask the staged model; the model before it still runs.

    Raises:
        ProvisionError: the PCE does not take it. The old model stays in service and the slot is empty again.
    """
    demand_owner(target)
    slot = staged.slot
    if (serves := served_uri(target, slot)) != staged.model_uri:  # somebody else has had the slot meanwhile
        raise ProvisionError(
            f"{slot.name} serves {serves or 'nothing'}, not {staged.model_uri}; not switched"
        )
    write_slot(target, slot, staged.model_uri, version)
    body = {
        "url": slot.url,
        "model_name": model_name,
        "model_version": version,
        "policy": policy,
        "model_uri": staged.model_uri,
        "forecast": staged.forecast.to_json() if staged.forecast else None,
    }
    on_step(f"switching the PCE to {slot.url}")
    refused: ProvisionError | None = None
    try:
        ask_pce(target, "PUT", "/endpoint", body)
    except ProvisionError as error:  # the answer alone may have been lost
        refused = error
    if (used := slot_in_service(target)) != slot:
        empty_slot(target, slot, ProcessManager(target.run_folder))
        raise refused or ProvisionError(f"the PCE asks {used} instead of {slot.url}")


def retire_others(target: ServingTarget, on_step: Callable[[str], None] = print) -> None:
    """Stop every model that the PCE does not ask any more, after it has answered what it was asked."""
    manager, used = ProcessManager(target.run_folder), slot_in_service(target)
    for slot in target.slots:
        if used is not None and slot != used and manager.state(slot.name).state != "STOPPED":
            on_step(f"draining and stopping {slot.name}")
            time.sleep(DRAIN_S)  # what was asked before the switch ends within the PCE's deadline
            empty_slot(target, slot, manager)


def restart_in_service(target: ServingTarget, on_step: Callable[[str], None] = print) -> str | None:
    """The version in service, its slot running again after a restart; None when there is none to start.

    None also where the slot runs another model than the PCE has been told, or where the model does not start
    any more, e.g. after an update for whose features it was not made: then it is provisioned anew.
    """
    demand_owner(target)
    manager = ProcessManager(target.run_folder)
    endpoint = ask_pce(target, "GET", "/status")
    slot = slot_in_service(target)
    if slot is None or not (stored := slot_document(target, slot)).get("model_version"):
        return None
    if stored["model_version"] != endpoint.get("model_version"):
        return None
    if manager.state(slot.name).state not in ("RUNNING", "STARTING"):
        on_step(f"starting {stored['model_uri']} in {slot.name} again")
        manager.start(slot.name)
    try:
        wait_for_ping(target, slot, manager)
    except ProvisionError as error:
        on_step(f"what was in service does not start any more: {error}")
        return None
    if served_uri(target, slot) != stored["model_uri"]:
        return None
    return str(stored["model_version"])


def idle_slot(target: ServingTarget) -> Slot:
    """The slot that the PCE does not ask."""
    used = slot_in_service(target)
    return next(slot for slot in target.slots if slot != used)


def wait_for_ping(
    target: ServingTarget, slot: Slot, manager: ProcessManager, timeout_s: float = START_TIMEOUT_S
) -> None:
    """Return when the inference server answers.

    Raises:
        ProvisionError: it fails, keeps dying, or is not there in time; ends with its last lines.
    """
    deadline = time.monotonic() + timeout_s
    pids: set[int] = set()
    while True:
        state = manager.state(slot.name)
        pids.update({state.pid} - {0})
        if state.state in ("RUNNING", "STARTING") and _answers(target, slot.url + "/ping"):
            return
        if state.has_failed or len(pids) > 2 or time.monotonic() > deadline:
            tail = "\n".join(manager.log_tail(slot.name).splitlines()[-12:])
            raise ProvisionError(f"{slot.name} does not answer at {slot.url}/ping ({state.state}):\n{tail}")
        time.sleep(0.1)


def _forecast_beside(recorded: Path) -> DemandForecast | None:
    """The forecast of the model that observations were recorded of."""
    try:
        return load_forecast(recorded.with_name(POLICY_FOLDER))
    except ArtefactError as error:
        raise ProvisionError(f"{error}; the model's policy is needed beside {recorded.name}") from None


def _checked(target: ServingTarget, slot: Slot, model_uri: str, recorded: Path) -> Staged:
    stored = np.load(recorded)
    inputs = [
        {key: stored[key][row : row + 1].tolist() for key in ("features", "action_mask", "context")}
        for row in range(len(stored["scores"]))
    ]
    differences, times_ms = [], []
    with httpx.Client(base_url=slot.url, headers=target.headers, timeout=10.0, trust_env=False) as client:
        for row, body in enumerate(inputs):
            answer = client.post("/invocations", json={"inputs": body})
            if not answer.is_success:
                raise ProvisionError(f"{model_uri} answers {answer.status_code}: {answer.text[:300]}")
            scores = np.array(answer.json()["predictions"]["scores"][0], np.float32)
            expected, allowed = stored["scores"][row], stored["action_mask"][row] > 0.5
            scale = max(1.0, float(np.abs(expected[allowed]).max(initial=1.0)))
            if not (np.isfinite(scores[allowed]).all() and np.isfinite(expected[allowed]).all()):
                raise ProvisionError(
                    f"{model_uri} or the evaluated policy gives a score that is no number on recorded "
                    f"observation {row}"
                )
            difference = float(np.abs(scores - expected)[allowed].max(initial=0.0)) / scale
            if not difference <= SCORE_TOLERANCE or int(scores.argmax()) != int(expected.argmax()):
                raise ProvisionError(
                    f"{model_uri} chooses candidate {int(scores.argmax())} on recorded observation {row}, "
                    f"the evaluated policy {int(expected.argmax())} (scores differ by {difference:.2g})"
                )
            differences.append(difference)
        for probe in range(LATENCY_PROBES):
            body = inputs[probe % len(inputs)]
            begin = time.perf_counter()
            client.post("/invocations", json={"inputs": body})
            took_s = time.perf_counter() - begin
            times_ms.append(took_s * 1000)
            time.sleep(took_s)  # half of the time is left to what answers
    p50_ms, p99_ms = np.percentile(times_ms, [50, 99])
    forecast = _forecast_beside(recorded)
    return Staged(slot, model_uri, forecast, len(inputs), max(differences), float(p50_ms), float(p99_ms))


def _answers(target: ServingTarget, url: str) -> bool:
    try:
        return httpx.get(url, headers=target.headers, timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


stage_task = as_task(stage, "stage", "stage {model_uri}", retries=1, timeout_s=300)
unstage_task = as_task(unstage, "unstage", retries=1, timeout_s=60)
