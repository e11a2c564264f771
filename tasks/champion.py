"""Who is champion: decided by the promotion log, shown by MLflow's aliases, which follow it.

Not here: the log's lines (``promotions.py``), MLflow (``registry.py``), what is served (``takeover.py``).
"""

from __future__ import annotations

from tasks.decorate import as_task
from tasks.promotions import (
    Change,
    Promotion,
    append_promotion,
    champions,
    pending_promotion,
    read_promotions,
)
from tasks.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry, RegistryError


def champion_of(registry: Registry) -> ModelVersion | None:
    """The champion by the promotion log; None in a new registry, or where it has been deleted.

    An installation without a line, as after its folder was lost, takes the alias as it stands.
    """
    past = _past(registry)
    number = past[-1] if past else registry.aliased(CHAMPION)
    return registry.existing(number) if number else None


def is_champion(registry: Registry, version: ModelVersion) -> bool:
    """Whether this version is the champion by the log."""
    return _past(registry)[-1:] == (version.version,)


def rollback_target(registry: Registry) -> ModelVersion:
    """The champion before this one that still exists.

    Raises:
        RegistryError: there is none.
    """
    found = predecessor_of(registry)
    if found is not None:
        return found
    raise RegistryError(f"model {registry.model_name!r} has had one champion only; nothing to go back to")


def announce(registry: Registry, change: Change, version: ModelVersion, reason: str) -> None:
    """Say in the log that the PCE is about to be switched to a version; it is on disk then."""
    _append(registry, "switching", version.version, version.policy, reason, change)


def withdraw(registry: Registry, version: str, why: str) -> None:
    """Say in the log that an announced switch has not happened."""
    _append(registry, "undone", version, "", why)


def promote(registry: Registry, version: ModelVersion, reason: str) -> None:
    """Make a version champion; the one before it becomes ``@previous``. Safe to repeat."""
    if not is_champion(registry, version) or pending(registry) is not None:
        _append(registry, "promote", version.version, version.policy, reason)
    align_aliases(registry)


def roll_back(registry: Registry, version: ModelVersion, reason: str) -> None:
    """Make a former champion champion again; a line for each that is stepped over."""
    past = _past(registry)
    if past[-1:] == (version.version,) and pending(registry) is None:
        align_aliases(registry)
        return
    while len(past) > 1 and past[-2] != version.version and version.version in past[:-1]:
        _append(registry, "rollback", past[-2], "", f"{reason} (stepped over)")
        past = _past(registry)
    _append(registry, "rollback", version.version, version.policy, reason)
    align_aliases(registry)


def pending(registry: Registry) -> Promotion | None:
    """The announced switch that has neither happened nor been given up."""
    return pending_promotion(registry.promotion_log, registry.model_name)


def align_aliases(registry: Registry) -> list[str]:
    """Have the aliases follow the log; what was moved, in words.

    An alias that somebody moved in MLflow's page goes back: a version comes into service by the flow
    ``provision``, which checks it. A champion is nobody's challenger any more.
    """
    past = _past(registry)
    if not past or registry.existing(past[-1]) is None:
        return []
    before = predecessor_of(registry)
    moved = []
    for alias, number in ((CHAMPION, past[-1]), (PREVIOUS, before.version if before else "")):
        stood = registry.aliased(alias)
        if registry.point(alias, number):
            places = f"from {stood or 'nowhere'} to {number or 'nowhere'}"
            moved.append(f"alias @{alias} moved {places}, as the promotion log has it")
    if registry.aliased(CHALLENGER) == past[-1]:
        registry.point(CHALLENGER, "")
    return moved


def step_back_from_deleted(registry: Registry) -> list[str]:
    """Where the champion has been deleted in MLflow, its predecessor promoted; what was done, in words.

    Where no predecessor is left the log stays as it is, and ``champion_of`` finds nobody.
    """
    past = _past(registry)
    if not past or registry.existing(past[-1]) is not None:
        return []
    target = predecessor_of(registry)
    if target is None:
        return []
    roll_back(registry, target, f"version {past[-1]} has been deleted in MLflow")
    return [f"version {past[-1]} has been deleted in MLflow: back to version {target.version}"]


def _past(registry: Registry) -> tuple[str, ...]:
    return champions(read_promotions(registry.promotion_log, registry.model_name))


def predecessor_of(registry: Registry) -> ModelVersion | None:
    """The last champion before this one that still exists."""
    past = _past(registry)
    others = (number for number in reversed(past[:-1]) if number != past[-1])
    return next((found for number in others if (found := registry.existing(number))), None)


def _append(
    registry: Registry, action: str, version: str, policy: str, reason: str, then: Change | str = ""
) -> None:
    entry = Promotion(
        action=action,  # type: ignore[arg-type]
        model_name=registry.model_name,
        version=version,
        previous_version="".join(_past(registry)[-1:]),
        policy=policy,
        reason=reason,
        then=then,  # type: ignore[arg-type]
    )
    append_promotion(registry.promotion_log, entry)


promote_task = as_task(promote, "promote", timeout_s=60)
