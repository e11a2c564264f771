"""Dirichlet's law against the urn that it describes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tasks.dirichlet import log_likelihood, ordinary_concentration, smoothed


def by_urn(sequence: tuple[int, ...], centre: np.ndarray, concentration: float) -> float:
    """Chance of a sequence, ball by ball [Blackwell, MacQueen 1973]."""
    chance, counts = 1.0, np.zeros(len(centre))
    for cell in sequence:
        chance *= (counts[cell] + concentration * centre[cell]) / (counts.sum() + concentration)
        counts[cell] += 1
    return chance


def test_the_chance_of_counts_is_that_of_drawing_ball_by_ball() -> None:
    centre = np.array([0.2, 0.3, 0.5])
    sequence = (0, 2, 2, 1, 2, 0, 2)

    found = log_likelihood(np.bincount(sequence, minlength=3), centre, 4.0)

    assert found == pytest.approx(math.log(by_urn(sequence, centre, 4.0)))


def test_the_chances_of_all_sequences_add_up_to_one() -> None:
    # So the ratio of two such chances has mean 1 under the one below the line: an e-value.
    centre = np.array([0.1, 0.3, 0.6])

    chances = [
        math.exp(log_likelihood(np.bincount(sequence, minlength=3), centre, 2.5))
        for sequence in itertools.product(range(3), repeat=5)
    ]

    assert sum(chances) == pytest.approx(1.0)


def test_a_cell_never_seen_keeps_a_share() -> None:
    assert smoothed(np.array([3, 0, 0])) == pytest.approx([3.5 / 4.5, 0.5 / 4.5, 0.5 / 4.5])


def test_how_much_blocks_vary_is_found_again() -> None:
    draw, centre = np.random.default_rng(1), np.full(8, 1 / 8)
    varying = [draw.multinomial(500, draw.dirichlet(100.0 * centre)) for _ in range(100)]
    steady = [draw.multinomial(500, centre) for _ in range(100)]

    # Seven free shares in 100 blocks tell it to within about 8 %; it is tried in steps of 26 %.
    assert 75 < ordinary_concentration(np.sum(varying, axis=0), varying) < 135
    assert ordinary_concentration(np.sum(steady, axis=0), steady) > 5000
    assert ordinary_concentration(varying[0], varying[:1]) == math.inf
