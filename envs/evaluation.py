"""Paired evaluation: every policy meets the same traces; figures carry intervals over independent traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from envs.gsnr.audit import audit
from envs.lockstep import lockstep_on_requests, offered_load
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy, looks_ahead
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.search import linear_rule
from envs.serving import serve
from envs.state import NetworkStates, new_states
from envs.statistics import Statistics, TraceResult, new_statistics, results_of
from envs.trace import Trace
from envs.traffic import Requests, requests_of

LOOK_EVERY = 500  # requests of each trace

# Requests of all traces together. To compile the kernel that decides too takes half a minute, once, and saves
# a second in so many requests.
FUSED_FROM = 50_000

Look = Callable[[NetworkStates, Statistics, int], None]  # at so many requests done


@dataclass(frozen=True)
class Interval:
    """A mean with a two-sided confidence interval from Student's t over independent runs."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def interval(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> Interval:
    """Mean and interval of independent values; one value alone has no finite interval.

    Raises:
        ValueError: no values.
    """
    sample = np.asarray(values, np.float64)
    if sample.size == 0:
        raise ValueError("an interval needs at least one value")
    mean = float(sample.mean())
    if sample.size == 1:
        return Interval(mean, -np.inf, np.inf)
    quantile = stdtrit(sample.size - 1, 0.5 + confidence / 2)  # what scipy.stats calls, which loads for 0.6 s
    half = float(quantile * sample.std(ddof=1) / np.sqrt(sample.size))
    return Interval(mean, mean - half, mean + half)


def paired_difference(
    values: Sequence[float] | np.ndarray, reference: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> Interval:
    """Interval of ``values - reference``, trace by trace: negative blocking differences are improvements."""
    return interval(np.asarray(values, np.float64) - np.asarray(reference, np.float64), confidence)


def seen_by(plant: Plant, policy: ScoringPolicy) -> Plant:
    """The plant with nothing computed that cannot matter to the policy; its choices are the same."""
    return plant if looks_ahead(policy) else plant.without_look_ahead()


def replay(
    plant: Plant,
    traces: Sequence[Trace],
    policy: ScoringPolicy,
    warmup_requests: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    audited: bool = False,
) -> tuple[TraceResult, ...]:
    """One result per trace, in order; the same traces give the same requests to every policy.

    Args:
        plant: the network.
        traces: of equal length, or cut to the shortest.
        policy: what decides.
        warmup_requests: requests at the start of each trace that are not counted.
        on_progress: called now and then with (requests done, requests in all) per trace.
        audited: where quality of transmission decides, add up the noise of what stands anew now and then:
            see ``gsnr/audit.py``.

    Raises:
        TrafficError: no traces, or one of another network.
    """
    statistics = replay_statistics(
        plant, traces, policy, warmup_requests, ONLY_BLOCKING, on_progress, audited
    )
    return results_of(statistics, plant)


def replay_statistics(
    plant: Plant,
    traces: Sequence[Trace],
    policy: ScoringPolicy,
    warmup_requests: int,
    reward: RewardWeights,
    on_progress: Callable[[int, int], None] | None = None,
    audited: bool = False,
) -> Statistics:
    """Counts of a policy, one network per trace, with what it earned and each request's path: ``replay``."""
    plant = seen_by(plant, policy)
    requests = requests_of(list(traces), plant)
    num_classes = max(len(trace.class_names) for trace in traces)

    def look(states: NetworkStates, counted: Statistics, done: int) -> None:
        if audited and plant.thresholds_db and done > warmup_requests:
            audit(plant, states, counted.parts.qot.flow)
        if on_progress:
            on_progress(done, requests.arrival_s.shape[1])

    if isinstance(policy, LinearPolicy) and requests.arrival_s.size >= FUSED_FROM:
        return _fused(plant, requests, policy, warmup_requests, num_classes, reward, look)
    return _in_lockstep(plant, requests, policy, warmup_requests, num_classes, reward, look)


def _in_lockstep(
    plant: Plant,
    requests: Requests,
    policy: ScoringPolicy,
    warmup: int,
    num_classes: int,
    reward: RewardWeights,
    look: Look,
) -> Statistics:
    """All networks at once, request by request: whatever scores candidates can decide."""
    length = requests.arrival_s.shape[1]
    run = lockstep_on_requests(plant, requests, warmup, num_classes, reward, length)
    run.reset()
    for done in run.play(policy, length, run.observation_buffers()):
        if done and done % LOOK_EVERY == 0:
            look(run.states, run.statistics, done)
    return run.statistics


def _fused(
    plant: Plant,
    requests: Requests,
    policy: LinearPolicy,
    warmup: int,
    num_classes: int,
    reward: RewardWeights,
    look: Look,
) -> Statistics:
    """One network after the other in a kernel that decides too: the same choices in half the time."""
    num_networks, length = requests.arrival_s.shape
    states = new_states(plant, num_networks, *offered_load(requests))
    statistics = new_statistics(plant, num_networks, num_classes, length)
    rule = linear_rule(plant, np.array(policy.weights), num_networks)
    for begin in range(0, length, LOOK_EVERY):
        end = min(begin + LOOK_EVERY, length)
        stretch = Requests(*(np.ascontiguousarray(column[:, begin:end]) for column in requests))
        counted = statistics._replace(taken=np.ascontiguousarray(statistics.taken[:, begin:end]))
        for network in range(num_networks):
            serve(plant.arrays, states, stretch, network, rule, max(warmup - begin, 0), reward, counted)
        statistics.taken[:, begin:end] = counted.taken
        if end % LOOK_EVERY == 0:
            look(states, statistics, end)
    return statistics
