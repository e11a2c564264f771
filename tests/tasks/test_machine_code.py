"""What is compiled ahead is all that a replay and a training's traffic then need."""

from __future__ import annotations

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER
from envs import lockstep
from envs.compiled import COMPILED
from envs.heuristics import baseline
from envs.lockstep import lockstep_on_traffic
from envs.plant import Plant
from envs.replay_window import replay_window
from envs.serving import serve_row
from envs.traffic import PoissonTraffic, make_trace
from tasks.machine_code import compile_ahead
from tasks.regret import entrants
from tests.live_network import live_through


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled here")
def test_nothing_is_left_to_compile_for_a_replay_and_for_traffic(
    plant: Plant, traffic: PoissonTraffic
) -> None:
    known = entrants(["ksp_ff", "least_capacity_loss"], GENERALIST_FOLDER)
    compile_ahead(plant, traffic, known)
    kernels = (serve_row, lockstep.refill, lockstep.advance_all)
    before = [len(kernel.signatures) for kernel in kernels]
    assert before[0] >= 2
    assert before[1] == 1

    lived = live_through(plant, make_trace(traffic, plant, 60, seed=1), baseline("ksp_ff"), before=10).window
    for entrant in known:
        assert np.isfinite(replay_window(plant, lived, entrant.policy).request_blocking)
    lockstep_on_traffic(plant, traffic, 4).reset(seed=1)

    assert [len(kernel.signatures) for kernel in kernels] == before
