"""The demo's traffic goes on over its stretches, and its last table is what was replayed. Counts by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from configs.build import plant_of
from configs.load import load_config
from controlplane.client import ServiceRefused
from envs.trace import Trace
from envs.traffic import PoissonTraffic, traffic_arrays
from lightloop.commands.demo import demo_config
from lightloop.demo_replay import best_of, deciders, replay_table
from lightloop.demo_traffic import Leaving, Offering, Stream, shifted, still_standing
from lightloop.offering import Offer, play

NODES = ("A", "B", "C")
SPEED = 20.0


class Network:
    """A controller that carries everything and remembers who stands."""

    def __init__(self) -> None:
        self.standing: list[str] = []
        self.refuses: set[str] = set()

    def nodes(self) -> tuple[str, ...]:
        return NODES

    def request_service(self, *_: Any, service_uuid: str, **__: Any) -> str:
        self.standing.append(service_uuid)
        return service_uuid

    def delete_service(self, uuid: str) -> None:
        if uuid in self.refuses:
            raise ServiceRefused("the elements do not answer", 503)
        self.standing.remove(uuid)


def offer_of(started: str, *rows: tuple[float, float]) -> Offer:
    """Requests of A-B as (arrival_s, holding_s)."""
    arrival_s, holding_s = (np.array(column) for column in zip(*rows, strict=True))
    count = len(rows)
    trace = Trace(
        arrival_s=arrival_s,
        holding_s=holding_s,
        source=np.zeros(count, int),
        destination=np.ones(count, int),
        bit_rate_gbps=np.full(count, 100.0),
        max_latency_ms=np.full(count, math.inf),
        service_class=np.zeros(count, int),
        node_names=NODES,
        class_names=("best-effort",),
        topology_hash="",
        origin="by hand",
    )
    return Offer(trace, count, SPEED, started)


# Row 0 departs within the first stretch, row 1 3 s after its end, row 2 95 s after it.
FIRST = offer_of("first", (10.0, 2.0), (11.0, 10.0), (12.0, 101.0), (18.0, 50.0))
SECOND = offer_of("second", (100.0, 50.0), (108.0, 50.0))  # 8 s long


def stream_over(network: Network) -> Stream:
    return Stream(network, None, SPEED, 1, seed=1)  # type: ignore[arg-type]


def played(offer: Offer, network: Network, stream: Stream) -> Any:
    with Offering("a stretch", offer, network, stream) as offering:  # type: ignore[arg-type]
        while not offering.is_over:
            offering.wait()
        return offering.end()


def test_what_stands_at_the_end_of_a_stretch_has_the_rest_of_its_holding_time() -> None:
    network = Network()
    left = still_standing(FIRST, play(FIRST, network))
    assert left == [
        Leaving(3.0, FIRST.uuid(1)),
        Leaving(95.0, FIRST.uuid(2)),
        Leaving(50.0, FIRST.uuid(3)),
    ]


def test_services_of_one_stretch_depart_during_the_next_and_no_earlier() -> None:
    network = Network()
    stream = stream_over(network)
    first = played(FIRST, network, stream)
    assert (first.offered, first.carried, first.failed) == (4, 4, 0)
    assert network.standing == [FIRST.uuid(row) for row in (1, 2, 3)]
    played(SECOND, network, stream)
    assert sorted(network.standing) == sorted([FIRST.uuid(2), FIRST.uuid(3), SECOND.uuid(0), SECOND.uuid(1)])
    rests = {item.uuid: item.after_s for item in stream.take_over()}
    assert rests == pytest.approx(
        {FIRST.uuid(2): 87.0, FIRST.uuid(3): 42.0, SECOND.uuid(0): 42.0, SECOND.uuid(1): 50.0}
    )


def test_a_departure_that_fails_is_a_failed_request_and_says_why() -> None:
    network = Network()
    stream = stream_over(network)
    played(FIRST, network, stream)
    network.refuses = {FIRST.uuid(1)}
    second = played(SECOND, network, stream)
    assert second.failed == 1
    assert second.failed_reasons == ("the elements do not answer",)


def test_clearing_leaves_nothing_of_the_stream() -> None:
    network = Network()
    network.standing = ["another's"]
    stream = stream_over(network)
    played(FIRST, network, stream)
    assert stream.clear() == 3
    assert network.standing == ["another's"]


def test_the_shift_keeps_the_load_and_makes_two_pairs_ask_twenty_times_as_often() -> None:
    plant = plant_of(load_config("five-node"))
    own = PoissonTraffic(load_erlang=40.0, mean_holding_s=3600.0)
    traffic, hot = shifted(own, plant)
    assert len(set(hot)) == 2
    assert traffic.pair_weights is not None
    names = plant.topology.node_names
    for a in range(5):
        for b in set(range(5)) - {a}:
            is_hot = f"{names[a]}-{names[b]}" in hot or f"{names[b]}-{names[a]}" in hot
            assert traffic.pair_weights[a, b] == (20.0 if is_hot else 1.0)
    assert traffic_arrays(traffic, plant).mean_interarrival_s == 90.0
    assert replace(traffic, pair_weights=None) == own


def test_the_clock_is_set_to_the_pace_asked_for() -> None:
    config = demo_config("five-node", ["drift.min_requests=60"], 16, 100)
    assert config.drift.clock_speed == 16 * 3600 / 40
    assert config.drift.min_requests == 60
    assert (config.training.budget_s, config.training.search.budget_s) == (50, 50)


def test_the_baseline_shown_is_chosen_on_the_held_out_traces() -> None:
    rows = [
        {"policy": "agent", "role": "challenger", "request_blocking": 0.01},
        {"policy": "ksp_ff", "role": "baseline", "request_blocking": 0.03},
        {"policy": "ff_ksp", "role": "baseline", "request_blocking": 0.02},
    ]
    assert best_of({"policies": rows}, ("random",)) == "ff_ksp"
    assert best_of(None, ("random", "ksp_ff")) == "random"


def test_who_decided_is_counted_by_version() -> None:
    of = [("model", "1"), ("model", "2"), ("model", "2"), ("fallback", ""), ("none", "")]
    live = [SimpleNamespace(decided_by=who, model_version=version) for who, version in of]
    found = deciders(SimpleNamespace(live=live))  # type: ignore[arg-type]
    assert found == {"version 2": 2, "version 1": 1, "fallback": 1, "blocked": 1}


def test_the_table_has_everybody_and_the_live_counts() -> None:
    row = {"request_blocking": 0.02, "ci95": [0.01, 0.03], "blocked": 16, "requests": 800}
    better = row | {"minus_first": -0.005, "minus_first_ci95": [-0.01, 0.0]}
    document = {"requests": 800, "policies": {"before": row, "now": better}, "live": row}
    console = Console(width=120)
    with console.capture() as shown:
        console.print(replay_table(document, "version 2"))
    text = shown.get()
    assert "800 requests" in text
    assert "2.00 (16)" in text
    assert "-0.50" in text
    assert "-1.00 .. +0.00" in text
    assert "live, version 2" in text
