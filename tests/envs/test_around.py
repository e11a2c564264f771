"""After a failure the online side and the environments show a request the same, on paths beyond the table."""

from __future__ import annotations

import numpy as np
import pytest

from envs.candidates import observe
from envs.lockstep import lockstep_on_traffic
from envs.network import Network
from envs.plant import build_plant
from envs.request import Request
from envs.snapshot import StandingSnapshot
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from envs.window import Placed, Standing
from topologies.catalogue import load_topology

CUT = ("A", "C")
LONG_WAY = ("A", "E", "D", "C")
NETWORKS = 96


@pytest.mark.parametrize("shared", [False, True], ids=["directed", "shared"])
def test_networks_that_begin_with_a_failed_link_list_what_the_online_side_lists(shared: bool) -> None:
    spec = PlantSpec(num_slots=32, shared_spectrum=shared, k_paths=2, max_candidates=12, starts_per_path=4)
    plant = build_plant(load_topology("five-node"), spec)
    index, names = plant.topology.node_index, plant.topology.node_names
    stands = Standing("s", Placed(LONG_WAY, 3, 4, "BPSK"), 50.0, "any", 1.0, 1e9, False)
    assert plant.path_table.path_of(tuple(map(index, LONG_WAY))) is None
    network = Network(plant)
    network.fail_link(*map(index, CUT))
    network.provision(tuple(map(index, LONG_WAY)), 3, 4, "BPSK")

    begin = StandingSnapshot((stands,), (CUT[::-1],), {})
    run = lockstep_on_traffic(plant, PoissonTraffic(50.0), NETWORKS, begin=begin)
    run.reset(5)
    features, mask, context = run.observation_buffers()
    run.observe_into(features, mask, context)
    pair_of = {row: pair for (_, pair), row in run.detours.items()}
    detours = 0
    for n in range(NETWORKS):
        row = int(run.requests.pair[n, 0])
        source, destination = divmod(pair_of.get(row, row), plant.num_nodes)
        request = Request(
            source,
            destination,
            float(run.requests.bit_rate_gbps[n, 0]),
            float(run.requests.max_latency_ms[n, 0]),
        )
        seen, candidates = observe(plant, network, request)
        assert seen.features.tobytes() == features[n].tobytes()
        assert np.array_equal(seen.action_mask, mask[n])
        assert seen.context.tobytes() == context[n].tobytes()
        for candidate in candidates:
            hops = list(zip(candidate.nodes, candidate.nodes[1:], strict=False))
            assert not any({names[a], names[b]} == set(CUT) for a, b in hops)
            detours += plant.path_table.path_of(candidate.nodes) is None
    assert detours > 0
