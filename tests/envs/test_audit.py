"""The audit of standing lightpaths, against noise from the closed form and formats that ask too much."""

from __future__ import annotations

import numpy as np
import pytest

from envs.evaluation import replay
from envs.gsnr.audit import audit, standing_noise
from envs.gsnr.counting import FLOW
from envs.gsnr.formats import load_formats
from envs.heuristics import baseline
from envs.traffic import make_trace
from tests.naive_qot import NaiveLitNetwork
from tests.qot_walk import TRAFFIC, Walk, plant_of

THRESHOLD_DB = {item.name: item.threshold_db for item in load_formats()}


@pytest.mark.parametrize("shared", [False, True])
def test_noise_added_up_anew_is_that_of_the_closed_form_and_formats_have_their_limit(shared: bool) -> None:
    plant = plant_of(shared)
    walk, rng, naive = Walk(plant, seed=11), np.random.default_rng(2), NaiveLitNetwork(plant)
    scale, compared = plant.arrays.parts.qot.scale, 0
    for step in range(200):
        walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1)))
        if step % 20 == 19:
            here = walk.standing()
            worst, limit = standing_noise(plant, walk.run.states, 0)
            expected = [carriers.max() for carriers in naive.noise(here)]
            np.testing.assert_allclose(10 * np.log10(worst / scale / expected), 0.0, atol=0.001)
            needed_db = [THRESHOLD_DB[item.format_name] + plant.spec.margin_db for item in here]
            np.testing.assert_allclose(-10 * np.log10(limit / scale), needed_db, atol=0.001)
            compared += len(here)
        walk.observe()
    assert compared > 50


def test_lightpaths_that_claim_a_format_beyond_their_gsnr_are_counted() -> None:
    plant = plant_of()
    walk, rng, naive = Walk(plant, seed=5), np.random.default_rng(8), NaiveLitNetwork(plant)
    for _ in range(120):
        walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1)))
        walk.observe()
    flow = np.zeros(1, FLOW)
    audit(plant, walk.run.states, flow)
    assert (flow["audited"][0], flow["too_noisy"][0]) == (len(walk.standing()), 0)

    names = [item.name for item in plant.formats]
    for name in names:
        most = plant.arrays.parts.qot.most_noise[names.index(name)]
        walk.run.states.parts.qot.one_over_limit[0, :-1] = 1.0 / most
        gsnr_db = np.array([-10 * np.log10(carriers.max()) for carriers in naive.noise(walk.standing())])
        flow = np.zeros(1, FLOW)
        audit(plant, walk.run.states, flow)
        short = int((gsnr_db < THRESHOLD_DB[name] + plant.spec.margin_db).sum())
        assert int(flow["too_noisy"][0]) == short
    assert short == 0 < int((gsnr_db < THRESHOLD_DB[names[0]] + plant.spec.margin_db).sum())


def test_an_evaluation_audits_what_stands() -> None:
    plant = plant_of()
    traces = [make_trace(TRAFFIC, plant, 2_200, seed=seed) for seed in (1, 2)]

    for result in replay(plant, traces, baseline("band_by_band"), 100, audited=True):
        assert result.qot is not None
        assert result.qot.audited > 4 * 5  # at requests 500, 1,000, 1,500 and 2,000
        assert result.qot.too_noisy == 0
