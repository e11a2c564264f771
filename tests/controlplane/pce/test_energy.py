"""Where power is metered: the answer states the watts that the lightpath switches on, counted by hand."""

import numpy as np
import pytest

from controlplane.pce.decision_log import read_decisions
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from tests.controlplane.pce.asking import asking
from tests.naive_power import Lit, watts_of
from topologies.catalogue import load_topology


@pytest.fixture(scope="module", params=["default", "subcarriers"])
def metered(request) -> Plant:
    return build_plant(
        load_topology("five-node"),
        PlantSpec(num_slots=32, k_paths=3, max_candidates=12, power_model=request.param),
    )


def test_the_watts_stated_are_those_that_the_network_then_draws_more(metered, controller, serve, tmp_path):
    rng = np.random.default_rng(5)
    names = [item.name for item in metered.formats]
    lit: list[Lit] = []
    stated_w = []
    with asking(metered, controller, serve, tmp_path) as pce:
        for _ in range(30):
            source, destination = (str(name) for name in rng.choice(list("ABCDE"), 2, replace=False))
            rate_gbps = float(rng.choice([25, 50, 100]))
            path = pce.set_up(source, destination, rate_gbps)
            if path is None:
                continue
            route = tuple(metered.topology.node_index(name) for name in path.nodes)
            pair = metered.path_table.paths_of(route[0], route[-1])
            row = next(each for each in pair if metered.path_table.nodes(each) == route)
            more = Lit(row, rate_gbps, names.index(path.modulation_format), path.first_slot)
            rise_w = sum(watts_of(metered, [*lit, more])) - sum(watts_of(metered, lit))
            assert path.marginal_w == pytest.approx(rise_w, abs=0.01)
            assert (path.band, path.gsnr_db, path.margin_db) == ("C", None, None)
            lit.append(more)
            stated_w.append(path.marginal_w)
    assert len(lit) > 20
    assert max(stated_w) > 1.5 * min(stated_w)  # the first lightpaths wake amplifiers and nodes
    rows = read_decisions(tmp_path / "decisions")
    logged_w = rows[rows["outcome"] == "accepted"]["marginal_w"].tolist()
    assert logged_w == stated_w
