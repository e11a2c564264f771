"""Networks in lockstep for tests where quality of transmission decides: five nodes, few and loud channels."""

from __future__ import annotations

from functools import cache

import numpy as np

from envs.lockstep import lockstep_on_traffic
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.state import active_lightpaths
from envs.traffic import LatencyClass, PoissonTraffic
from tests.naive_qot import NaiveLightpath
from topologies.catalogue import load_topology

BANDS = ("L", "C", "S")
CHANNELS = 8
TRAFFIC = PoissonTraffic(
    30.0,
    truncate_holding=False,
    bit_rates_gbps=(100.0, 200.0, 300.0, 400.0),
    classes=(LatencyClass("bounded", 1.0, 2.5, 1.1), LatencyClass("free", 1.0)),
)


@cache
def plant_of(shared: bool = False, starts: int = 1, **more: object) -> Plant:
    settings = {
        "channels_per_band": CHANNELS,
        "k_paths": 2,
        "formats_per_path": 2,
        "margin_db": 0.5,
        "launch_dbm": (8.0, 8.0, 8.0),
    } | more
    settings.setdefault("max_candidates", 3 * 2 * 2 * starts)
    spec = PlantSpec(
        bands=BANDS,
        starts_per_path=starts,
        shared_spectrum=shared,
        **settings,  # type: ignore[arg-type]
    )
    return build_plant(load_topology("five-node"), spec)


def standing(plant: Plant, states, network: int, formats: dict) -> list[NaiveLightpath]:
    """What stands, formats by (first unit, first slot)."""
    rows = active_lightpaths(states, network)
    return [
        NaiveLightpath(
            int(row["path"]),
            int(row["first_slot"]),
            int(row["num_slots"]),
            formats[int(plant.arrays.path_units[row["path"], 0]), int(row["first_slot"])],
            float(row["departure_s"]),
        )
        for row in rows
    ]


class Walk:
    """Networks in lockstep that draw actions; what stands is told by format too."""

    def __init__(self, plant: Plant, num_networks: int = 1, seed: int = 1, traffic=TRAFFIC) -> None:
        self.plant, self.run = plant, lockstep_on_traffic(plant, traffic, num_networks)
        self.run.reset(seed)
        self.buffers = self.run.observation_buffers()
        self.rewards = np.zeros(num_networks, np.float32)
        self.formats: list[dict] = [{} for _ in range(num_networks)]
        self.run.observe_into(*self.buffers)

    def step(self, actions: np.ndarray) -> list[int]:
        """Carry the actions out; the networks in which something was set up."""
        found, new = self.run.candidates, []
        for n, action in enumerate(actions):
            if 0 <= action < found.listed[n]:
                unit = int(self.plant.arrays.path_units[found.path[n, action], 0])
                key = unit, int(found.first_slot[n, action])
                self.formats[n][key] = self.plant.formats[found.format[n, action]].name
                new.append(n)
        self.run.step_into(actions, *self.buffers, self.rewards, more=False)
        return new

    def observe(self) -> None:
        self.run.observe_into(*self.buffers)

    def standing(self, n: int = 0) -> list[NaiveLightpath]:
        return standing(self.plant, self.run.states, n, self.formats[n])
