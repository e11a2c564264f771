"""The generalist that ships: it loads, and holds on a network that no search has met."""

from dataclasses import replace

from agents.artefact import GENERALIST_FOLDER, load_policy, read_manifest
from envs.plant import build_plant
from envs.settings import SCHOOL_SETTINGS, agent_plant, benchmark_setting
from envs.simulation import simulate
from topologies.catalogue import load_topology

UNSEEN = "german17"


def test_it_blocks_less_than_first_fit_on_a_network_it_never_met() -> None:
    assert read_manifest(GENERALIST_FOLDER).metadata["settings"] == list(SCHOOL_SETTINGS)
    assert UNSEEN not in {benchmark_setting(name).topology for name in SCHOOL_SETTINGS}
    setting = benchmark_setting("deeprmsa-nsfnet")
    traffic, network = replace(setting.traffic, load_erlang=230.0), load_topology(UNSEEN)
    first_fit = build_plant(network, replace(setting.plant, k_paths=50))
    own = build_plant(network, agent_plant(setting))
    # The same streams of requests for both; the intervals over 4 runs must not even touch.
    rival = simulate(first_fit, traffic, "ksp_ff", 40_000, seed=3, num_runs=4)
    found = simulate(own, traffic, load_policy(GENERALIST_FOLDER), 40_000, seed=3, num_runs=4)
    assert found.request_blocking.high < rival.request_blocking.low
