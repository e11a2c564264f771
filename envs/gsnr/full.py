"""The noise of a network's lit carriers from scratch: the slow way, for tests, benchmarks and docs.

With ``tilt="as-lit"`` each link is a line of its own whose Raman tilt comes from exactly what is lit there;
with an assumption of ``link_tables.py`` it is what the tables add up to, computed from the closed form again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from envs.gsnr.bands import Comb
from envs.gsnr.isrs_gn import evaluate_line, power_evolution
from envs.gsnr.line import FibreType, Line, LineParameters
from envs.gsnr.link_tables import (
    Assumption,
    Cut,
    SpanLoads,
    cut_noise,
    cuts_of,
    loads_of,
    real_span_noise,
)
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
    loads: Mapping[FibreType, SpanLoads] | None = None,
    real_spans: bool = False,
) -> np.ndarray:
    """(len(lit),) 1 / GSNR of carriers given as (path, channel), ROADMs and transceivers left out.

    Args:
        topology: the network.
        parameters: fibre and span length.
        comb: every channel there is.
        paths: what the paths of ``lit`` index.
        lit: what is lit, each (link, channel) at most once.
        tilt: where the power along a span comes from.
        loads: of that assumption by fibre type (``loads_of``); solved here if None.
        real_spans: NLI of the spans' real length, as the tables may have it.
    """
    on_link = np.zeros((topology.num_links, comb.num_channels), bool)
    for path, channel in lit:
        on_link[list(paths.links(path)), channel] = True
    cuts = [cuts_of(fibre, parameters) for fibre in topology.fibres]
    if loads is None and tilt != "as-lit":
        loads = loads_of([cut for each in cuts for cut in each], comb, tilt)
    noise = np.zeros(on_link.shape)
    for link in np.flatnonzero(on_link.any(axis=1)):
        here = on_link[link]
        for cut in cuts[link // 2]:
            if loads is None:
                noise[link, here] += cut.count * _as_lit(cut, comb.only(here), real_spans)
            else:
                own, cross = cut_noise(cut, comb, loads[cut.fibre], real_spans, here)
                noise[link, here] += cut.count * (own + cross.sum(axis=1))
    return np.array([noise[list(paths.links(path)), channel].sum() for path, channel in lit])


def _as_lit(cut: Cut, comb: Comb, real_spans: bool) -> np.ndarray:
    """(num_channels,) noise over signal of one span with all channels of the comb lit."""
    if not real_spans:
        return 1.0 / evaluate_line(Line(cut.fibre, 1, cut.span_km), comb).gsnr
    power = power_evolution(cut.fibre, 1e12 * comb.frequency_thz, comb.launch_w, 1e3 * cut.span_km)
    own, cross = real_span_noise(cut, comb, power, 1.0 / power[:, -1])
    return own + cross.sum(axis=1)


def lit_carriers(plant: Plant, states: NetworkStates, network: int) -> list[tuple[int, int]]:
    """(path, channel) of every carrier that is lit, in a plant whose carriers take a channel each."""
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
