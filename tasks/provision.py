"""Putting a model into service without a request failing, and taking the old one out.

A new model starts in the idle slot beside the one in service, must answer its recorded observations as the
evaluated policy did, and only then the PCE is told to ask it. Whatever goes wrong before that leaves the old
model in service, untouched. Not here: which model (``registry.py``), what runs in a slot (``deployments``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tasks.decorate import as_task
from tasks.processes import ProcessManager

SCORE_TOLERANCE = 1e-4
START_TIMEOUT_S = 300.0
LATENCY_PROBES = 400


class ProvisionError(ValueError):
    """A model was not put into service; says at which step and that the old one stays."""


@dataclass(frozen=True)
class Slot:
    """A place for a model: a program of the process manager, listening at a fixed address."""

    name: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class Site:
    """Where models are served.

    Attributes:
        slots: two places, one in service and one idle.
        run_folder: where the process manager listens.
        serving_folder: holds the slots' files.
        pce_url: who asks the model.
        token: bearer token between our own processes.
    """

    slots: tuple[Slot, ...]
    run_folder: Path
    serving_folder: Path
    pce_url: str
    token: str


@dataclass(frozen=True)
class Staged:
    """A model that runs in a slot and has been checked; not yet asked by anybody."""

    slot: Slot
    model_uri: str
    num_checked: int
    largest_difference: float  # of a score, over the recorded observations
    p50_ms: float
    p99_ms: float


def stage(site: Site, model_uri: str, recorded: Path, on_step: Callable[[str], None] = print) -> Staged:
    """A model started in the idle slot, checked on recorded observations and timed.

    Args:
        site: where models are served.
        model_uri: what the inference server loads.
        recorded: observations with the evaluated policy's scores.
        on_step: told what is being done.

    Raises:
        ProvisionError: it does not start, does not answer, or answers otherwise than the evaluated policy;
            the slot is empty again then.
    """
    manager = ProcessManager(site.run_folder)
    slot = idle_slot(site)
    on_step(f"starting {model_uri} in {slot.name} at {slot.url}")
    manager.stop(slot.name)
    _write_slot(site, slot, {"model_uri": model_uri, "model_version": "", "port": slot.port})
    try:
        manager.start(slot.name)
        wait_for_ping(slot, manager)
        on_step("comparing its answers with the evaluated policy's")
        return _checked(slot, model_uri, recorded)
    except BaseException:
        _empty(site, slot, manager)
        raise


def unstage(site: Site, staged: Staged) -> None:
    """Stop a staged model and leave its slot empty."""
    _empty(site, staged.slot, ProcessManager(site.run_folder))


def put_in_service(
    site: Site,
    staged: Staged,
    model_name: str,
    version: str,
    policy: str,
    registered_uri: str,
    on_step: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The PCE's status with the staged model in service; the model before it has been drained and stopped.

    Raises:
        ProvisionError: the PCE does not take it. The old model stays in service and the slot is empty again.
    """
    manager = ProcessManager(site.run_folder)
    document = {"model_uri": registered_uri, "model_version": version, "port": staged.slot.port}
    _write_slot(site, staged.slot, document)
    body = {"url": staged.slot.url, "model_name": model_name, "model_version": version, "policy": policy}
    on_step(f"switching the PCE to {staged.slot.url}")
    try:
        _pce(site, "PUT", "/endpoint", body)
        status = _pce(site, "GET", "/status")
        if status["endpoint_url"].rstrip("/") != staged.slot.url:
            raise ProvisionError(f"the PCE asks {status['endpoint_url']} instead of {staged.slot.url}")
    except ProvisionError:
        _empty(site, staged.slot, manager)
        raise
    for slot in site.slots:
        if slot != staged.slot and manager.state(slot.name).state != "STOPPED":
            on_step(f"draining and stopping {slot.name}")
            time.sleep(1.0)  # what the old model was asked before the switch ends within the PCE's deadline
            _empty(site, slot, manager)
    return status


def restart_in_service(site: Site, on_step: Callable[[str], None] = print) -> str | None:
    """The version in service, its slot running again after a restart; None when there is none to start."""
    manager = ProcessManager(site.run_folder)
    url = _pce(site, "GET", "/status").get("endpoint_url") or ""
    slot = next((slot for slot in site.slots if slot.url == url.rstrip("/")), None)
    if slot is None or not (file := _slot_file(site, slot)).exists():
        return None
    stored = json.loads(file.read_text())
    if not stored.get("model_version"):
        return None
    if manager.state(slot.name).state not in ("RUNNING", "STARTING"):
        on_step(f"starting {stored['model_uri']} in {slot.name} again")
        manager.start(slot.name)
    wait_for_ping(slot, manager)
    return str(stored["model_version"])


