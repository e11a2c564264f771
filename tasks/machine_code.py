"""The machine code of the twin that a drift check and a training need, made before somebody waits for it.

A kernel is compiled once for each class of policy and kept on disk (``envs/compiled.py``); the one that looks
ahead takes most of a minute. Not here: when it is done, and at whose cost (``deployments/ahead.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from envs.lockstep import lockstep_on_traffic
from envs.plant import Plant
from envs.replay_window import replay_window
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Live, Window
from tasks.regret import Entrant

NUM_REQUESTS = 2


def compile_ahead(plant: Plant, traffic: PoissonTraffic, entrants: Sequence[Entrant]) -> None:
    """Have machine code on disk to live through a window under each policy, and to draw traffic without end.

    Args:
        plant: the network.
        traffic: of the scenario.
        entrants: those that windows will be lived through under.

    Raises:
        PolicyError: a policy that cannot run on this plant.
    """
    window = _any_window(plant, traffic)
    for entrant in entrants:
        replay_window(plant.with_forecast(entrant.forecast), window, entrant.policy)
    lockstep_on_traffic(plant, traffic, num_networks=1).reset(seed=0)


def _any_window(plant: Plant, traffic: PoissonTraffic) -> Window:
    """A window that nobody has lived through, as short as they come."""
    trace = make_trace(traffic, plant, NUM_REQUESTS, seed=0)
    unasked = Live("", "", None, "none", "", is_drawn=False, is_comparable=False)
    return Window(
        trace=trace,
        live=(unasked,) * NUM_REQUESTS,
        standing=(),
        failed_links=(),
        happenings=(),
        at_end={},
        began_s=0.0,
        duration_s=float(trace.arrival_s[-1]),
        versions=(0, 0),
    )
