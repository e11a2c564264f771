"""From a configuration to the objects of the twin. Not here: what may be set, where values come from."""

from __future__ import annotations

import math
from typing import Any

from configs.schema import Config
from envs.fields import taken_from
from envs.plant import Plant, build_plant
from envs.plant_choices import PlantChoices
from envs.settings import future_rates
from envs.spec import PlantSpec
from envs.traffic import DiurnalTraffic, LatencyClass, PoissonTraffic
from topologies.catalogue import load_topology
from topologies.model import Topology


def plant_of(config: Config) -> Plant:
    """The plant that a configuration describes.

    Raises:
        TopologyError, PlantError: see ``load_topology`` and ``build_plant``.
    """
    topology, spec = parts_of(config)
    return build_plant(topology, spec)


def parts_of(config: Config) -> tuple[Topology, PlantSpec]:
    """What a plant is built of, checked; without the path table, which takes a minute on a large network.

    Raises:
        TopologyError, PlantError, TrafficError: see ``load_topology``, ``PlantSpec`` and ``PoissonTraffic``.
    """
    rates_gbps, shares = future_rates(traffic_of(config))
    chosen = taken_from(config.plant, PlantChoices)
    spec = PlantSpec(**chosen, future_rates_gbps=rates_gbps, future_shares=shares)
    return load_topology(config.plant.topology), spec


def traffic_of(config: Config) -> PoissonTraffic:
    """The traffic that a configuration describes.

    Raises:
        TrafficError: see ``PoissonTraffic``.
    """
    section = config.traffic
    classes = tuple(
        LatencyClass(
            item.name,
            item.share,
            item.max_latency_ms or math.inf,
            item.min_stretch,
            item.mean_holding_time_s,
        )
        for item in section.classes
    )
    described: dict[str, Any] = {
        "load_erlang": section.load_erlang,
        "mean_holding_s": section.mean_holding_time_s,
        "truncate_holding": section.truncate_holding,
        "bit_rates_gbps": section.bit_rates_gbps,
        "classes": classes,
        "told_share": section.told_share,
    }
    if section.generator == "diurnal":
        return DiurnalTraffic(**described, swing=section.diurnal_swing)
    return PoissonTraffic(**described)
