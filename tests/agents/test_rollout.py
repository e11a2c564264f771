"""Drawn actions follow the softmax; advantages equal the slow, obvious sum."""

from __future__ import annotations

import numpy as np
import pytest

from agents.rollout import Rollout, advantages, draw_actions


def naive_advantages(rewards, values, gamma, gae_lambda):
    """The double sum of the definition, one network and step at a time."""
    steps, envs = rewards.shape
    out = np.zeros((steps, envs))
    for n in range(envs):
        for t in range(steps):
            for k in range(t, steps):
                error = rewards[k, n] + gamma * values[k + 1, n] - values[k, n]
                out[t, n] += (gamma * gae_lambda) ** (k - t) * error
    return out


@pytest.mark.parametrize(("gamma", "gae_lambda"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0), (0.0, 0.5)])
def test_advantages_equal_the_double_sum(gamma, gae_lambda):
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(40, 3)).astype(np.float32)
    values = rng.normal(size=(41, 3)).astype(np.float32)
    out = np.empty_like(rewards)
    advantages(rewards, values, gamma, gae_lambda, out)
    assert out == pytest.approx(naive_advantages(rewards, values, gamma, gae_lambda), abs=1e-4)


def test_draws_follow_the_softmax():
    logits = np.array([[0.0, 1.0, -1e9, 2.0]], np.float32).repeat(200_000, axis=0)
    actions = np.empty(len(logits), np.int64)
    log_probabilities = np.empty(len(logits), np.float32)
    draw_actions(logits, np.random.default_rng(0).random(len(logits)), actions, log_probabilities)
    expected = np.exp([0.0, 1.0, -np.inf, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    share = np.bincount(actions, minlength=4) / len(actions)
    assert share == pytest.approx(expected, abs=4 * np.sqrt(0.25 / len(actions)))  # four standard errors
    assert log_probabilities == pytest.approx(np.log(expected[actions]), abs=1e-5)


def test_the_largest_draw_never_picks_a_masked_candidate():
    logits = np.array([[-1e9, 0.0, 0.0, -1e9], [0.0, -1e9, -1e9, -1e9]], np.float32)
    actions, log_probabilities = np.empty(2, np.int64), np.empty(2, np.float32)
    draw_actions(logits, np.full(2, np.nextafter(1.0, 0.0)), actions, log_probabilities)
    assert list(actions) == [2, 0]


def test_a_row_without_candidates_draws_something_finite():
    actions, log_probabilities = np.empty(1, np.int64), np.empty(1, np.float32)
    draw_actions(np.full((1, 4), -1e9, np.float32), np.array([0.6]), actions, log_probabilities)
    assert 0 <= actions[0] < 4
    assert log_probabilities[0] == pytest.approx(np.log(0.25))


def test_the_length_of_a_rollout_counts_decisions():
    assert len(Rollout.empty(5, 3, 8, 2, 1)) == 15
