"""Put the previous champion back, in service."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.settings import load_settings
from flows.slots import own_slots
from tasks.champion import is_champion, rollback_target
from tasks.provision import stage_task
from tasks.registry import RECORDED_FILE
from tasks.takeover import take_over_task


def _run_name() -> str:
    return f"roll back {flow_run.scheduled_start_time:%Y-%m-%d %H:%M:%S}"


@flow(name="rollback", flow_run_name=_run_name, log_prints=True)
def rollback(reason: str = "by hand", version: str | None = None) -> str:
    """What is in service now, in words. The registry follows only after the model answers.

    Args:
        reason: for the promotion log.
        version: that is to go; where another is champion by now nothing is done. None: whoever is champion.
    """
    settings = load_settings()
    registry = settings.registry
    with own_slots(settings, "rollback") as target:
        if version and not is_champion(registry, registry.version(version)):
            return f"version {version} is champion no more: nothing is done"
        former = rollback_target(registry)
        recorded = registry.fetch(former.uri, settings.home.models) / RECORDED_FILE
        staged = stage_task(target, former.uri, recorded)
        take_over_task(target, registry, staged, former, "rollback", reason)
    return f"back to {former.name} version {former.version} ({former.policy}) at {staged.slot.url}"


if __name__ == "__main__":
    rollback()
