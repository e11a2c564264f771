"""Put the previous champion back, in service."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.settings import load_settings
from flows.sites import site_of
from tasks.provision import put_in_service_task, stage_task
from tasks.registry import RECORDED_FILE, roll_back_task


def _run_name() -> str:
    return f"roll back {flow_run.scheduled_start_time:%Y-%m-%d %H:%M:%S}"


@flow(name="rollback", flow_run_name=_run_name, log_prints=True)
def rollback(reason: str = "by hand") -> str:
    """What is in service now, in words. The registry follows only after the model answers.

    Args:
        reason: for the promotion log.
    """
    settings = load_settings()
    registry, site = settings.registry, site_of(settings)
    former = registry.rollback_target()
    recorded = registry.fetch(former.uri, settings.home.root / "models") / RECORDED_FILE
    staged = stage_task(site, former.uri, recorded)
    put_in_service_task(site, staged, former.name, former.version, former.policy, former.uri)
    roll_back_task(registry, former, reason)
    return f"back to {former.name} version {former.version} ({former.policy}) at {staged.slot.url}"


if __name__ == "__main__":
    rollback()
