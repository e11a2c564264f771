"""Agent, teacher and generalist against the strongest heuristics and the bounds on a published setting.

Per policy: blocking against load, and the load carried at 0.1 % and at 1 % request blocking. The gap closed
is the agent's share of the way from the best first fit to the proven bound, at 0.1 %: a line that nobody can
cross, and most likely nobody can reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.bounds import BOUND_PATHS, SNAPSHOTS, BoundCurve, stored_lines
from benchmarks.carried import LoadCurve, carried_half_width
from benchmarks.stored_rows import Row, StoredRows, origin_of
from envs.errors import PolicyError
from envs.forecast import DemandForecast
from envs.plant import build_plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.settings import Setting, agent_plant, benchmark_setting
from envs.simulation import DEFRAGMENTATION
from envs.spec import PlantSpec
from topologies.catalogue import load_topology
from topologies.paths import PathOrder

ORDERS: tuple[PathOrder, ...] = ("hops_over_se", "hops", "km")
AGENT, TEACHER, GENERALIST, TOLD = "agent", "teacher", "generalist", "generalist_told"
FAMILIES = {  # of heuristics, by how their names begin
    "KSP-FF": ("ksp_ff_",),
    "FF-KSP": ("ff_ksp_",),
    "MSCL": ("ksp_mscl_", "mscl_ksp_"),
}
REPLACING = "everything placed anew by KSP-FF, then by FF-KSP"  # what the estimate does
AT_PERMILLE, AT_PERCENT = "carried_at_0.1pct_erlang", "carried_at_1pct_erlang"
HALF_WIDTH = "carried_at_0.1pct_half_width_erlang"


@dataclass(frozen=True)
class Contestant:
    """Who takes part, on what plant."""

    name: str
    policy: str | ScoringPolicy
    content: str  # hash of the weights, and of the forecast where there is one; the name of a heuristic
    plant: PlantSpec
    num_requests: int  # counted per load
    forecast: DemandForecast | None = None  # that it decides with


@dataclass(frozen=True)
class Protocol:
    """How a load is measured, and who is.

    Attributes:
        runs: independent runs of a load.
        requests_a_run: counted in each; None: each kind of policy has its own number.
        from_empty: counted from the first request in an empty network on, instead of after a warm-up.
        only: beginnings of names: nobody else is measured, nor the bounds; empty: everybody.
        near_erlang: where the first one's carried load is looked for; the others begin at the last one's.
    """

    runs: int = 10
    requests_a_run: int | None = None
    from_empty: bool = False
    only: Sequence[str] = ()
    near_erlang: float | None = None

    def effort(self, who: Contestant) -> dict[str, int]:
        """What the figures of a row depend on besides its origin."""
        counted = who.num_requests if self.requests_a_run is None else self.runs * self.requests_a_run
        return {"num_requests": counted} | (
            {"runs": self.runs, "warmup": self.warmup} if self.is_another else {}
        )

    @property
    def is_another(self) -> bool:
        """True where loads are not measured as everybody's are; then only what is carried at 0.1 % is."""
        return replace(self, only=(), near_erlang=None) != STANDARD

    @property
    def warmup(self) -> int:
        """Requests of each run that are not counted."""
        return 0 if self.from_empty else 3000


STANDARD = Protocol()


