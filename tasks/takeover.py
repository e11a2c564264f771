"""From a staged model to the champion, in an order that a kill at any step leaves mendable.

Announce in the promotion log, switch the PCE, settle in the log, move the aliases, stop the old model. What a
kill leaves is finished or undone by ``settle``: in ``lightloop up``, before each flow, and every minute.
"""

from __future__ import annotations

from collections.abc import Callable

from tasks.champion import (
    align_aliases,
    announce,
    is_champion,
    pending,
    promote,
    roll_back,
    step_back_from_deleted,
    withdraw,
)
from tasks.decorate import as_task
from tasks.promotions import Change
from tasks.provision import Staged, retire_others, switch
from tasks.registry import ModelVersion, Registry
from tasks.serving_target import ProvisionError, ServingTarget, ask_pce, clear_leftovers, demand_owner


def take_over(
    target: ServingTarget,
    registry: Registry,
    staged: Staged,
    version: ModelVersion,
    change: Change,
    reason: str,
    on_step: Callable[[str], None] = print,
) -> None:
    """The staged model in service and its version champion; the model before it drained and stopped.

    Raises:
        ProvisionError: the PCE does not take it. The old model stays in service and champion.
    """
    is_another = not is_champion(registry, version)
    if is_another:
        announce(registry, change, version, reason)
    try:
        switch(target, staged, version.name, version.version, version.policy, on_step)
    except ProvisionError as error:
        if is_another:
            withdraw(registry, version.version, str(error)[:300])
        raise
    _settle_as(registry, change, version, reason)
    retire_others(target, on_step)


def settle(target: ServingTarget, registry: Registry, on_step: Callable[[str], None] = print) -> list[str]:
    """Bring log, aliases and slots in line after whatever happened; what was done, in words.

    The caller owns the slots, so whatever is half done here was left by somebody who is gone.

    Raises:
        ProvisionError, RegistryError: the PCE or MLflow does not answer; nothing is decided without them.
    """
    demand_owner(target)
    done: list[str] = []
    left = pending(registry)
    if left is not None:
        status = ask_pce(target, "GET", "/status")
        version = registry.existing(left.version)
        switched = (status.get("model_name"), status.get("model_version")) == (left.model_name, left.version)
        if switched and version is not None:
            _settle_as(registry, left.then or "promote", version, left.reason)
            done.append(f"the switch to version {left.version} had happened: it is champion now")
        else:
            asks = status.get("model_version") or "no model"
            withdraw(registry, left.version, f"the PCE asks {asks}")
            done.append(f"the switch to version {left.version} had not happened: given up")
    done += step_back_from_deleted(registry)
    done += align_aliases(registry)
    done += clear_leftovers(target)
    for text in done:
        on_step(text)
    return done


def _settle_as(registry: Registry, change: Change, version: ModelVersion, reason: str) -> None:
    (roll_back if change == "rollback" else promote)(registry, version, reason)


take_over_task = as_task(take_over, "take over", "version {version.version} takes over", timeout_s=180)
