"""What the PCE tells about itself: gauges for ``GET /metrics``; for ``GET /ready``, whether it can answer.

Not here: what is counted as it happens (``computation.py``), the declarations (``controlplane.metrics``).
"""

from __future__ import annotations

import asyncio

from controlplane.metrics import CHALLENGER_COUNTS, PceMetrics
from controlplane.pce.computation import PathComputer
from controlplane.pce.endpoint import Serving

STALE_S = 10.0  # ten times what passes between two pulls


def measured(computation: PathComputer) -> PceMetrics:
    """The metrics with every gauge as it is now."""
    metrics, databases, beside = computation.metrics, computation.databases, computation.challenger.in_use
    metrics.staleness.set(databases.staleness_s)
    metrics.state_version.set(databases.version)
    metrics.lightpaths.set(len(databases.lightpaths))
    endpoint = computation.endpoint
    metrics.model_in_service.set(endpoint.endpoint is not None)
    metrics.model_since.set(endpoint.since_s)
    metrics.degraded.set(bool(endpoint.trouble(computation.fallback.name)))
    metrics.model_info.clear()
    if endpoint.endpoint is not None:
        metrics.model_info.labels(*_named(endpoint.in_use)).set(1)
    metrics.challenger_info.clear()
    if beside is not None:
        metrics.challenger_info.labels(*_named(beside.serving)).set(1)
    metrics.challenger_share.set(beside.challenger.share if beside else 0.0)
    counts = vars(beside.counts) if beside else {}
    metrics.challenger.read = lambda: {name: counts[name] for name in CHALLENGER_COUNTS if name in counts}
    return metrics


async def not_ready(computation: PathComputer) -> list[str]:
    """Why a request would get no path now, in words; empty where it would."""
    reasons = []
    databases = computation.databases
    if not databases.have_been_in_step:
        reasons.append("the databases have not seen the controller's state yet")
    elif (stale_s := databases.staleness_s) > STALE_S:
        reasons.append(
            f"the databases show version {databases.version} and were last in step with the controller "
            f"{stale_s:.0f} s ago"
        )
    if trouble := await asyncio.to_thread(computation.log.trouble):
        reasons.append(trouble)
    return reasons


def _named(serving: Serving) -> tuple[str, str, str, str]:
    endpoint, forecast = serving.endpoint, serving.plant.forecast
    assert endpoint is not None
    version, policy = endpoint.model_version, endpoint.policy
    return endpoint.model_name, version, policy, forecast.content_hash if forecast else ""
