"""Do requests still come as those the champion learned from, and is the twin still a twin? If not, say so."""

from __future__ import annotations

from dataclasses import replace

from prefect import flow
from prefect.runtime import flow_run

from agents.artefact import GENERALIST_FOLDER
from flows.operation import mean_holding_s, operation_of, twin_of, up_to_date
from flows.probation import watch_new_champion
from flows.settings import Settings, load_settings
from tasks.champion import predecessor_of
from tasks.drift import DriftReport, announce_drift_task, detect_drift, remember_task
from tasks.fidelity import measure_fidelity_task
from tasks.forecast import announce_due_task
from tasks.operation import StoredWindow, window_of
from tasks.operation.store import Record
from tasks.registry import REFERENCE_FILE, ModelVersion
from tasks.registry_reader import FLOW_RUN_TAG
from tasks.regret import LEAST_REQUESTS, Regret, entrants, measure_regret_task
from tasks.report import publish_drift_task
from tasks.twin_report import announce_mismatch_task, publish_fidelity_task

JUST_BEFORE_S = 1e-3


def _run_name() -> str:
    return f"drift {flow_run.scheduled_start_time:%Y-%m-%d %H:%M:%S}"


@flow(name="drift-monitor", flow_run_name=_run_name, log_prints=True)
def drift_monitor(overrides: list[str] | None = None) -> str:
    """What the comparison says, in words.

    An event ``lightloop.drift.detected`` where traffic has drifted: it carries the window to learn from. An
    event ``lightloop.twin.differs`` where a replay of the same requests is not what the network did. An event
    ``lightloop.forecast.due`` where a window has passed without drift. An event
    ``lightloop.probation.broken`` where a new champion does not do what its gate promised.

    Args:
        overrides: settings such as ``drift.min_requests=50``.
    """
    settings = load_settings(None, overrides or ())
    registry, home = settings.registry, settings.home
    champion = registry.version("@champion")
    reference = registry.fetch(champion.uri, home.models) / REFERENCE_FILE
    record = up_to_date(settings)
    twin = twin_of(settings, registry.policy_folder(champion, home.models))
    look = detect_drift(record, reference, home.drift_state, settings.config.drift, twin)
    report, lived = look.report, _lived(settings, record, look.report)
    tags = settings.model_tags | {"kind": "drift", "model_version": champion.version}
    tags[FLOW_RUN_TAG] = str(flow_run.id)
    with registry.run(f"drift {settings.config.scenario}", tags) as run_id:
        if lived is not None:
            _hold_twin_against_network(settings, lived, run_id)
            if report.has_drifted:
                report = replace(report, regret=_regret(settings, lived, champion))
        publish_drift_task(registry, run_id, report)
    if report.has_drifted and lived is not None:
        announce_drift_task(
            report, settings.config.scenario, champion.version, run_id, lived.id, lived.trace_id
        )
    if lived is not None and _is_passed(settings, report):
        announce_due_task(settings.config.scenario, lived.id, lived.num_requests)
    # After all that: a look that dies on the way is done again.
    remember_task(home.drift_state, replace(look, report=report))
    watch_new_champion(settings, record)  # apart from drift: what fails here is not to stop that
    return report.summary


def _is_passed(settings: Settings, report: DriftReport) -> bool:
    """Whether a window is full, shows no drift, and the plant's agents look at candidates with a forecast."""
    is_full = report.num_requests >= settings.config.drift.window_requests
    return is_full and not report.has_drifted and settings.plant.spec.shortlist > 0


def _lived(settings: Settings, record: Record, report: DriftReport) -> StoredWindow | None:
    """What was looked at, as a window; after drift, since the change. None where nothing came in."""
    if not report.num_requests:
        return None
    began_s = report.since_s if report.has_drifted else report.from_s
    operation, mean_s = operation_of(settings.config, settings.home), mean_holding_s(settings.config)
    return window_of(record, operation, settings.plant.topology, mean_s, began_s - JUST_BEFORE_S)


def _hold_twin_against_network(settings: Settings, lived: StoredWindow, run_id: str) -> None:
    registry, models = settings.registry, settings.home.models
    fidelity = measure_fidelity_task(settings.plant, lived.folder, registry, models)
    publish_fidelity_task(registry, run_id, fidelity)
    if not fidelity.passed:
        announce_mismatch_task(fidelity, settings.config.scenario, run_id)


def _regret(settings: Settings, lived: StoredWindow, champion: ModelVersion) -> Regret | None:
    """What another policy would have blocked less; None for a window too short to say."""
    if lived.num_requests < LEAST_REQUESTS:
        return None
    registry, models = settings.registry, settings.home.models
    before = predecessor_of(registry)
    previous = None if before is None else registry.policy_folder(before, models)
    knows_after_states = settings.plant.spec.shortlist > 0
    others = entrants(
        settings.config.evaluation.baselines, GENERALIST_FOLDER if knows_after_states else None, previous
    )
    folder = registry.policy_folder(champion, models)
    return measure_regret_task(settings.plant, lived.folder, folder, others, print)


if __name__ == "__main__":
    drift_monitor()
