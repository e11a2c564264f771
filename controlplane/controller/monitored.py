"""What the controller tells about itself: gauges for ``GET /metrics``; for ``GET /ready``, if it can work.

Not here: what is counted as it happens (``services.py``), the declarations (``controlplane.metrics``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from controlplane.controller.network import PlantView
from controlplane.controller.services import ServiceManager
from controlplane.metrics import ControllerMetrics
from controlplane.tapi.connectivity import Service
from controlplane.tapi.path_body import hops_of


def measured(manager: ServiceManager) -> ControllerMetrics:
    """The metrics with every gauge as it is now."""
    metrics, state = manager.metrics, manager.state
    version, lit, failed_links, _ = state.standing()
    metrics.services.labels("lit").set(sum(not item.request.protects for item in lit))
    metrics.services.labels("dark").set(_num_dark(manager))
    metrics.spectrum_used.set(_spectrum_used(state.plant, lit))
    metrics.state_version.set(version)
    metrics.failed_links.set(len(failed_links))
    metrics.drained.labels("link").set(len(state.drained.links))
    metrics.drained.labels("node").set(len(state.drained.nodes))
    metrics.elements.set(len(state.plant.topology.node_names))
    metrics.suspect_elements.set(len(manager.configurator.suspects))
    for node, queue in manager.configurator.queues.items():
        metrics.element_answers.labels(node).set(not queue.is_away)
        metrics.element_queue.labels(node).set(queue.length)
    metrics.reservations.set(len(manager.reservations))
    metrics.waiting.set(manager.num_waiting)
    try:
        first, last = state.store.log.reach()
    except SQLAlchemyError:
        metrics.database_answers.set(0)
        metrics.change_log.set(math.nan)
    else:
        metrics.database_answers.set(1)
        metrics.change_log.set(last - first + 1)
    return metrics


def not_ready(manager: ServiceManager) -> list[str]:
    """Why nothing can be set up or released now, in words; empty where it can."""
    trouble = manager.state.store.trouble()
    return [trouble] if trouble else []


def degraded(manager: ServiceManager) -> list[str]:
    """What does not work as it should while the rest does, in words."""
    suspects = sorted(manager.configurator.suspects)
    reasons = [f"elements suspect, and audited again and again: {', '.join(suspects)}"] if suspects else []
    if num_dark := _num_dark(manager):
        reasons.append(f"{num_dark} service(s) without a lightpath")
    return reasons


def _spectrum_used(plant: PlantView, lit: Sequence[Service]) -> float:
    held = sum(item.path.num_slots * len(hops_of(item.path.nodes)) for item in lit if item.path)
    units = len(plant.topology.fibres) * (1 if plant.shared_spectrum else 2)
    return held / (units * sum(band.num_slots for band in plant.bands))


def _num_dark(manager: ServiceManager) -> int:
    return manager.state.num_dark()
