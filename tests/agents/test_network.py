"""The torch networks: masks, the exact start at the teacher, the export to numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.network import ScoringNetwork, Teacher, ValueNetwork, pool, pooled_width
from envs.features import NUM_CONTEXT as C
from envs.features import NUM_FEATURES as F
from envs.heuristics import baseline
from envs.policy import LinearPolicy, choose

M = 30


def observations(count: int, seed: int = 1):
    rng = np.random.default_rng(seed)
    mask = rng.random((count, M)) < rng.random((count, 1))
    features = np.where(mask[..., None], rng.random((count, M, F)), 0).astype(np.float32)
    return features, mask, rng.random((count, C)).astype(np.float32)


def teacher_of(weights, sharpness: float = 3.0) -> Teacher:
    rng = np.random.default_rng(9)
    return Teacher(
        feature_weights=np.asarray(weights, np.float32),
        sharpness=sharpness,
        feature_mean=rng.random(F).astype(np.float32),
        feature_scale=(0.2 + rng.random(F)).astype(np.float32),
        context_mean=rng.random(C).astype(np.float32),
        context_scale=(0.2 + rng.random(C)).astype(np.float32),
    )


def trained_network(seed: int = 0) -> ScoringNetwork:
    """Every parameter moved away from its start."""
    torch.manual_seed(seed)
    network = ScoringNetwork(F, C, (16, 12), teacher_of(np.random.default_rng(3).normal(size=F)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return network


def logits_of(network: ScoringNetwork, features, mask, context) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(features), torch.from_numpy(mask), torch.from_numpy(context)).numpy()


@pytest.mark.parametrize("name", ["searched", "ksp_ff", "ff_ksp", "least_fragmentation", "load_aware"])
def test_a_fresh_network_chooses_as_its_teacher_does(name):
    searched = LinearPolicy("searched", tuple(np.random.default_rng(4).normal(size=F)))
    teacher = searched if name == "searched" else baseline(name)
    network = ScoringNetwork(F, C, (16, 12), teacher_of(teacher.weights, sharpness=0.37))
    given = observations(2000)
    assert np.array_equal(choose(logits_of(network, *given)), choose(teacher.scores(*given)))


def test_numpy_and_torch_choose_the_same_on_ten_thousand_observations():
    network = trained_network()
    policy = network.export("exported")
    given = observations(10_000)
    logits, scores = logits_of(network, *given), policy.scores(*given)
    assert np.array_equal(choose(logits), choose(scores))
    features, mask, _ = given
    some = mask.any(axis=1)
    # up to a constant per request, which no choice depends on
    difference = np.where(mask, logits.astype(np.float64) - scores, np.nan)[some]
    spread = np.nanmax(difference, axis=1) - np.nanmin(difference, axis=1)
    assert spread.max() < 1e-3
    assert features.shape == (10_000, M, F)


def test_a_trained_network_no_longer_equals_its_teacher():
    given = observations(2000)
    network = trained_network()
    linear = LinearPolicy("teacher", tuple(network.teacher_weights.tolist()))
    assert not np.array_equal(choose(logits_of(network, *given)), choose(linear.scores(*given)))


def test_masked_candidates_get_no_probability_and_do_not_matter():
    network = trained_network()
    features, mask, context = observations(200)
    logits = logits_of(network, features, mask, context)
    assert (logits[~mask] == -1e9).all()
    noise = np.where(mask[..., None], features, np.float32(1e6))
    assert np.array_equal(logits, logits_of(network, noise, mask, context))


def test_rows_without_candidates_are_harmless():
    network = trained_network()
    features, mask, context = (torch.from_numpy(a) for a in observations(8))
    mask[:] = False
    logits = network(features, mask, context)
    assert torch.equal(logits, torch.full((8, M), -1e9))
    logits.softmax(dim=1).sum().backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in network.parameters())


def test_pooling_equals_a_loop():
    features, mask, context = observations(64)
    mask[0] = False
    features[0] = 0
    pooled = pool(*(torch.from_numpy(a) for a in (features, mask, context))).numpy()
    assert pooled.shape == (64, pooled_width(F, C))
    for n in range(64):
        chosen = features[n][mask[n]]
        mean = chosen.mean(axis=0) if len(chosen) else np.zeros(F)
        top = chosen.max(axis=0) if len(chosen) else np.zeros(F)
        expected = np.concatenate([mean, top, context[n], [mask[n].mean()]])
        assert pooled[n] == pytest.approx(expected, abs=1e-5)


def test_the_value_network_takes_what_pooling_gives():
    network = ValueNetwork(F, C, (8, 8), Teacher.neutral(F, C))
    values = network(pool(*(torch.from_numpy(a) for a in observations(5))))
    assert values.shape == (5,)
    assert torch.isfinite(values).all()
