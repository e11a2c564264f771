"""Slices against the kernel's own count of service classes: the same requests, with a class for a slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.evaluation import replay, replay_statistics
from envs.heuristics import baseline
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING
from envs.slices import (
    PAIR_GROUPS,
    PARTS_OF_DAY,
    follows_the_day,
    pair_groups,
    part_of_day,
    slices_of,
)
from envs.trace import Trace
from envs.traffic import DiurnalTraffic, PoissonTraffic, make_trace
from tests.tasks.conftest import plant, traffic  # noqa: F401

WARMUP = 300
KSP_FF = baseline("ksp_ff")


@pytest.fixture(scope="module")
def of_days(plant: Plant) -> list[Trace]:  # noqa: F811
    """Two traces of two days and a half, busy in the morning."""
    busy = DiurnalTraffic(
        load_erlang=45.0, mean_holding_s=3600.0, bit_rates_gbps=(25.0, 50.0, 100.0), swing=0.5
    )
    return [make_trace(busy, plant, 2700, seed) for seed in (1, 2)]


def by_class(trace: Trace, names: tuple[str, ...], of_request: np.ndarray) -> Trace:
    return replace(trace, class_names=names, service_class=of_request.astype(np.int8))


@pytest.mark.parametrize("names", [PAIR_GROUPS, PARTS_OF_DAY])
def test_a_slice_blocks_what_a_class_of_the_same_requests_blocks(
    plant: Plant,  # noqa: F811
    of_days: list[Trace],
    names: tuple[str, ...],
) -> None:
    group = pair_groups(plant)
    rows = [
        group[trace.source, trace.destination] if names == PAIR_GROUPS else part_of_day(trace.arrival_s)
        for trace in of_days
    ]
    renamed = [by_class(trace, names, row) for trace, row in zip(of_days, rows, strict=True)]

    counted = replay_statistics(plant, of_days, KSP_FF, WARMUP, ONLY_BLOCKING)
    found = slices_of(plant, of_days, counted.taken, WARMUP)

    assert set(found) == {*PAIR_GROUPS, *PARTS_OF_DAY}
    for n, result in enumerate(replay(plant, renamed, KSP_FF, WARMUP)):
        for name, by_kernel in zip(names, result.classes, strict=True):
            assert (found[name][n].offered, found[name][n].request_blocking) == pytest.approx(
                (by_kernel.offered, by_kernel.request_blocking)
            )
    assert found["far pairs"][0].request_blocking > 0


def test_pairs_are_grouped_by_their_shortest_path(plant: Plant) -> None:  # noqa: F811
    group = pair_groups(plant)
    names = plant.topology.node_names
    # Ring A-B-C-D-E of 250, 300, 300, 250, 300 km with chords A-C 400, B-D 500. Ten pairs; the three
    # shortest are 250, 250 and 300 three times, which stay together; then 400, 500; then 550 and more.
    expected = {"AB": 0, "DE": 0, "BC": 0, "CD": 0, "AE": 0, "AC": 1, "BD": 1, "AD": 2, "CE": 2, "BE": 2}
    for (a, b), where in expected.items():
        i, j = names.index(a), names.index(b)
        assert (group[i, j], group[j, i]) == (where, where), (a, b)


def test_traffic_without_a_day_has_no_parts_of_one(
    plant: Plant,  # noqa: F811
    traffic: PoissonTraffic,  # noqa: F811
    of_days: list[Trace],
) -> None:
    slow = replace(traffic, mean_holding_s=3600.0)
    steady = [make_trace(slow, plant, 9000, seed) for seed in (1, 2)]  # nine days
    assert not follows_the_day(steady, 9000)
    assert follows_the_day(of_days, 2700)
    assert not follows_the_day(of_days, 800)  # less than a day