def idle_slot(site: Site) -> Slot:
    """The slot that the PCE does not ask."""
    url = (_pce(site, "GET", "/status").get("endpoint_url") or "").rstrip("/")
    return next(slot for slot in site.slots if slot.url != url)


def wait_for_ping(slot: Slot, manager: ProcessManager, timeout_s: float = START_TIMEOUT_S) -> None:
    """Return when the inference server answers.

    Raises:
        ProvisionError: it fails, keeps dying, or is not there in time; ends with its last lines.
    """
    deadline = time.monotonic() + timeout_s
    pids: set[int] = set()
    while True:
        state = manager.state(slot.name)
        pids.update({state.pid} - {0})
        if state.state in ("RUNNING", "STARTING") and _answers(slot.url + "/ping"):
            return
        if state.has_failed or len(pids) > 2 or time.monotonic() > deadline:
            tail = "\n".join(manager.log_tail(slot.name).splitlines()[-12:])
            raise ProvisionError(f"{slot.name} does not answer at {slot.url}/ping ({state.state}):\n{tail}")
        time.sleep(0.1)


def _checked(slot: Slot, model_uri: str, recorded: Path) -> Staged:
    stored = np.load(recorded)
    inputs = [
        {key: stored[key][row : row + 1].tolist() for key in ("features", "action_mask", "context")}
        for row in range(len(stored["scores"]))
    ]
    differences, times_ms = [], []
    with httpx.Client(base_url=slot.url, timeout=10.0, trust_env=False) as client:
        for row, body in enumerate(inputs):
            answer = client.post("/invocations", json={"inputs": body})
            if not answer.is_success:
                raise ProvisionError(f"{model_uri} answers {answer.status_code}: {answer.text[:300]}")
            scores = np.array(answer.json()["predictions"]["scores"][0], np.float32)
            expected, allowed = stored["scores"][row], stored["action_mask"][row] > 0.5
            scale = max(1.0, float(np.abs(expected[allowed]).max(initial=1.0)))
            difference = float(np.abs(scores - expected)[allowed].max(initial=0.0)) / scale
            if difference > SCORE_TOLERANCE or int(scores.argmax()) != int(expected.argmax()):
                raise ProvisionError(
                    f"{model_uri} chooses candidate {int(scores.argmax())} on recorded observation {row}, "
                    f"the evaluated policy {int(expected.argmax())} (scores differ by {difference:.2g})"
                )
            differences.append(difference)
        for probe in range(LATENCY_PROBES):
            body = inputs[probe % len(inputs)]
            begin = time.perf_counter()
            client.post("/invocations", json={"inputs": body})
            times_ms.append((time.perf_counter() - begin) * 1000)
    p50_ms, p99_ms = np.percentile(times_ms, [50, 99])
    return Staged(slot, model_uri, len(inputs), max(differences), float(p50_ms), float(p99_ms))


def _pce(site: Site, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {site.token}"}
    try:
        answer = httpx.request(
            method, site.pce_url + path, json=body, headers=headers, timeout=10.0, trust_env=False
        )
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        text = error.response.text[:300]
        raise ProvisionError(
            f"the PCE answers {error.response.status_code} to {method} {path}: {text}"
        ) from None
    except httpx.HTTPError as error:
        raise ProvisionError(f"the PCE at {site.pce_url} does not answer: {error!r}") from None
    return answer.json() if answer.content else {}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _slot_file(site: Site, slot: Slot) -> Path:
    return site.serving_folder / f"{slot.name}.json"


def _write_slot(site: Site, slot: Slot, document: dict[str, Any]) -> None:
    file = _slot_file(site, slot)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=2))
    os.replace(temporary, file)


def _empty(site: Site, slot: Slot, manager: ProcessManager) -> None:
    manager.stop(slot.name)
    _slot_file(site, slot).unlink(missing_ok=True)


stage_task = as_task(stage, "stage", "stage {model_uri}", retries=1, timeout_s=300)
unstage_task = as_task(unstage, "unstage", retries=1, timeout_s=60)
put_in_service_task = as_task(
    put_in_service, "put in service", "put version {version} in service", timeout_s=120
)
