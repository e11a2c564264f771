"""The candidates of requests as arrays. Which ones are listed: ``candidates.py``, ``gsnr/listing.py``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.after_state import AfterStates, new_after_states
from envs.features import NUM_FEATURES
from envs.plant import Plant


class Listed(NamedTuple):
    """The candidates of one request; rows of ``CandidateArrays``."""

    in_use: int  # how many of them
    path: np.ndarray  # (M,) int32
    first_slot: np.ndarray  # (M,) int32
    num_slots: np.ndarray  # (M,) int32
    run_start: np.ndarray  # (M,) int32
    run_length: np.ndarray  # (M,) int32
    format: np.ndarray  # (M,) int32
    marginal_kw: np.ndarray  # (M,) float32


class CandidateArrays(NamedTuple):
    """Candidates of the pending request of N networks."""

    listed: np.ndarray  # (N,) int32, how many of the M are in use
    path: np.ndarray  # (N, M) int32
    first_slot: np.ndarray  # (N, M) int32
    num_slots: np.ndarray  # (N, M) int32
    run_length: np.ndarray  # (N, M) int32, free slots from the start of the run on the path to its end
    run_start: np.ndarray  # (N, M) int32
    format: np.ndarray  # (N, M) int32 row of the plant's formats
    margin_10db: np.ndarray  # (N, M) float32 worst carrier above threshold and margin, in 10 dB; else 0
    noise: np.ndarray  # (N, M) float64 1 / GSNR of the worst carrier, transceivers included; else 0
    marginal_kw: np.ndarray  # (N, M) float32 power switched on, transponders included; else 0
    after: AfterStates  # cache of the look ahead
    loss_counts: np.ndarray  # (1,) bool, False: nobody reads the feature ``carrier_loss``, which is then 0
    row: np.ndarray  # (F,) float32, scratch
    words: np.ndarray  # (num_words,) uint64, scratch


def new_candidates(plant: Plant, num_networks: int) -> CandidateArrays:
    """Room for the candidates of N requests."""
    shape = (num_networks, plant.spec.max_candidates)
    kinds = (np.int32,) * 6 + (np.float32, np.float64, np.float32)
    after = new_after_states(plant.arrays.after, num_networks, plant.num_units, plant.arrays.num_words)
    columns: list[Any] = [np.zeros(num_networks, np.int32), *(np.zeros(shape, kind) for kind in kinds), after]
    columns += [
        np.ones(1, np.bool_),
        np.zeros(NUM_FEATURES, np.float32),
        np.zeros(plant.arrays.num_words, np.uint64),
    ]
    return CandidateArrays(*columns)
