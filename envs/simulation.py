"""Simulation of a policy under described traffic: independent runs, figures with intervals.

Each run is its own stream of requests on its own network, so the figures do not depend on how many processes
share the work. Replay of given traces: ``evaluation.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from envs.around import around
from envs.class_figures import ClassFigures, class_figures
from envs.defragmentation import defragmenting_rule
from envs.energy.summary import PowerSummary, power_summary
from envs.energy.waking import SetUpLog, is_counted, joined, refuse_uncounted, with_waking
from envs.errors import PolicyError
from envs.evaluation import Interval, interval, paired_difference, seen_by
from envs.failures import FibreCut, fail_fibre, repair_fibre
from envs.first_fit import FF_KSP, KSP_FF, first_fit_rule
from envs.gsnr.summary import QotSummary, qot_summary
from envs.heuristics import BASELINE_NAMES, baseline
from envs.lockstep import lockstep_on_requests
from envs.mscl import KSP_MSCL, MSCL_KSP, capacity_loss_rule
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.reward import ONLY_BLOCKING
from envs.rng import stream_states
from envs.search import linear_rule
from envs.serving import serve
from envs.state import NetworkStates, new_states
from envs.statistics import Statistics, TraceResult, new_statistics, results_of
from envs.traffic import PoissonTraffic, Requests, draw_requests, new_requests, traffic_arrays
from topologies.detours import Avoided

CHUNK = 4096  # requests drawn and served at a time: small enough for the second-level cache
FIRST_FIT = {"ksp_ff": KSP_FF, "ff_ksp": FF_KSP}
CAPACITY_LOSS = {"ksp_mscl": KSP_MSCL, "mscl_ksp": MSCL_KSP}
DEFRAGMENTATION = "defragmentation"  # an estimate rather than a policy: lightpaths may be moved
POLICY_NAMES = (*BASELINE_NAMES, *CAPACITY_LOSS, DEFRAGMENTATION)

Server = Callable[[NetworkStates, Requests, int, Statistics], None]


@dataclass(frozen=True)
class KernelPolicy:
    """A rule that only its own kernel can run.

    It looks beyond the candidates (``mscl.py``) or moves lightpaths (``defragmentation.py``).
    """

    name: str


def policy_named(name: str) -> ScoringPolicy | KernelPolicy:
    """A policy by name, of all that ``simulate`` can run.

    Raises:
        PolicyError: no policy of that name.
    """
    if name in CAPACITY_LOSS or name == DEFRAGMENTATION:
        return KernelPolicy(name)
    if name in BASELINE_NAMES:
        return baseline(name)
    raise PolicyError(f"unknown policy {name!r}; known: {', '.join(POLICY_NAMES)}")


@dataclass(frozen=True)
class SimulationResult:
    """Figures of a policy at one load, after the warm-up; intervals over independent runs (95 %)."""

    policy: str
    load_erlang: float
    request_blocking: Interval
    bit_rate_blocking: Interval
    utilisation: Interval
    fragmentation: Interval  # mean over units of 1 - longest free run / free slots, sampled through the run
    mean_hops: float
    mean_latency_ms: Interval
    p95_latency_ms: Interval
    latency_violations: int
    classes: tuple[ClassFigures, ...]  # service classes in the traffic's order
    num_requests: int
    seconds: float  # of serving, compilation not included
    runs: tuple[TraceResult, ...]
    lightpaths_lost: int = 0  # to cut fibres
    power: PowerSummary | None = None  # None without a power model
    qot: QotSummary | None = None  # where quality of transmission decides

    def row(self, first: SimulationResult | None = None) -> dict[str, Any]:
        """The figures for JSON, one object; intervals as ``..._ci95``.

        ``first``: on the same requests; energy per bit is also told against its own, run by run.
        """
        return {
            "policy": self.policy,
            "load_erlang": self.load_erlang,
            "request_blocking": self.request_blocking.mean,
            "request_blocking_ci95": [self.request_blocking.low, self.request_blocking.high],
            "bit_rate_blocking": self.bit_rate_blocking.mean,
            "bit_rate_blocking_ci95": [self.bit_rate_blocking.low, self.bit_rate_blocking.high],
            "utilisation": self.utilisation.mean,
            "fragmentation": self.fragmentation.mean,
            "mean_hops": self.mean_hops,
            "mean_latency_ms": self.mean_latency_ms.mean,
            "p95_latency_ms": self.p95_latency_ms.mean,
            "latency_violations": self.latency_violations,
            "classes": [item.row() for item in self.classes],
            "lightpaths_lost": self.lightpaths_lost,
            "requests": self.num_requests,
            "seconds": self.seconds,
            **(self.qot.row() if self.qot else {}),
            **(self.power.row() if self.power else {}),
            **(self._energy_against(first) if self.power and first else {}),
        }

    def _energy_against(self, first: SimulationResult) -> dict[str, Any]:
        mine, its = (
            [run.power.energy_per_bit_pj for run in result.runs if run.power] for result in (self, first)
        )
        difference = paired_difference(mine, its)
        return {
            "energy_per_bit_vs_first_pj": difference.mean,
            "energy_per_bit_vs_first_pj_ci95": [difference.low, difference.high],
        }


def simulate(
    plant: Plant,
    traffic: PoissonTraffic,
    policy: str | ScoringPolicy | KernelPolicy,
    num_requests: int,
    seed: int,
    num_runs: int = 10,
    warmup: int = 3000,
    processes: int = 1,
    cuts: tuple[FibreCut, ...] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> SimulationResult:
    """Figures of a policy under a traffic.

    Args:
        plant: the network.
        traffic: what arrives.
        policy: one of ``POLICY_NAMES``, or a policy.
        num_requests: counted requests of all runs together.
        seed: same seed, same figures, whatever ``processes`` is.
        num_runs: independent runs that the requests are divided among.
        warmup: requests at the start of each run that are not counted.
        processes: how many share the work.
        cuts: fibres that fail and are repaired in every run; what crosses them is lost.
        on_progress: called with (runs done, runs in all).

    Raises:
        PolicyError: an unknown policy, or one that ``refuse_unfit`` refuses.
    """
    chosen = policy_named(policy) if isinstance(policy, str) else policy
    refuse_unfit(plant, chosen, cuts)
    per_run = max(num_requests // num_runs, 1)
    jobs = [(plant, traffic, chosen, per_run, warmup, seed, num_runs, run, cuts) for run in range(num_runs)]
    _run(plant, traffic, chosen, 64, 0, seed, num_runs, 0)  # compiles
    started_s = time.perf_counter()
    outcomes = []
    if processes == 1:
        for done, job in enumerate(jobs, 1):
            outcomes.append(_run(*job))
            if on_progress:
                on_progress(done, num_runs)
    else:
        with ProcessPoolExecutor(processes) as pool:
            for done, outcome in enumerate(pool.map(_run, *zip(*jobs, strict=True)), 1):
                outcomes.append(outcome)
                if on_progress:
                    on_progress(done, num_runs)
    seconds = time.perf_counter() - started_s
    runs = tuple(result for result, _, _ in outcomes)
    return SimulationResult(
        policy=chosen.name,
        load_erlang=traffic.load_erlang,
        request_blocking=interval([run.request_blocking for run in runs]),
        bit_rate_blocking=interval([run.bit_rate_blocking for run in runs]),
        utilisation=interval([run.utilisation for run in runs]),
        fragmentation=interval([fragmentation for _, fragmentation, _ in outcomes]),
        mean_hops=float(np.nanmean([run.mean_hops for run in runs])),
        mean_latency_ms=interval([run.mean_latency_ms for run in runs]),
        p95_latency_ms=interval([run.p95_latency_ms for run in runs]),
        latency_violations=sum(run.latency_violations for run in runs),
        classes=tuple(
            class_figures(item.name, [run.classes[c] for run in runs])
            for c, item in enumerate(traffic.classes)
        ),
        num_requests=sum(run.num_requests for run in runs),
        seconds=seconds,
        runs=runs,
        lightpaths_lost=sum(lost for _, _, lost in outcomes),
        power=power_summary([run.power for run in runs]),
        qot=qot_summary([run.qot for run in runs]),
    )


def refuse_unfit(plant: Plant, policy: ScoringPolicy | KernelPolicy, cuts: tuple[FibreCut, ...] = ()) -> None:
    """Return where a policy can run on a plant.

    Raises:
        PolicyError: fibres cut under defragmentation, which knows of none; a policy with its own
            kernel where quality of transmission decides; what ``refuse_uncounted`` refuses.
    """
    if plant.thresholds_db and isinstance(policy, KernelPolicy):
        raise PolicyError(
            f"{policy.name} looks at slots alone; where quality of transmission decides use one of "
            f"{', '.join(BASELINE_NAMES)}"
        )
    if cuts and policy == KernelPolicy(DEFRAGMENTATION):
        raise PolicyError("defragmentation does not know of cut fibres; leave one of the two out")
    refuse_uncounted(plant, bool(cuts) or policy == KernelPolicy(DEFRAGMENTATION))


def _run(
    plant: Plant,
    traffic: PoissonTraffic,
    policy: ScoringPolicy | KernelPolicy,
    num_requests: int,
    warmup: int,
    seed: int,
    num_runs: int,
    run: int,
    cuts: tuple[FibreCut, ...] = (),
) -> tuple[TraceResult, float, int]:
    """One independent run: its figures, its mean fragmentation, the lightpaths lost to cuts."""
    arrays = traffic_arrays(traffic, plant)
    moments = sorted({moment for cut in cuts for moment in (cut.from_request, cut.to_request)})
    known = around(plant, [_down(cuts, moment) for moment in moments])
    plant = known.plant
    stream = stream_states(seed, num_runs)[run : run + 1]
    clock_s = np.zeros(1)
    states = new_states(plant, 1, traffic.load_erlang, traffic.mean_holding_s)
    waking = is_counted(plant)
    statistics = new_statistics(plant, 1, len(traffic.classes), CHUNK if waking else 0)
    serve = server_of(plant, traffic, policy)
    requests = new_requests(1, CHUNK)
    samples, logs = [], []
    done, total, lost = 0, num_requests + warmup, 0
    while done < total:
        for cut in cuts:
            if cut.from_request == done:
                lost += fail_fibre(plant, states, 0, cut.fibre)
            if cut.to_request == done:
                repair_fibre(plant, states, 0, cut.fibre)
        until = min([done + CHUNK, total, *(moment for moment in moments if moment > done)])
        if until - done != requests.arrival_s.shape[1]:
            requests = new_requests(1, until - done)
        draw_requests(arrays, stream, clock_s, requests, 0)
        asked = known.redirected(requests, down) if (down := _down(cuts, done)) else requests
        serve(states, asked, max(warmup - done, 0), statistics)
        if waking:
            arrival_s, holding_s = requests.arrival_s[0].copy(), requests.holding_s[0]
            path = statistics.taken[0, : len(arrival_s)].copy()
            logs.append(SetUpLog(arrival_s, arrival_s + holding_s, path))
        done += requests.arrival_s.shape[1]
        if done > warmup:
            samples.append(fragmentation(states.free[0], plant.spec.num_slots))
    result = results_of(statistics, plant)[0]
    if result.power and logs:
        result = replace(result, power=with_waking(result.power, plant, joined(logs), warmup))
    return result, float(np.mean(samples)), lost


def _down(cuts: tuple[FibreCut, ...], request: int) -> Avoided:
    """What is down as a request comes."""
    return Avoided(frozenset(cut.fibre for cut in cuts if cut.from_request <= request < cut.to_request))


def server_of(plant: Plant, traffic: PoissonTraffic, policy: ScoringPolicy | KernelPolicy) -> Server:
    """The fastest way to run a policy on one network: a fused kernel where there is one."""
    if isinstance(policy, KernelPolicy) and policy.name == DEFRAGMENTATION:
        most_active = new_states(plant, 1, traffic.load_erlang, traffic.mean_holding_s).lightpaths.shape[1]
        return _by_rule(plant, defragmenting_rule(plant, most_active))
    if isinstance(policy, KernelPolicy):
        return _by_rule(plant, capacity_loss_rule(plant, traffic, CAPACITY_LOSS[policy.name]))
    if policy.name in FIRST_FIT and policy == baseline(policy.name) and not plant.thresholds_db:
        return _by_rule(plant, first_fit_rule(plant, FIRST_FIT[policy.name]))
    plant = seen_by(plant, policy)
    if isinstance(policy, LinearPolicy):
        return _by_rule(plant, linear_rule(plant, np.array(policy.weights)))

    def scored(states: NetworkStates, requests: Requests, warmup: int, statistics: Statistics) -> None:
        run = lockstep_on_requests(plant, requests, warmup, statistics.offered.shape[1])
        run.states, run.statistics = states, statistics
        for _ in run.play(policy, requests.arrival_s.shape[1], run.observation_buffers()):
            pass

    return scored


def _by_rule(plant: Plant, rule: Any) -> Server:
    def by_rule(states: NetworkStates, requests: Requests, warmup: int, statistics: Statistics) -> None:
        serve(plant.arrays, states, requests, 0, rule, warmup, ONLY_BLOCKING, statistics)

    return by_rule


def fragmentation(free: np.ndarray, num_slots: int) -> float:
    """Mean over units of 1 - longest free run / free slots; a full unit counts 0.

    External fragmentation as in Wright, Parker, Lord 2015, "Minimum- and maximum-entropy routing and spectrum
    assignment for flexgrid elastic optical networking", eq. for external fragmentation.

    Args:
        free: (num_units, num_words) uint64.
        num_slots: slots of the band.
    """
    bits = np.unpackbits(np.ascontiguousarray(free).view(np.uint8), axis=1, bitorder="little")[:, :num_slots]
    slots = np.arange(num_slots)
    last_taken = np.maximum.accumulate(np.where(bits, -1, slots), axis=1)  # at or before each slot; -1: none
    longest = (slots - last_taken).max(axis=1)
    total = bits.sum(axis=1)
    return float(np.mean(np.where(total > 0, 1 - longest / np.maximum(total, 1), 0.0)))
