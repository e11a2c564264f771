"""Random numbers inside compiled code: SplitMix64, one 64-bit word of state per stream.

[1] Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np

from envs.compiled import inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53


@inlined
def mix(word):
    """The output function of SplitMix64 [1]."""
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@inlined
def advance(state):
    """The next state of a stream."""
    return state + _GOLDEN


@inlined
def unit(word):
    """A float64 in [0, 1) from 64 random bits."""
    return np.float64(word >> np.uint64(11)) * _TO_UNIT


def stream_states(seed: int, num_streams: int) -> np.ndarray:
    """(num_streams,) uint64: independent starting states from one seed, stable across machines."""
    children = np.random.SeedSequence(seed).spawn(num_streams)
    return np.array([child.generate_state(1, np.uint64)[0] for child in children], np.uint64)