def figures(
    setting: str,
    agent_folder: Path | None,
    quick: bool,
    on_progress: Callable[[str], None],
    processes: int = 1,
    store: Path | None = None,
    protocol: Protocol = STANDARD,
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
        protocol: how a load is measured, and who is.

    Raises:
        PlantError: no such setting.
        PolicyError: nobody whom the protocol names takes part.
        ArtefactError: see ``load_policy``.
        ValueError: see ``StoredRows``.
    """
    chosen, rows = benchmark_setting(setting), StoredRows(store)
    topology = load_topology(chosen.topology)
    policies: dict[str, Row] = {}
    table_hash, guess_erlang = "", protocol.near_erlang or 0.8 * chosen.traffic.load_erlang
    for who in _those(protocol, _contestants(chosen, agent_folder, quick)):
        on_progress(who.name)
        plant = build_plant(topology, who.plant).with_forecast(who.forecast)
        effort = protocol.effort(who)
        told_share = 1.0 if who.plant.departures_known else chosen.traffic.told_share
        curve = LoadCurve(
            plant,
            replace(chosen.traffic, told_share=told_share),
            who.policy,
            effort["num_requests"],
            processes,
            runs=protocol.runs,
            warmup=protocol.warmup,
        )
        origin = {**origin_of(chosen, plant, who.plant, who.content), **effort}
        row = rows.row(origin, partial(_row, curve, guess_erlang, not protocol.is_another))
        policies[who.name] = {**row, HALF_WIDTH: carried_half_width(row["points"], row[AT_PERMILLE])}
        guess_erlang = row[AT_PERMILLE]
        if who.name == AGENT or not table_hash:
            table_hash = plant.path_table.content_hash
    measured: dict[str, object] = {"setting": setting, "path_table_hash": table_hash, "policies": policies}
    if protocol.only:
        return measured
    estimate = policies.pop(DEFRAGMENTATION)
    spec, snapshots = replace(chosen.plant, k_paths=BOUND_PATHS), SNAPSHOTS // 10 if quick else SNAPSHOTS
    bound_curve = BoundCurve(build_plant(topology, spec), chosen.traffic, snapshots, on_progress)
    lines = stored_lines(chosen, bound_curve, rows, 1.1 * estimate[AT_PERMILLE])
    for line in lines.values():
        line[HALF_WIDTH] = carried_half_width(line["points"], line[AT_PERMILLE])
    gap_closed = None
    if AGENT in policies:
        fits = (*FAMILIES["KSP-FF"], *FAMILIES["FF-KSP"])
        first_fit = max(row[AT_PERMILLE] for name, row in policies.items() if name.startswith(fits))
        proven_erlang = lines["proven"][AT_PERMILLE]
        gap_closed = (policies[AGENT][AT_PERMILLE] - first_fit) / (proven_erlang - first_fit)
    return {**measured, "estimate": estimate, **lines, "gap_closed": gap_closed}


def _those(protocol: Protocol, everybody: Iterator[Contestant]) -> list[Contestant]:
    """Whom the protocol asks for."""
    all_of_them = list(everybody)
    wanted = [who for who in all_of_them if who.name.startswith(tuple(protocol.only) or "")]
    if not wanted:
        raise PolicyError(
            f"no policy begins with {' or '.join(protocol.only)}; "
            f"known: {', '.join(who.name for who in all_of_them)}"
        )
    return wanted


def _contestants(chosen: Setting, agent_folder: Path | None, quick: bool) -> Iterator[Contestant]:
    """Everyone who takes part; neighbours carry about as much, so each starts from the last one's load."""
    from agents.artefact import GENERALIST_FOLDER, MANIFEST_FILE, load_forecast, load_policy, read_manifest
    from agents.search import DEPARTURE_WEIGHTS, with_departures_known

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
        score = load_policy(folder)
        yield Contestant(name, score, content, spec, cheap, load_forecast(folder))
        if name == GENERALIST and isinstance(score, LinearPolicy):
            told = with_departures_known(score)
            yield Contestant(TOLD, told, f"{content} {DEPARTURE_WEIGHTS}", agent_plant(chosen, True), cheap)
    spec = replace(chosen.plant, k_paths=50)
    yield Contestant(DEFRAGMENTATION, DEFRAGMENTATION, REPLACING, spec, cheap)


def _row(curve: LoadCurve, guess_erlang: float, at_percent_too: bool) -> Row:
    refinements = 2 if curve.num_requests < 1_000_000 else 3
    carried = {AT_PERMILLE: curve.carried_erlang(1e-3, guess_erlang, refinements)}
    if at_percent_too:
        carried[AT_PERCENT] = curve.carried_erlang(1e-2, 1.15 * carried[AT_PERMILLE], refinements)
    points = [
        {
            "load_erlang": load,
            "request_blocking": result.request_blocking.mean,
            "ci95": [result.request_blocking.low, result.request_blocking.high],
            "bit_rate_blocking": result.bit_rate_blocking.mean,
        }
        for load, result in sorted(curve.points.items())
    ]
    return {**carried, "points": points}
