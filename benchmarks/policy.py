"""Agent, teacher and generalist against the strongest heuristics and the bounds on a published setting.

Per policy: blocking against load, and the load carried at 0.1 % and at 1 % request blocking. The gap closed
is the agent's share of the way from the best first fit to the proven bound, at 0.1 %: a line that nobody can
cross, and most likely nobody can reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.bounds import BoundCurve, carried_rows
from benchmarks.carried import LoadCurve
from benchmarks.stored_rows import Row, StoredRows
from envs.forecast import DemandForecast
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy
from envs.settings import Setting, agent_plant, benchmark_setting
from envs.simulation import DEFRAGMENTATION
from envs.spec import PlantSpec
from topologies.catalogue import load_topology
from topologies.paths import PathOrder

ORDERS: tuple[PathOrder, ...] = ("hops_over_se", "hops", "km")
AGENT, TEACHER, GENERALIST = "agent", "teacher", "generalist"
FAMILIES = {  # of heuristics, by how their names begin
    "KSP-FF": ("ksp_ff_",),
    "FF-KSP": ("ff_ksp_",),
    "MSCL": ("ksp_mscl_", "mscl_ksp_"),
}
ROW_VERSION = 1
SNAPSHOTS = 1000  # of the linear bound, per load
LINEAR = "linear bound and optimistic reference"
REPLACING = "everything placed anew by KSP-FF, then by FF-KSP"  # what the estimate does
AT_PERMILLE, AT_PERCENT = "carried_at_0.1pct_erlang", "carried_at_1pct_erlang"


@dataclass(frozen=True)
class Contestant:
    """Who takes part, on what plant."""

    name: str
    policy: str | ScoringPolicy
    content: str  # hash of the weights, and of the forecast where there is one; the name of a heuristic
    plant: PlantSpec
    num_requests: int  # counted per load
    forecast: DemandForecast | None = None  # that it decides with


def figures(
    setting: str,
    agent_folder: Path | None,
    quick: bool,
    on_progress: Callable[[str], None],
    processes: int = 1,
    store: Path | None = None,
) -> dict[str, object]:
    """All policies on a setting.

    Args:
        setting: a published setting.
        agent_folder: a policy artefact, e.g. from ``lightloop train --setting``, or the folder of such a
            training, whose teacher takes part too; None leaves both out.
        quick: a tenth of the requests, and MSCL with K = 5 and 10 only.
        on_progress: called with what is measured next.
        processes: that share the work.
        store: a file for every row as soon as it is measured; what it already holds is not measured again.

    Raises:
        PlantError: no such setting.
        ArtefactError: see ``load_policy``.
        ValueError: see ``StoredRows``.
    """
    chosen, rows = benchmark_setting(setting), StoredRows(store)
    topology = load_topology(chosen.topology)
    policies: dict[str, Row] = {}
    table_hash, guess_erlang = "", 0.8 * chosen.traffic.load_erlang
    for who in _contestants(chosen, agent_folder, quick):
        on_progress(who.name)
        plant = build_plant(topology, who.plant).with_forecast(who.forecast)
        origin = {**_origin(chosen, plant, who.plant, who.content), "num_requests": who.num_requests}
        curve = LoadCurve(plant, chosen.traffic, who.policy, who.num_requests, processes)
        policies[who.name] = rows.row(origin, partial(_row, curve, guess_erlang))
        guess_erlang = policies[who.name][AT_PERMILLE]
        if who.name == AGENT or not table_hash:
            table_hash = plant.path_table.content_hash
    estimate = policies.pop(DEFRAGMENTATION)
    spec, snapshots = replace(chosen.plant, k_paths=50), SNAPSHOTS // 10 if quick else SNAPSHOTS
    plant = build_plant(topology, spec)
    bound_curve = BoundCurve(plant, chosen.traffic, snapshots, on_progress)
    lines = rows.row(
        {**_origin(chosen, plant, spec, LINEAR), "snapshots": snapshots},
        partial(carried_rows, bound_curve, 1.1 * estimate[AT_PERMILLE]),
    )
    gap_closed = None
    if AGENT in policies:
        fits = (*FAMILIES["KSP-FF"], *FAMILIES["FF-KSP"])
        first_fit = max(row[AT_PERMILLE] for name, row in policies.items() if name.startswith(fits))
        proven_erlang = lines["proven"][AT_PERMILLE]
        gap_closed = (policies[AGENT][AT_PERMILLE] - first_fit) / (proven_erlang - first_fit)
    return {
        "setting": setting,
        "path_table_hash": table_hash,
        "policies": policies,
        "estimate": estimate,
        **lines,
        "gap_closed": gap_closed,
    }


def _origin(chosen: Setting, plant: Plant, spec: PlantSpec, content: str) -> dict[str, object]:
    """What the figures of a row depend on, but for the effort."""
    return {
        "version": ROW_VERSION,
        "setting": repr(chosen),
        "path_table": plant.path_table.content_hash,
        "plant": asdict(spec),
        "policy": content,
    }


def _contestants(chosen: Setting, agent_folder: Path | None, quick: bool) -> Iterator[Contestant]:
    """Everyone who takes part; neighbours carry about as much, so each starts from the last one's load."""
    from agents.artefact import GENERALIST_FOLDER, MANIFEST_FILE, load_forecast, load_policy, read_manifest

    cheap, dear = (100_000, 20_000) if quick else (1_000_000, 30_000)
    for k in (5, 50):
        for order in ORDERS:
            spec = replace(chosen.plant, k_paths=k, path_order=order)
            for policy in ("ksp_ff", "ff_ksp"):
                yield Contestant(f"{policy}_k{k}_{order}", policy, policy, spec, cheap)
    for k in (5, 10) if quick else (5, 10, 20):
        spec = replace(chosen.plant, k_paths=k)
        for policy in ("ksp_mscl", "mscl_ksp"):
            yield Contestant(f"{policy}_k{k}", policy, policy, spec, dear)
    folders = {GENERALIST: GENERALIST_FOLDER}
    if agent_folder is not None and (agent_folder / MANIFEST_FILE).exists():
        folders[AGENT] = agent_folder
    elif agent_folder is not None:
        folders |= {TEACHER: agent_folder / "teacher", AGENT: agent_folder / "policy"}
    for name, folder in folders.items():
        manifest = read_manifest(folder)
        content = " ".join(filter(None, (manifest.weights_sha256, manifest.forecast)))
        spec = agent_plant(chosen, name != GENERALIST and chosen.departures_told)
        yield Contestant(name, load_policy(folder), content, spec, cheap, load_forecast(folder))
    spec = replace(chosen.plant, k_paths=50)
    yield Contestant(DEFRAGMENTATION, DEFRAGMENTATION, REPLACING, spec, cheap)


def _row(curve: LoadCurve, guess_erlang: float) -> Row:
    refinements = 2 if curve.num_requests < 1_000_000 else 3
    at_permille = curve.carried_erlang(1e-3, guess_erlang, refinements)
    at_percent = curve.carried_erlang(1e-2, 1.15 * at_permille, refinements)
    return {
        AT_PERMILLE: at_permille,
        AT_PERCENT: at_percent,
        "points": [
            {
                "load_erlang": load,
                "request_blocking": result.request_blocking.mean,
                "ci95": [result.request_blocking.low, result.request_blocking.high],
                "bit_rate_blocking": result.bit_rate_blocking.mean,
            }
            for load, result in sorted(curve.points.items())
        ],
    }
