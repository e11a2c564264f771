"""The trace a challenger is trained on, and the held-out ones it is judged on. Made once, found again.

A trace's id is the hash of its content; an index beside the traces says which id a set of parameters gave, so
that the same trace is not generated twice. Not here: what a trace is (``envs.trace``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.lessons import traffic_digest
from envs.plant import Plant
from envs.trace import Trace, read_trace, write_trace
from envs.traffic import PoissonTraffic, make_trace
from tasks.decorate import as_task
from tasks.progress_log import ProgressLog
from tasks.traffic import traffic_like

TRACE_MAKER_VERSION = 1  # raise when the same parameters begin to give another trace


@dataclass(frozen=True)
class StoredTrace:
    """A trace on disk."""

    id: str
    file: Path
    num_requests: int
    duration_s: float
    mean_bit_rate_gbps: float
    origin: str
    was_there: bool  # found, not made


def provide_trace(
    plant: Plant,
    traffic: PoissonTraffic,
    num_requests: int,
    seed: int,
    folder: Path,
    given: str | None = None,
    progress: ProgressLog | None = None,
) -> StoredTrace:
    """A stored trace for a plant: the one given by id or path, else one drawn from the traffic.

    Raises:
        TraceError: the given trace does not exist, is damaged, or names nodes that the plant does not have.
    """
    found = _find_or_make(plant, traffic, num_requests, seed, folder, given)
    if progress is not None:
        progress.write("trace", **asdict(found))
    return found


def _find_or_make(
    plant: Plant, traffic: PoissonTraffic, num_requests: int, seed: int, folder: Path, given: str | None
) -> StoredTrace:
    if given:
        trace = read_trace(given, folder, plant.topology)
        return _stored(trace, write_trace(trace, folder), was_there=True)
    index = folder / "made" / f"{_digest(plant, traffic, num_requests, seed)}.json"
    if index.exists():
        trace_id = json.loads(index.read_text())["id"]
        if (folder / f"{trace_id}.parquet").exists():
            return _stored(read_trace(trace_id, folder), folder / f"{trace_id}.parquet", was_there=True)
    trace = make_trace(traffic, plant, num_requests, seed)
    file = write_trace(trace, folder)
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text(json.dumps({"id": trace.id, "origin": trace.origin}))
    return _stored(trace, file, was_there=False)


def traffic_for(
    plant: Plant, traffic: PoissonTraffic, training: StoredTrace, given: str | None
) -> PoissonTraffic:
    """What to train and to be judged on: the scenario's traffic, or one that resembles the trace given."""
    return traffic_like(read_trace(training.file), plant) if given else traffic


def held_out_traces(
    plant: Plant, traffic: PoissonTraffic, num_traces: int, num_requests: int, first_seed: int, folder: Path
) -> tuple[StoredTrace, ...]:
    """Independent traces of seeds that training does not use."""
    seeds = range(first_seed, first_seed + num_traces)
    return tuple(provide_trace(plant, traffic, num_requests, seed, folder) for seed in seeds)


def read_stored(stored: Sequence[StoredTrace]) -> list[Trace]:
    """The traces themselves."""
    return [read_trace(item.file) for item in stored]


def _digest(plant: Plant, traffic: PoissonTraffic, num_requests: int, seed: int) -> str:
    return traffic_digest(
        traffic,
        version=TRACE_MAKER_VERSION,
        path_table=plant.path_table.content_hash,  # latency bounds depend on the paths
        latency=repr(plant.latency_model),
        departures_known=plant.spec.departures_known,  # whether told ends are kept
        num_requests=num_requests,
        seed=seed,
    )


def _stored(trace: Trace, file: Path, was_there: bool) -> StoredTrace:
    file.touch()  # used: see ``retention.py``
    return StoredTrace(
        id=trace.id,
        file=file,
        num_requests=trace.num_requests,
        duration_s=trace.duration_s,
        mean_bit_rate_gbps=float(trace.bit_rate_gbps.mean()),
        origin=trace.origin,
        was_there=was_there,
    )


provide_trace_task = as_task(provide_trace, "trace")
held_out_traces_task = as_task(held_out_traces, "held-out traces")
