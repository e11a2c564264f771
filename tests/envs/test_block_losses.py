"""Losses of a block on spectra of any width, with blocks and sizes beyond a word, against every slot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.after_state import LOSS_UNIT, RUN_SCALES, START_SCALES, look_ahead, new_after_states
from envs.blocks import Paths
from envs.features import COLUMN, NUM_FEATURES
from envs.listed import Listed
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from tests.sizes import examples
from topologies.model import Fibre, Node, Topology

LINE = Topology(
    "line",
    "test",
    (Node("a", 0, 0), Node("b", 1, 1), Node("c", 2, 2)),
    (Fibre("a", "b", 300.0), Fibre("b", "c", 2600.0)),
)
RATES_GBPS = (12.5, 100.0, 400.0, 1000.0)


def starts_of(free: np.ndarray, size: int) -> list[int]:
    return [s for s in range(len(free) - size + 1) if free[s : s + size].all()]


def runs_of(starts: list[int]) -> int:
    return sum(1 for s in starts if s - 1 not in starts)


def counts(plant: Plant, is_free: np.ndarray) -> list[tuple[int, int]]:
    """(starting positions, free runs that hold them) of every node pair and bit rate."""
    found = []
    for source, destination in ((0, 1), (0, 2), (1, 2)):
        path = plant.path_table.paths_of(source, destination)[0]
        row = is_free[plant.unit_of_link[list(plant.path_table.links(path))]].all(axis=0)
        per_gbps = plant.arrays.slots_per_gbps[plant.arrays.path_format[path]]
        for rate_gbps in RATES_GBPS:
            starts = starts_of(row, math.ceil(rate_gbps * per_gbps - 1e-9) + plant.spec.guard_slots)
            found.append((len(starts), runs_of(starts)))
    return found


@pytest.mark.nojit
@settings(max_examples=examples(60), deadline=None)
@given(
    num_slots=st.sampled_from([7, 63, 64, 65, 127, 128, 129, 200, 330]),
    guard_slots=st.integers(0, 1),
    seed=st.integers(0, 10_000),
    share_free=st.sampled_from([0.5, 0.9, 0.99, 1.0]),
)
def test_losses_equal_those_of_walking_every_slot(
    num_slots: int, guard_slots: int, seed: int, share_free: float
) -> None:
    spec = PlantSpec(
        num_slots=num_slots,
        guard_slots=guard_slots,
        k_paths=1,
        shortlist=1,
        shortlist_paths=1,
        shared_spectrum=True,
        future_rates_gbps=RATES_GBPS,
        future_shares=(1.0, 1.0, 1.0, 1.0),
    )
    plant = build_plant(LINE, spec)
    rng = np.random.default_rng(seed)
    arrays = plant.arrays
    paths = Paths(arrays.first_path, arrays.path_units, arrays.path_hops, arrays.path_format)
    states = new_after_states(arrays.after, 1, plant.num_units, arrays.num_words)
    features = np.zeros((1, NUM_FEATURES), np.float32)
    is_free = rng.random((plant.num_units, num_slots)) < share_free
    for _ in range(8):
        # Some slots change here and there, or nowhere.
        for _ in range(rng.integers(0, 3)):
            unit, slot = rng.integers(plant.num_units), rng.integers(num_slots)
            is_free[unit, slot : slot + rng.integers(1, 70)] ^= True
        path = int(rng.choice(plant.path_table.num_paths))
        first, size = int(rng.integers(num_slots)), int(rng.integers(1, 90))
        size = min(size, num_slots - first)
        after = is_free.copy()
        units = [int(plant.unit_of_link[link]) for link in plant.path_table.links(path)]
        after[units, first : first + size] = False
        words = np.zeros((plant.num_units, 64 * plant.arrays.num_words), np.uint8)
        words[:, :num_slots] = is_free
        free = np.packbits(words, axis=1, bitorder="little").view(np.uint64)

        where = (np.array([value], np.int32) for value in (path, first, size))
        listed = Listed(1, *where, *np.zeros((3, 1), np.int32), np.zeros(1, np.float32))
        look_ahead(plant.arrays.after, paths, free, states, 0, listed, features)

        assert features[0, COLUMN.shortlisted] == 1.0
        expected = np.zeros(2 + len(START_SCALES) + len(RUN_SCALES))
        for (n, m), (n_after, m_after) in zip(counts(plant, is_free), counts(plant, after), strict=True):
            expected[0] += (n - n_after) / LOSS_UNIT / len(RATES_GBPS)
            expected[-1] += ((n > 0) - (n_after > 0)) / len(RATES_GBPS)  # the only path of the pair
            rises = [math.exp(-n_after / scale) - math.exp(-n / scale) for scale in START_SCALES]
            rises += [math.exp(-m_after / scale) - math.exp(-m / scale) for scale in RUN_SCALES]
            expected[1:-1] += np.array(rises) / len(RATES_GBPS)
        got = features[0, COLUMN.capacity_loss : COLUMN.blocking_loss + 1]
        assert got == pytest.approx(expected, rel=1e-5, abs=1e-6)
