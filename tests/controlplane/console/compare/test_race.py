"""Two lanes on the same requests: each is the twin's own replay, and what it tells can be drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.home import Credentials
from configs.load import load_config
from controlplane.console.compare.contestants import RaceAsked, RaceError, Races
from controlplane.console.compare.page import asked_of
from controlplane.console.network import NetworkCopy
from controlplane.console.viewmodel import unit_use
from envs.evaluation import replay
from envs.heuristics import baseline

CREDENTIALS = Credentials("admin", "secret", "token")
ASKED = RaceAsked("ff_ksp", "ksp_ff", 60.0, 400, 7)


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Races:
    return Races(load_config("five-node"), tmp_path_factory.mktemp("serving") / "endpoint.json", CREDENTIALS)


def test_each_lane_blocks_what_the_twin_blocks_on_the_same_requests(races: Races) -> None:
    race = races.begin(ASKED)
    plant = races.plant
    states = [NetworkCopy(plant.topology, plant.bands, plant.spec.shared_spectrum)] * 2
    while not race.is_over:
        for side, changes in enumerate(race.advance(37)):
            if changes:
                states[side] = states[side].apply(changes[-1]["version"], changes)
    for lane, name, state in zip(race.lanes, ("ff_ksp", "ksp_ff"), states, strict=True):
        (result,) = replay(plant, [race.trace], baseline(name))
        assert lane.num_blocked == round(result.request_blocking * ASKED.requests)
        assert lane.num_blocked > 0
        # what is drawn is what the network holds
        taken = lane._network.occupied().mean(axis=1)
        assert unit_use(state) == pytest.approx(taken)
    *_, last = race.curves()
    assert last == (400, *(lane.num_blocked / 400 for lane in race.lanes))
    left, right = (np.array(lane.outcomes) for lane in race.lanes)
    assert race.differing() == (int((left > right).sum()), int((right > left).sum()))


def test_the_same_seed_gives_the_same_race(races: Races) -> None:
    first, again, other = (races.begin(each) for each in (ASKED, ASKED, replace(ASKED, seed=8)))
    assert first.trace.id == again.trace.id != other.trace.id


def test_an_address_tells_the_race(races: Races) -> None:
    query = dict(pair.split("=") for pair in ASKED.query.split("&"))
    assert asked_of(query, 1.0) == ASKED
    assert asked_of({"left": "nobody"}, 250.0) == RaceAsked(load_erlang=250.0)


def test_without_a_model_there_is_no_race_with_one(races: Races, tmp_path: Path) -> None:
    with pytest.raises(RaceError, match="no model is in service; choose a rule"):
        races.begin(RaceAsked(load_erlang=60.0))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"left": "nobody"}, "no policy 'nobody'"),
        ({"load_erlang": 0.0}, "must be above 0"),
        ({"requests": 0}, "1 to 20,000 can be played"),
        ({"seed": -1}, "must not be below 0"),
    ],
)
def test_a_race_that_cannot_be_held_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(RaceError, match=words):
        RaceAsked(**values)
