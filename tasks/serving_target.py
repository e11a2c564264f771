"""The two places where models are served: who owns them, what they hold, what the PCE asks.

Light: no Prefect, no MLflow, so that ``lightloop status`` and the upkeep process can look at it. Not here:
putting a model into one (``provision.py``), which one (``champion.py``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from configs.addresses import OneOf
from tasks.locks import is_ours, only_one
from tasks.processes import ProcessManager

OWNER_WAIT_S = 900.0  # a first start in a slot may take minutes
SLOTS_LOCK = "slots.lock"


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
class ServingTarget:
    """Where models are served.

    Attributes:
        slots: two places, one in service and one idle.
        run_folder: where the process manager listens.
        serving_folder: holds the slots' files.
        pce_urls: who asks the model; one after the other is told until one answers.
        token: bearer token between our own processes.
    """

    slots: tuple[Slot, ...]
    run_folder: Path
    serving_folder: Path
    pce_urls: tuple[str, ...]
    token: str

    @property
    def lock_file(self) -> Path:
        """Held by whoever changes what is in the slots."""
        return self.run_folder / SLOTS_LOCK

    def slot_file(self, slot: Slot) -> Path:
        """What a slot's process loads when it starts."""
        return self.serving_folder / f"{slot.name}.json"

    @property
    def headers(self) -> dict[str, str]:
        """What our own processes ask for."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def owning_slots(
    target: ServingTarget, what: str, on_step: Callable[[str], None] = print, timeout_s: float = OWNER_WAIT_S
) -> Iterator[None]:
    """Nobody else changes the slots during the block.

    Raises:
        BusyError: somebody else has them and did not give them back in time; names the process.
    """
    with only_one(target.lock_file, what, timeout_s, on_step, "the model slots"):
        yield


def demand_owner(target: ServingTarget) -> None:
    """Refuse to whoever does not own the slots.

    Raises:
        ProvisionError: this process does not hold the lock.
    """
    if not is_ours(target.lock_file):
        raise ProvisionError("the model slots are changed by their owner only; use owning_slots")


def ask_pce(target: ServingTarget, method: str, path: str, body: Any = None) -> Any:
    """The PCE's answer.

    Raises:
        ProvisionError: it is away or refuses; repeats its words.
    """
    try:
        with httpx.Client(
            base_url=target.pce_urls[0],
            transport=OneOf(target.pce_urls),
            headers=target.headers,
            timeout=10.0,
            trust_env=False,
        ) as client:
            answer = client.request(method, path, json=body)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        text = error.response.text[:300]
        raise ProvisionError(
            f"the PCE answers {error.response.status_code} to {method} {path}: {text}"
        ) from None
    except httpx.HTTPError as error:
        where = " or ".join(target.pce_urls)
        raise ProvisionError(f"the PCE at {where} does not answer: {error!r}") from None
    return answer.json() if answer.content else {}


def slot_in_service(target: ServingTarget) -> Slot | None:
    """The slot that the PCE asks, by its own word, or by what it has stored where it is away."""
    try:
        url = ask_pce(target, "GET", "/status").get("endpoint_url")
    except ProvisionError:
        url = stored_endpoint(target).get("url")
    return next((slot for slot in target.slots if slot.url == str(url or "").rstrip("/")), None)


def stored_endpoint(target: ServingTarget) -> dict[str, Any]:
    """What the PCE has stored as its endpoint; empty where it never had one."""
    return _read(target.serving_folder / "endpoint.json")


def slot_document(target: ServingTarget, slot: Slot) -> dict[str, Any]:
    """A slot's file; empty where the slot is."""
    return _read(target.slot_file(slot))


def write_slot(
    target: ServingTarget, slot: Slot, model_uri: str, model_version: str, is_beside: bool = False
) -> None:
    """Say what a slot's process loads when it starts.

    Args:
        target: where models are served.
        slot: which place.
        model_uri: what it loads.
        model_version: empty while the model is only staged.
        is_beside: another model answers meanwhile: it loads at low priority.
    """
    file = target.slot_file(slot)
    temporary = file.with_suffix(".tmp")
    document = {
        "model_uri": model_uri,
        "model_version": model_version,
        "port": slot.port,
        "is_beside": is_beside,
    }
    with temporary.open("w") as stream:
        json.dump(document, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)


def served_uri(target: ServingTarget, slot: Slot, timeout_s: float = 5.0) -> str | None:
    """The model that a slot's process says it has loaded; None where it does not answer or does not say."""
    try:
        answer = httpx.get(slot.url + "/version", headers=target.headers, timeout=timeout_s, trust_env=False)
        return str(answer.json()["model_uri"]) if answer.is_success else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def empty_slot(target: ServingTarget, slot: Slot, manager: ProcessManager) -> None:
    """Stop what runs in a slot that is not in service, and leave it empty; a challenger in it goes first.

    Raises:
        ProvisionError: the PCE asks this slot, and what is in service is never stopped; or the slots are not
            ours.
    """
    demand_owner(target)
    if slot_in_service(target) == slot:
        raise ProvisionError(f"{slot.name} is in service at {slot.url} and is not stopped")
    _take_challenger_away(target, slot)
    manager.stop(slot.name)
    target.slot_file(slot).unlink(missing_ok=True)


def leftovers(target: ServingTarget, manager: ProcessManager) -> list[Slot]:
    """Slots that hold or run a model that nobody asks."""
    used, states = slot_in_service(target), manager.states()
    return [
        slot
        for slot in target.slots
        if slot != used
        and (target.slot_file(slot).exists() or states[slot.name].state in ("RUNNING", "STARTING", "BACKOFF"))
    ]


def clear_leftovers(target: ServingTarget) -> list[str]:
    """Empty every slot that nobody asks; what was done, in words. The caller owns the slots."""
    manager, done = ProcessManager(target.run_folder), []
    for slot in leftovers(target, manager):
        uri = slot_document(target, slot).get("model_uri", "a model")
        empty_slot(target, slot, manager)
        done.append(f"emptied {slot.name}, which held {uri} for nobody")
    return done


def _take_challenger_away(target: ServingTarget, slot: Slot) -> None:
    """Have the PCE ask no challenger in a slot any more. One that is away finds it gone when it starts."""
    try:
        challenger = ask_pce(target, "GET", "/status").get("challenger")
    except ProvisionError:
        return
    if challenger and str(challenger["url"]).rstrip("/") == slot.url:
        ask_pce(target, "DELETE", "/challenger")


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return {}
