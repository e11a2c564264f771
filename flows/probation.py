"""The look at a new champion's first live requests, as a part of the drift monitor.

Not here: the verdict (``tasks/probation.py``), going back (``rollback.py``, which the event starts).
"""

from __future__ import annotations

from flows.operation import mean_holding_s, operation_of
from flows.settings import Settings
from tasks.champion import predecessor_of
from tasks.fidelity import measure_fidelity_task
from tasks.operation.first import first_requests
from tasks.operation.making import StoredWindow
from tasks.operation.store import Record
from tasks.probation import (
    Verdict,
    announce_broken_task,
    judge_probation_task,
    not_judged,
    on_probation,
    read_verdict,
    write_verdict,
)
from tasks.promotions import Promotion, read_promotions


def watch_new_champion(settings: Settings, record: Record) -> Verdict | None:
    """The verdict on the last promotion; None where nothing is to be judged, or requests are missing.

    Args:
        settings: of the installation.
        record: the operation record, brought up to date.
    """
    num_requests, home = settings.config.gate.probation_requests, settings.home
    promotions = read_promotions(settings.registry.promotion_log, settings.registry.model_name)
    promotion = on_probation(promotions, read_verdict(home.probation))
    if not num_requests or promotion is None:
        return None
    mean_s = mean_holding_s(settings.config)
    operation, topology = operation_of(settings.config, home), settings.plant.topology
    lived = first_requests(record, operation, topology, mean_s, promotion.time_s, num_requests)
    if lived is None:
        return None
    verdict = _judged(settings, promotion, lived)
    print(f"probation of version {verdict.version}: {verdict.outcome}; {verdict.reason}")
    if verdict.outcome == "broken":
        announce_broken_task(verdict, settings.config.scenario)
    write_verdict(home.probation, verdict)  # last: a look that dies on the way is done again
    return verdict


def _judged(settings: Settings, promotion: Promotion, lived: StoredWindow) -> Verdict:
    registry, models = settings.registry, settings.home.models
    now, before = registry.existing(promotion.version), predecessor_of(registry)
    if now is None or before is None:
        return not_judged(promotion, "it or the champion before it has been deleted in MLflow")
    fidelity = measure_fidelity_task(settings.plant, lived.folder, registry, models)
    if not fidelity.passed:
        return not_judged(
            promotion,
            f"the twin does not repeat window {lived.id}, so no replay of it counts: {fidelity.reason}",
        )
    folders = (registry.policy_folder(version, models) for version in (now, before))
    return judge_probation_task(settings.plant, lived.folder, promotion, *folders)
