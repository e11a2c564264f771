"""What is known of ends: the columns equal their definitions, and elsewhere they are 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.candidates import observe
from envs.features import COLUMN
from envs.lockstep import lockstep_on_requests
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.request import Request
from envs.spec import PlantSpec
from envs.traffic import Requests
from tests import naive
from tests.envs.test_kernels import settings_of_twin
from tests.sizes import examples
from topologies.catalogue import load_topology

ENDS = ("neighbours_stay", "neighbours_alike")


@pytest.mark.nojit
@settings(max_examples=examples(25), deadline=None)
@given(settings_of_twin(slot_counts=(7, 16, 65)), st.integers(0, 100))
def test_columns_of_ends_equal_their_definitions_after_any_history(
    setting: tuple[Plant, Requests], seed: int
) -> None:
    told = build_plant(setting[0].topology, replace(setting[0].spec, departures_known=True))
    requests = setting[1]
    run = lockstep_on_requests(told, requests)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    network = naive.NaiveNetwork(told)
    rng = np.random.default_rng(seed)
    run.observe_into(features, mask, context)
    for t in range(60):
        now_s = float(requests.arrival_s[0, t])
        end_s = now_s + float(requests.holding_s[0, t])
        network.depart(now_s)
        listed = int(run.candidates.listed[0])
        pair, rate_gbps = int(requests.pair[0, t]), float(requests.bit_rate_gbps[0, t])
        bound_ms = float(requests.max_latency_ms[0, t])
        arrays = (run.candidates.path, run.candidates.first_slot, run.candidates.num_slots)
        rows = [tuple(int(array[0, c]) for array in arrays) for c in range(listed)]
        assert rows == naive.candidates(network, pair, rate_gbps, bound_ms)
        for c, (path, slot, size) in enumerate(rows):
            expected = naive.ends(network, (path, slot, size), now_s, end_s)
            got = {name: features[0, c, getattr(COLUMN, name)] for name in ENDS}
            for name, value in expected.items():
                np.testing.assert_allclose(got[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
        action = int(rng.integers(listed)) if listed else -1
        if action >= 0:
            network.admit(*rows[action], end_s)
        run.step_into(np.array([action]), features, mask, context, rewards)


@pytest.mark.nojit
def test_a_request_without_an_end_gets_columns_of_zeros() -> None:
    for departures_known in (False, True):
        plant = build_plant(load_topology("nsfnet"), PlantSpec(departures_known=departures_known))
        observation, _ = observe(plant, Network(plant), Request(0, 5, 100.0))
        assert not observation.features[:, [getattr(COLUMN, name) for name in ENDS]].any()
