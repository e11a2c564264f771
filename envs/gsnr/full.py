"""The noise of a network's lit carriers from scratch: the slow way, for tests, benchmarks and docs.

With ``tilt="as-lit"`` each link is a line of its own whose Raman tilt comes from exactly what is lit there;
with an assumption of ``link_tables.py`` it is what the tables add up to, computed from the closed form again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from envs.gsnr.bands import Comb
from envs.gsnr.isrs_gn import Profiles, evaluate_line
from envs.gsnr.line import Line, LineParameters
from envs.gsnr.link_tables import Assumption, SpanLoads, span_noise, spans_of
from envs.plant import Plant
from envs.state import NetworkStates, active_lightpaths
from topologies.model import Topology
from topologies.paths import PathTable


def carrier_noise(
    topology: Topology,
    parameters: LineParameters,
    comb: Comb,
    paths: PathTable,
    lit: Sequence[tuple[int, int]],
    tilt: Assumption | Literal["as-lit"],
    loads: SpanLoads | None = None,
) -> np.ndarray:
    """(len(lit),) 1 / GSNR of carriers given as (path, channel), ROADMs and transceivers left out.

    Args:
        topology: the network.
        parameters: fibre and span length.
        comb: every channel there is.
        paths: what the paths of ``lit`` index.
        lit: what is lit, each (link, channel) at most once.
        tilt: where the power along a span comes from.
        loads: of that assumption for spans of ``parameters.span_km``; solved here if None.
    """
    on_link = np.zeros((topology.num_links, comb.num_channels), bool)
    for path, channel in lit:
        on_link[list(paths.links(path)), channel] = True
    if loads is None and tilt != "as-lit":
        loads = SpanLoads(parameters.fibre, comb, parameters.span_km, tilt)
    noise = np.zeros(on_link.shape)
    for link in np.flatnonzero(on_link.any(axis=1)):
        here = on_link[link]
        spans, span_km = spans_of(topology.fibres[link // 2].length_km, parameters.span_km)
        if loads is None:
            noise[link, here] = (
                1.0 / evaluate_line(Line(parameters.fibre, spans, span_km), comb.only(here)).gsnr
            )
        else:
            assumed = loads.profiles(span_km)
            seen = Profiles(assumed.decay_1_m, assumed.weight[:, here], assumed.loss[here])
            own, cross = span_noise(parameters.fibre, comb.only(here), seen)
            noise[link, here] = spans * (own + cross.sum(axis=1))
    return np.array([noise[list(paths.links(path)), channel].sum() for path, channel in lit])


def lit_carriers(plant: Plant, states: NetworkStates, network: int) -> list[tuple[int, int]]:
    """(path, channel) of every carrier that is lit."""
    step = plant.arrays.step
    return [
        (int(row["path"]), channel)
        for row in active_lightpaths(states, network)
        for channel in range(row["first_slot"] // step, (row["first_slot"] + row["num_slots"]) // step)
    ]


def kept_noise(plant: Plant, states: NetworkStates, network: int, lit: list[tuple[int, int]]) -> np.ndarray:
    """(len(lit),) 1 / GSNR as the network keeps it, transceivers left out."""
    paths, channels = np.array(lit, np.int64).reshape(-1, 2).T
    qot = plant.arrays.parts.qot
    carrier = plant.arrays.path_units[paths, 0].astype(np.int64) * qot.num_channels + channels
    return states.parts.qot.noise[network, carrier] / qot.scale
