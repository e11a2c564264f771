"""What the PCE shows a model is, bit for bit, what the training environment showed it."""

import asyncio
import heapq
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from controlplane.pce.databases import Databases
from controlplane.pce.inference import request_body
from envs.candidates import observe
from envs.features import COLUMN, NUM_CONTEXT, NUM_FEATURES
from envs.forecast import forecast_from
from envs.latency_rsa import DEFAULT_CLASSES, LatencyRSAVectorEnv
from envs.lived_times import holding_of_trace, rests_of
from envs.plant import Plant, build_plant
from envs.request import Request
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace
from tests.controlplane.pce.feeds import ToldChanges
from topologies.catalogue import load_topology

NARROW = PlantSpec(num_slots=80)
LOUD = PlantSpec(
    bands=("L", "C", "S"),
    channels_per_band=8,
    launch_dbm=(6.0, 6.0, 6.0),
    k_paths=3,
    max_candidates=36,
    starts_per_path=2,
    formats_per_path=2,
)


TWO_LIVES = tuple(
    replace(item, mean_holding_s=mean_s)
    for item, mean_s in zip(DEFAULT_CLASSES, (5.0, 60.0, None), strict=True)
)


def under_a_forecast(plant: Plant, traffic: PoissonTraffic) -> Plant:
    """The plant with what some requests say of the demand and, where it looks at that, of lives."""
    log = make_trace(traffic, plant, 2000, 3)
    rests = rests_of(holding_of_trace(log)) if plant.spec.departures_known else ()
    return plant.with_forecast(forecast_from(log, plant, rests=rests)) if rests else plant


@pytest.mark.parametrize(
    ("spec", "load_erlang", "rates_gbps"),
    [
        (NARROW, 320.0, tuple(map(float, range(25, 101)))),
        (replace(NARROW, departures_known=True), 320.0, tuple(map(float, range(25, 101)))),
        (replace(NARROW, shared_spectrum=True), 320.0, tuple(map(float, range(25, 101)))),
        (LOUD, 100.0, (100.0, 200.0, 300.0, 400.0)),
        (replace(LOUD, shared_spectrum=True), 60.0, (100.0, 200.0, 300.0, 400.0)),
    ],
    ids=["C band", "C band, departures known", "C band, shared", "three bands", "three bands, shared"],
)
def test_the_databases_show_a_model_the_bits_that_training_showed_it(spec, load_erlang, rates_gbps):
    plant = build_plant(load_topology("nsfnet"), spec)
    classes, told = (TWO_LIVES, 0.5) if spec.departures_known else (DEFAULT_CLASSES, 0.0)
    traffic = PoissonTraffic(load_erlang, bit_rates_gbps=rates_gbps, classes=classes, told_share=told)
    online, plant = plant, under_a_forecast(plant, traffic)
    steps, seed = 1500, 11
    trace = make_trace(traffic, plant, steps, seed)
    env = LatencyRSAVectorEnv(plant, traffic, num_envs=1, seed=seed)
    size = plant.spec.max_candidates
    features = np.zeros((1, size, NUM_FEATURES), np.float32)
    mask, context = np.zeros((1, size), np.bool_), np.zeros((1, NUM_CONTEXT), np.float32)
    rewards = np.zeros(1, np.float32)
    env.reset_into(features, mask, context)

    changes: list[dict] = []
    feed = ToldChanges(changes)

    async def run() -> None:
        databases = Databases(online, feed)
        rng = np.random.default_rng(5)
        active: list[tuple[float, int, dict]] = []
        blocked, alike = 0, 0.0
        for step in range(steps):
            now_s = float(trace.arrival_s[step])
            while active and active[0][0] <= now_s:
                _, _, gone = heapq.heappop(active)
                last = {"kind": "lightpath-removed", "cause": "delete", "time_s": now_s}
                changes.append(gone | last | {"version": len(changes) + 1})
            await databases.bring_to(len(changes))
            request = Request(
                int(trace.source[step]),
                int(trace.destination[step]),
                float(trace.bit_rate_gbps[step]),
                float(trace.max_latency_ms[step]),
                arrival_s=now_s,
                told_end_s=math.inf if trace.told_s is None else now_s + float(trace.told_s[step]),
                service_class=trace.class_names[trace.service_class[step]],
            )
            observation, candidates = observe(plant, databases.network, request)
            assert np.array_equal(observation.action_mask, mask[0])
            assert observation.features.tobytes() == features[0].tobytes()
            assert observation.context.tobytes() == context[0].tobytes()
            alike += float(observation.features[:, COLUMN.neighbours_alike].sum())
            sent = json.loads(request_body(observation))["inputs"]
            assert np.array(sent["features"], np.float32).tobytes() == features[0].tobytes()
            action = -1
            if candidates:
                action = int(rng.integers(len(candidates)))
                chosen = candidates[action]
                added = {
                    "version": len(changes) + 1,
                    "kind": "lightpath-added",
                    "service_uuid": str(step),
                    "nodes": [plant.topology.node_names[node] for node in chosen.nodes],
                    "first_slot": chosen.first_slot,
                    "num_slots": chosen.num_slots,
                    "modulation_format": chosen.modulation_format,
                    "service_class": request.service_class,
                    "cause": "create",
                    "time_s": now_s,
                }
                if math.isfinite(request.told_end_s):
                    added["ends_s"] = request.told_end_s
                changes.append(added)
                heapq.heappush(active, (now_s + float(trace.holding_s[step]), step, added))
            else:
                blocked += 1
            env.step_into(np.array([action]), features, mask, context, rewards)
            assert (rewards[0] == -1.0) == (not candidates)
        # The comparison means something only where networks are busy and bounds bite.
        assert 0 < blocked < steps / 2
        assert any(math.isfinite(bound) for bound in trace.max_latency_ms)
        assert (alike > 0) == spec.departures_known

    asyncio.run(run())
