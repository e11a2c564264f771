"""Where the promotion log, MLflow's aliases, the PCE and the slots disagree. What mends it: ``takeover.py``.

Light and quick: ``lightloop status`` and the upkeep process ask it. MLflow is read over its REST interface
(``registry_reader.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.locks import holder_of
from tasks.processes import ProcessManager
from tasks.promotions import champions, pending_promotion, read_promotions
from tasks.registry_reader import RegistryReader
from tasks.serving_target import (
    ProvisionError,
    ServingTarget,
    ask_pce,
    leftovers,
    served_uri,
    slot_in_service,
)


@dataclass(frozen=True)
class Differences:
    """What does not agree now.

    Attributes:
        found: one line each; empty where all is as the promotion log has it. While somebody changes the
            slots only what the PCE itself complains of.
        owner: who changes the slots at this moment.
    """

    found: tuple[str, ...]
    owner: str = ""


def differences(target: ServingTarget, reader: RegistryReader, promotion_log: Path) -> Differences:
    """What does not agree between log, aliases, PCE and slots.

    Raises:
        ProvisionError, RegistryReadError: the PCE or MLflow does not answer.
    """
    status = ask_pce(target, "GET", "/status")
    past = champions(read_promotions(promotion_log, reader.model_name))
    found = [
        *_in_log(promotion_log, reader.model_name),
        *_in_registry(reader, past),
        *_in_service(target, status, reader.model_name, past),
        *(f"{slot.name} holds a model that nobody asks" for slot in _left(target)),
    ]
    owner = holder_of(target.lock_file)  # asked last: who came meanwhile explains what was seen
    if owner is not None:  # at work; that no model decides is worth saying all the same
        return Differences(tuple(map(str, status.get("reasons", ()))), str(owner))
    return Differences(tuple(found))


def _in_log(promotion_log: Path, model_name: str) -> list[str]:
    pending = pending_promotion(promotion_log, model_name)
    return [f"a switch to version {pending.version} was begun and not ended"] if pending else []


def _in_registry(reader: RegistryReader, past: tuple[str, ...]) -> list[str]:
    if not past:
        return ["the promotion log has no champion"]
    if not reader.exists(past[-1]):
        return [f"version {past[-1]}, the champion, has been deleted in MLflow"]
    alias = reader.aliases().get("champion", "")
    if alias != past[-1]:
        return [f"MLflow's @champion is version {alias or '-'}; by the promotion log it is {past[-1]}"]
    return []


def _in_service(
    target: ServingTarget, status: dict[str, Any], model_name: str, past: tuple[str, ...]
) -> list[str]:
    found = [str(reason) for reason in status.get("reasons", ())]
    asked = (status.get("model_name"), status.get("model_version"))
    if asked[1] and past and asked != (model_name, past[-1]):
        is_meant = f"by the promotion log the champion is version {past[-1]}"
        found.append(f"the PCE asks {asked[0]} version {asked[1]}; {is_meant}")
    slot, uri = slot_in_service(target), status.get("model_uri")
    if slot is not None and uri:
        serves = served_uri(target, slot)
        told = any(slot.url in reason for reason in found)
        if serves != uri and not told:
            what = f"serves {serves}" if serves else "does not say which model it serves"
            found.append(f"{slot.name} {what}; the PCE was told {uri}")
    return found


def _left(target: ServingTarget) -> list[Any]:
    try:
        return list(leftovers(target, ProcessManager(target.run_folder)))
    except OSError as error:
        raise ProvisionError(f"the process manager does not answer: {error!r}") from None
