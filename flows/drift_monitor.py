"""Do requests still come as those the champion learned from? If not, say so with an event."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.settings import load_settings
from tasks.drift import announce_drift_task, detect_drift_task, remember_task
from tasks.registry import REFERENCE_FILE
from tasks.registry_reader import FLOW_RUN_TAG
from tasks.report import publish_drift_task


def _run_name() -> str:
    return f"drift {flow_run.scheduled_start_time:%Y-%m-%d %H:%M:%S}"


@flow(name="drift-monitor", flow_run_name=_run_name, log_prints=True)
def drift_monitor(overrides: list[str] | None = None) -> str:
    """What the comparison says, in words; an event ``lightloop.drift.detected`` where traffic has drifted.

    Args:
        overrides: settings such as ``drift.min_requests=50``.
    """
    settings = load_settings(None, overrides or ())
    registry, home = settings.registry, settings.home
    champion = registry.version("@champion")
    reference = registry.fetch(champion.uri, home.root / "models") / REFERENCE_FILE
    look = detect_drift_task(home.decisions, reference, home.drift_state, settings.config.drift)
    report = look.report
    tags = settings.model_tags | {"kind": "drift", "model_version": champion.version}
    tags[FLOW_RUN_TAG] = str(flow_run.id)
    with registry.run(f"drift {settings.config.scenario}", tags) as run_id:
        publish_drift_task(registry, run_id, report)
    if report.has_drifted:
        announce_drift_task(report, settings.config.scenario, champion.version, run_id)
    remember_task(home.drift_state, look)  # last: a look that dies on the way is done again
    return report.summary


if __name__ == "__main__":
    drift_monitor()
