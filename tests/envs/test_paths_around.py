"""Paths that are looked for together are those that are found one by one, and a book holds so many."""

from __future__ import annotations

import networkx as nx
import pytest

from envs import around
from envs.around import Around, look_around, look_around_for
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from topologies.catalogue import load_topology
from topologies.detours import NOTHING, Avoided

CUT, BOTH = Avoided(frozenset({3})), Avoided(frozenset({3, 8}))


@pytest.fixture
def plant() -> Plant:
    return build_plant(load_topology("nsfnet"), PlantSpec(num_slots=32, k_paths=4))


def paths(plant: Plant, pair: int, avoided: Avoided) -> list[tuple[int, ...]]:
    known, row = look_around(plant, pair, avoided)
    return [known.path_table.nodes(path) for path in known.path_table.paths_of_row(row)]


def book(plant: Plant) -> Around:
    known = plant.detours.known
    assert isinstance(known, Around)
    return known


def wanted(plant: Plant) -> list[tuple[Avoided, int]]:
    ends = [(source, other) for source in range(14) for other in range(14) if source != other]
    return [(avoided, plant.pair(*pair)) for avoided in (CUT, BOTH, NOTHING) for pair in ends[::3]]


def test_found_together_they_are_as_found_one_by_one(plant: Plant) -> None:
    asked = wanted(plant)
    one_by_one = [paths(plant, pair, avoided) for avoided, pair in asked]
    together = build_plant(plant.topology, plant.spec)
    look_around_for(together, asked)
    found_together = book(together).plant
    assert [paths(together, pair, avoided) for avoided, pair in asked] == one_by_one
    assert book(together).plant is found_together  # nothing was left to be found
    for (avoided, pair), found in zip(asked, one_by_one, strict=True):
        graph = plant.topology.graph()
        graph.remove_edges_from(
            (plant.topology.fibres[fibre].node_a, plant.topology.fibres[fibre].node_b)
            for fibre in avoided.fibres
        )
        names = [[plant.topology.node_names[node] for node in way] for way in found]
        assert all(nx.is_path(graph, way) for way in names)
        least = nx.shortest_path_length(graph, *(plant.topology.node_names[n] for n in divmod(pair, 14)))
        assert min(len(way) - 1 for way in names) == least


def test_a_pair_that_is_cut_off_is_looked_for_once(plant: Plant) -> None:
    alone = Avoided(
        frozenset(f for f, fibre in enumerate(plant.topology.fibres) if "WA" in (fibre.node_a, fibre.node_b))
    )
    pair = plant.pair(plant.topology.node_names.index("WA"), 5)
    assert look_around(plant, pair, alone)[1] == pair
    before = book(plant)
    look_around(plant, pair, alone)
    assert book(plant).rows == before.rows == {(alone, pair): pair}


def test_a_full_book_begins_anew_for_those_that_it_lacks_alone(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [each for each in wanted(plant) if look_around(plant, each[1], each[0])[1] != each[1]]
    assert len(asked) > 12
    fresh = build_plant(plant.topology, plant.spec)
    monkeypatch.setattr(around, "MOST_ROWS", 10)
    look_around_for(fresh, asked[:10])
    look_around_for(fresh, [*asked[:10], (NOTHING, 7)])  # it holds these
    assert set(book(fresh).rows) == set(asked[:10])
    look_around_for(fresh, asked[9:12])
    assert set(book(fresh).rows) == set(asked[9:12])
