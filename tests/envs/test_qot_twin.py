"""The common twin where quality of transmission decides, against noise from scratch and a naive lister."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.candidates import observe
from envs.errors import PlantError, PolicyError, SpectrumError
from envs.failures import fail_fibre, repair_fibre
from envs.features import COLUMN, FEATURE_NAMES
from envs.gsnr.errors import GsnrError
from envs.gsnr.formats import load_formats
from envs.gsnr.full import carrier_noise, kept_noise, lit_carriers
from envs.gsnr.line import load_line_parameters
from envs.heuristics import baseline
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.policy import MASKED_SCORE, choose, linear_policy
from envs.request import Request
from envs.simulation import simulate
from envs.spec import PlantSpec
from tests.naive_qot import NaiveLightpath, NaiveLitNetwork
from tests.qot_walk import BANDS, CHANNELS, TRAFFIC, Walk, plant_of
from tests.sizes import examples
from topologies.catalogue import load_topology


def rebuilt(plant: Plant, lightpaths: list[NaiveLightpath]) -> Network:
    network = Network(plant)
    for item in lightpaths:
        network.provision(
            plant.path_table.nodes(item.path), item.first_slot, item.num_slots, item.format_name
        )
    return network


def assert_same_carriers(network: Network, states, row: int) -> None:
    """Bit for bit, whatever the order in which lightpaths came."""
    owner = states.parts.qot.owner[row]
    lit = np.unique(owner[owner < owner.size])
    assert len(lit) > 0
    np.testing.assert_array_equal(network.parts.qot.owner[0], owner)
    np.testing.assert_array_equal(network.parts.qot.xpm[0], states.parts.qot.xpm[row])
    np.testing.assert_array_equal(network.parts.qot.noise[0, lit], states.parts.qot.noise[row, lit])
    np.testing.assert_array_equal(
        network.parts.qot.one_over_limit[0, lit], states.parts.qot.one_over_limit[row, lit]
    )


@pytest.mark.parametrize("shared", [False, True])
def test_noise_after_random_comings_and_goings_is_that_of_the_closed_form(shared: bool) -> None:
    plant = plant_of(shared)
    walk, rng = Walk(plant, num_networks=2, seed=3), np.random.default_rng(1)
    naive = NaiveLitNetwork(plant)
    compared = blocked = 0
    for step in range(400):
        actions = rng.integers(0, np.maximum(walk.run.candidates.listed, 1))
        blocked += int((walk.run.candidates.listed == 0).sum())
        walk.step(actions)
        if step % 40 == 39:
            for n in range(2):
                here = walk.standing(n)
                full = np.concatenate(naive.noise(here))
                lit = lit_carriers(plant, walk.run.states, n)
                kept = kept_noise(plant, walk.run.states, n, lit)
                np.testing.assert_allclose(10 * np.log10(kept / full), 0.0, atol=0.001)
                if not shared:  # the function that the benchmark compares with says the same
                    parameters = load_line_parameters()
                    loads = {parameters.fibre: naive.loads}
                    again = carrier_noise(
                        plant.topology, parameters, naive.comb, plant.path_table, lit, "any-load", loads
                    )
                    np.testing.assert_allclose(10 * np.log10(kept / again), 0.0, atol=0.001)
                compared += len(full)
                shuffled = [here[i] for i in rng.permutation(len(here))]
                assert_same_carriers(rebuilt(plant, shuffled), walk.run.states, n)
        walk.observe()
    assert compared > 300
    assert 0 < blocked < 600


@pytest.mark.nojit
@settings(max_examples=examples(20))
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 39), st.integers(0, 3 * CHANNELS - 1), st.integers(0, 3)),
        min_size=5,
        max_size=60,
    )
)
def test_online_noise_equals_the_full_computation(steps: list[tuple[int, int, int]]) -> None:
    plant = plant_of(transceiver_snr_db=25.0)
    network, naive = Network(plant), NaiveLitNetwork(plant)
    lit: list[NaiveLightpath] = []
    for path, channel, chance in steps:
        nodes = plant.path_table.nodes(path)
        if chance == 0 and lit:
            gone = lit.pop(channel % len(lit))
            network.release(plant.path_table.nodes(gone.path), gone.first_slot, gone.num_slots)
        elif network.is_free(nodes, 4 * channel, 4):
            lit.append(NaiveLightpath(path, 4 * channel, 4, "PM-QPSK"))
            network.provision(nodes, 4 * channel, 4, "PM-QPSK")
    got = [network.gsnr_db(plant.path_table.nodes(i.path), i.first_slot, i.num_slots) for i in lit]
    expected = [-10 * math.log10(noise[0]) for noise in naive.noise(lit)]
    np.testing.assert_allclose(got, expected, atol=0.001)


def test_what_is_planned_at_full_load_is_disturbed_by_nobody() -> None:
    planned, naive = plant_of(planned_at_full_load=True), NaiveLitNetwork(plant_of())
    walk, rng = Walk(planned, seed=7), np.random.default_rng(2)
    carried = 0
    for _ in range(60):
        carried += len(walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1))))
        walk.observe()
    standing = walk.standing(0)
    assert carried > len(standing) > 5
    # With every channel of every link lit, noise from scratch is what the plan said, so every format works.
    lit = tuple(range(naive.comb.num_channels))
    found = lit_carriers(planned, walk.run.states, 0)
    full = [
        sum(naive.link_noise(link, lit)[channel] for link in planned.path_table.links(path))
        for path, channel in found
    ]
    kept = kept_noise(planned, walk.run.states, 0, found)
    np.testing.assert_allclose(10 * np.log10(kept / full), 0.0, atol=0.001)
    by_path = {(item.path, channel): naive.limit(item) for item in standing for channel in item.channels}
    assert all(noise <= by_path[tuple(where)] * 1.0001 for noise, where in zip(kept, found, strict=True))


def test_putting_everything_out_leaves_no_noise_behind() -> None:
    plant = plant_of()
    network = Network(plant)
    lit = [(plant.path_table.nodes(3 * i), 4 * i) for i in range(plant.path_table.num_paths // 3)]
    for nodes, slot in lit:
        network.provision(nodes, slot, 4, "PM-BPSK")
    assert network.parts.qot.xpm.max() > 0
    for nodes, slot in lit[::-1]:
        network.release(nodes, slot, 4)
    assert not network.parts.qot.xpm.any()
    assert (network.parts.qot.owner == network.parts.qot.owner[0].size).all()


POLICIES = {
    "random": baseline("random"),
    "worst for all others": linear_policy("worst-reserve", gsnr_reserve=-1.0),
    "least margin, widest": linear_policy("least-margin", gsnr_margin=-1.0, slots=1.0),
    **{
        name: baseline(name)
        for name in ("band_by_band", "max_margin", "most_reserve", "fewest_channels", "qot_mscl", "ff_ksp")
    },
}


@pytest.mark.parametrize("name", POLICIES)
def test_no_decision_breaks_a_constraint(name: str) -> None:
    plant, policy = plant_of(starts=2), POLICIES[name]
    walk, naive = Walk(plant, seed=11), NaiveLitNetwork(plant)
    features, mask, context = walk.buffers
    disturbed = blocked = tight = 0
    for step in range(160):
        scores = policy.scores(features, mask, context)
        assert (scores[~mask] == MASKED_SCORE).all()
        actions = choose(scores)
        row, t = walk.run.requests, int(walk.run.position[0])
        bound_ms, listed = float(row.max_latency_ms[0, t]), int(walk.run.candidates.listed[0])
        chosen = int(walk.run.candidates.path[0, actions[0]])
        new = walk.step(actions)
        blocked += not new
        assert bool(new) == (listed > 0)
        if new:
            assert plant.arrays.path_latency_ms[chosen] <= bound_ms
            naive.standing = walk.standing()
            taken = naive.taken()
            assert len(set(taken)) == len(taken)
            for item in naive.standing:
                assert item.first_slot % 4 == item.num_slots % 4 == 0
                band = next(b for b in plant.bands if b.first_slot <= item.first_slot < b.end_slot)
                assert item.first_slot + item.num_slots <= band.end_slot
            margins_db = np.concatenate(naive.margins_db(naive.standing))
            assert margins_db.min() >= -1e-4
            tight += margins_db.min() < 0.3
            if step % 10 == 0:
                exact_db = np.concatenate(naive.margins_db(naive.standing, "as-lit"))
                assert exact_db.min() >= -0.05
            disturbed += len(naive.standing) > 1
        walk.observe()
    assert disturbed > 40
    assert 0 < blocked < 120
    assert tight > 10


@pytest.mark.nojit
@pytest.mark.parametrize(("shared", "starts"), [(False, 1), (True, 3)])
def test_the_list_and_its_features_are_those_of_the_naive_lister(shared: bool, starts: int) -> None:
    plant = plant_of(shared, starts)
    walk, rng, naive = Walk(plant, seed=5), np.random.default_rng(2), NaiveLitNetwork(plant)
    refused = several = 0
    for step in range(150):
        if step > 50 and step % 4 == 0:
            row, t = walk.run.requests, int(walk.run.position[0])
            pair, rate_gbps = int(row.pair[0, t]), float(row.bit_rate_gbps[0, t])
            bound_ms = float(row.max_latency_ms[0, t])
            naive.standing = walk.standing()
            naive.depart(float(row.arrival_s[0, t]))
            expected = naive.listed(pair, rate_gbps, bound_ms)
            found = walk.run.candidates
            count = int(found.listed[0])
            got = [
                NaiveLightpath(
                    int(found.path[0, c]),
                    int(found.first_slot[0, c]),
                    int(found.num_slots[0, c]),
                    plant.formats[found.format[0, c]].name,
                )
                for c in range(count)
            ]
            assert got == expected
            several += len({item.format_name for item in got}) > 1
            refused += count < 3 * 2 * 2
            assert not walk.buffers[0][0, count:].any()
            for c in range(0, count, 3):
                definition = naive.features(pair, rate_gbps, bound_ms, got[c])
                shown = dict(zip(FEATURE_NAMES, walk.buffers[0][0, c].tolist(), strict=True))
                for key, value in definition.items():
                    assert shown.pop(key) == pytest.approx(value, rel=1e-4, abs=2e-4), key
                assert not any(shown.values()), shown
        walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1)))
        walk.observe()
    assert refused > 5
    assert several > 5


def test_band_by_band_takes_the_first_candidate() -> None:
    plant = plant_of(starts=3)
    walk, policy = Walk(plant, num_networks=4, seed=9), baseline("band_by_band")
    carried = 0
    for _ in range(300):
        actions = choose(policy.scores(*walk.buffers))
        assert not actions[walk.run.candidates.listed > 0].any()
        carried += len(walk.step(actions))
        walk.observe()
    assert 300 < carried < 1200


@pytest.mark.parametrize("shared", [False, True])
def test_noise_stays_right_when_fibres_are_cut_and_repaired(shared: bool) -> None:
    plant = plant_of(shared)
    walk, rng, naive = Walk(plant, seed=7), np.random.default_rng(3), NaiveLitNetwork(plant)
    cut, repaired, lost = {80: 2, 120: 3, 160: 4}, {140: 3, 200: 2}, 0
    for step in range(240):
        if step in cut:
            lost += fail_fibre(plant, walk.run.states, 0, cut[step])
        if step in repaired:
            repair_fibre(plant, walk.run.states, 0, repaired[step])
        walk.observe()
        walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1)))
        if step % 10 == 0:
            here = walk.standing()
            full = np.concatenate(naive.noise(here))
            kept = kept_noise(plant, walk.run.states, 0, lit_carriers(plant, walk.run.states, 0))
            np.testing.assert_allclose(10 * np.log10(kept / full), 0.0, atol=0.001)
            assert_same_carriers(rebuilt(plant, here), walk.run.states, 0)
    assert lost > 5


def test_online_shows_what_training_shows_bit_for_bit() -> None:
    """The network of the online side, told only which lightpaths come and go, in step with the lockstep."""
    plant = plant_of(shared=True, starts=2)
    walk, rng, network = Walk(plant, seed=4), np.random.default_rng(6), Network(plant)
    up: set[NaiveLightpath] = set()
    compared = 0
    for _ in range(400):
        row, t = walk.run.requests, int(walk.run.position[0])
        here = {item for item in walk.standing() if item.departure_s > row.arrival_s[0, t]}
        for gone in sorted(up - here, key=lambda item: item.departure_s):
            network.release(plant.path_table.nodes(gone.path), gone.first_slot, gone.num_slots)
        for item in sorted(here - up, key=lambda item: item.departure_s):
            nodes = plant.path_table.nodes(item.path)
            network.provision(nodes, item.first_slot, item.num_slots, item.format_name)
        up = here
        source, destination = divmod(int(row.pair[0, t]), plant.num_nodes)
        rate_gbps, bound_ms = float(row.bit_rate_gbps[0, t]), float(row.max_latency_ms[0, t])
        observation, candidates = observe(plant, network, Request(source, destination, rate_gbps, bound_ms))
        features, mask, context = walk.buffers
        assert observation.features.tobytes() == features[0].tobytes()
        assert observation.context.tobytes() == context[0].tobytes()
        np.testing.assert_array_equal(observation.action_mask, mask[0])
        for c, candidate in enumerate(candidates):
            kept_db = plant.spec.margin_db
            assert candidate.margin_db == pytest.approx(
                10 * features[0, c, COLUMN.gsnr_margin] + kept_db, abs=1e-4
            )
            assert candidate.band in BANDS
        compared += len(candidates)
        walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1)))
        walk.observe()
    assert compared > 1000


def test_candidates_tell_the_gsnr_that_the_lightpath_then_has() -> None:
    plant = plant_of(transceiver_snr_db=25.0, roadm_loss_db=18.0)
    network = Network(plant)
    for source in range(4):
        _, candidates = observe(plant, network, Request(source, source + 1, 400.0))
        chosen = candidates[-1]
        network.provision(chosen.nodes, chosen.first_slot, chosen.num_slots, chosen.modulation_format)
        told = network.gsnr_db(chosen.nodes, chosen.first_slot, chosen.num_slots)
        assert told == pytest.approx(chosen.gsnr_db, abs=1e-6)
        threshold_db = next(f.threshold_db for f in load_formats() if f.name == chosen.modulation_format)
        assert chosen.margin_db == pytest.approx(told - threshold_db, abs=1e-6)


def test_what_cannot_be_built_or_lit_is_refused() -> None:
    topology = load_topology("five-node")
    with pytest.raises((GsnrError, PlantError), match="X"):
        build_plant(topology, PlantSpec(bands=("C", "X"), channels_per_band=8))
    with pytest.raises(GsnrError, match="2 launch powers for 3 bands"):
        build_plant(topology, PlantSpec(bands=BANDS, channels_per_band=8, launch_dbm=(0.0, 1.0)))
    with pytest.raises(PlantError, match="margin_db is -1"):
        build_plant(topology, PlantSpec(bands=BANDS, channels_per_band=8, margin_db=-1.0))
    plant = plant_of()
    network = Network(plant)
    nodes = plant.path_table.nodes(0)
    for wrong in ("", "PM-1024QAM"):
        with pytest.raises(SpectrumError, match="unknown modulation format"):
            network.provision(nodes, 0, 4, wrong)
    for first_slot, num_slots in ((1, 4), (0, 3), (4 * CHANNELS - 4, 8)):
        with pytest.raises(SpectrumError, match="whole channels"):
            network.provision(nodes, first_slot, num_slots, "PM-QPSK")
    assert network.is_free(nodes, 0, plant.spec.num_slots)
    network.provision(nodes, 0, 4, "PM-QPSK")
    with pytest.raises(SpectrumError, match="not free"):
        network.provision(nodes, 0, 4, "PM-QPSK")
    for name in ("mscl_ksp", "defragmentation"):
        with pytest.raises(PolicyError, match="slots alone"):
            simulate(plant, TRAFFIC, name, 100, seed=1)


def test_full_noise_leaves_out_only_what_it_says() -> None:
    """ROADM loss adds the same noise per link to every channel; the closed form from scratch has none."""
    plain, noisy = plant_of(), plant_of(roadm_loss_db=18.0)
    with_loss, without = noisy.arrays.parts.qot, plain.arrays.parts.qot
    extra = (with_loss.own / with_loss.scale - without.own / without.scale)[0]
    assert (extra > 0).all()
    np.testing.assert_allclose(extra, extra[:1].repeat(len(extra), axis=0), rtol=1e-5)
