"""Regret: how much of the last window's blocking could have been had by another policy at once.

Champion, every configured baseline, the generalist, the previous champion and whoever else is entered live
through the same window (``envs/replay_window.py``), paired with the champion request by request. The best of
many on one window flatters itself, so the window is split: who is best is chosen on its first half, how much
better it is, is claimed on the second. The claim's interval needs no correction for the number of entrants,
and one that is no better than the champion wins in one window of forty at most.

Every entrant begins with the lightpaths of whoever was in service, which takes some holding times to forget:
in a short window regret is told too small. Not here: whether a training follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.artefact import load_forecast, load_policy
from envs.batch_means import blocking_interval, difference_interval
from envs.evaluation import Interval
from envs.forecast import DemandForecast
from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.replay_window import Outcomes, replay_window
from envs.simulation import KernelPolicy, policy_named
from envs.window import Window, WindowError, read_window
from tasks.decorate import as_task

LEAST_REQUESTS = 80  # so that each half has a request or two in each of its batches
CHAMPION_NAME, PREVIOUS_NAME, GENERALIST_NAME = "champion", "previous champion", "generalist"


@dataclass(frozen=True)
class Entrant:
    """Who lives through the window.

    Attributes:
        name: what the report calls it.
        policy: what decides.
        plant: the network as it sees it, where that differs. None: as everybody's, with its ``forecast``.
        forecast: that it decides with; None: none.
    """

    name: str
    policy: ScoringPolicy | KernelPolicy
    plant: Plant | None = None
    forecast: DemandForecast | None = None


@dataclass(frozen=True)
class Replayed:
    """One policy on the whole window.

    Attributes:
        name: of the entrant.
        request_blocking: blocked over offered requests.
        bit_rate_blocking: blocked over offered Gb/s.
        minus_champion: request blocking less the champion's on the same requests; negative: better. Not
            corrected for the number of entrants.
        lightpaths_lost: to cuts.
    """

    name: str
    request_blocking: Interval
    bit_rate_blocking: float
    minus_champion: Interval
    lightpaths_lost: int


@dataclass(frozen=True)
class Regret:
    """The champion against the best that could be had at once.

    Attributes:
        window: id.
        requests: of the window.
        against: the best entrant of the first half.
        mean: the champion's request blocking less its, on the second half; positive: the champion is worse.
        ci95: (low, high) of it.
        champion_blocking: of the champion on the second half, to read ``mean`` by.
        table: everybody on the whole window, the champion first.
    """

    window: str
    requests: int
    against: str
    mean: float
    ci95: tuple[float, float]
    champion_blocking: float
    table: tuple[Replayed, ...]

    @property
    def is_shown(self) -> bool:
        """Whether the champion is worse by more than chance."""
        return self.ci95[0] > 0

    def row(self) -> dict[str, Any]:
        """For JSON."""
        replayed = {
            item.name: [item.request_blocking.mean, item.request_blocking.low, item.request_blocking.high]
            for item in self.table
        }
        return {
            "against": self.against,
            "mean": self.mean,
            "ci95": list(self.ci95),
            "replayed": replayed,
        }


def measure_regret(
    plant: Plant,
    window: Window,
    champion: Entrant,
    others: Sequence[Entrant],
    on_step: Callable[[str], None] = lambda text: None,
) -> Regret:
    """Champion and others through a window.

    Args:
        plant: the network that the window was lived through on.
        window: what happened.
        champion: the policy in service.
        others: whoever might have done better; their names are distinct.
        on_step: told whose turn it is.

    Raises:
        WindowError: fewer than ``LEAST_REQUESTS`` requests, or see ``replay_window``.
        ValueError: nobody to compare with.
    """
    if not others:
        raise ValueError("regret needs at least one policy beside the champion")
    if window.trace.num_requests < LEAST_REQUESTS:
        raise WindowError(
            f"window {window.id} has {window.trace.num_requests} requests; {LEAST_REQUESTS} or more are "
            "needed to choose on one half and to claim on the other"
        )
    outcomes = {}
    for entrant in (champion, *others):
        on_step(f"{entrant.name} on window {window.id}")
        seen = entrant.plant or plant.with_forecast(entrant.forecast)
        outcomes[entrant.name] = replay_window(seen, window, entrant.policy)
    return regret_of(window.id, champion.name, outcomes)


def regret_of(window_id: str, champion: str, outcomes: Mapping[str, Outcomes]) -> Regret:
    """Regret from what became of the requests; chosen on the first half, claimed on the second.

    Args:
        window_id: for the report.
        champion: its name in ``outcomes``.
        outcomes: by entrant; of equally good ones the first is chosen.
    """
    mine = outcomes[champion].blocked
    others = [name for name in outcomes if name != champion]
    against, claimed = chosen_and_claimed(champion, outcomes)
    return Regret(
        window=window_id,
        requests=len(mine),
        against=against,
        mean=claimed.mean,
        ci95=(claimed.low, claimed.high),
        champion_blocking=float(mine[len(mine) // 2 :].mean()),
        table=tuple(_replayed(name, outcomes[name], mine) for name in (champion, *others)),
    )


def chosen_and_claimed(champion: str, outcomes: Mapping[str, Outcomes]) -> tuple[str, Interval]:
    """The best of the others on the first half, and the champion's blocking less its, on the second."""
    half = len(outcomes[champion].blocked) // 2
    others = [name for name in outcomes if name != champion]
    against = min(others, key=lambda name: int(np.sum(outcomes[name].blocked[:half])))
    mine, its = (outcomes[name].blocked[half:] for name in (champion, against))
    return against, difference_interval(mine, its)


def _replayed(name: str, found: Outcomes, champion: np.ndarray) -> Replayed:
    return Replayed(
        name=name,
        request_blocking=blocking_interval(found.blocked),
        bit_rate_blocking=found.bit_rate_blocking,
        minus_champion=difference_interval(found.blocked, champion),
        lightpaths_lost=found.lightpaths_lost,
    )


def entrants(
    baselines: Sequence[str], generalist_folder: Path | None = None, previous_folder: Path | None = None
) -> tuple[Entrant, ...]:
    """Whoever could have been in service instead, from where they are kept.

    Args:
        baselines: names, of all that ``lightloop simulate`` runs.
        generalist_folder: policy artefact; None to leave it out.
        previous_folder: that of the champion before this one; None where there was none.

    Raises:
        PolicyError: no policy of that name.
        ArtefactError: see ``load_policy``.
    """
    found = [Entrant(name, policy_named(name)) for name in baselines]
    folders = ((GENERALIST_NAME, generalist_folder), (PREVIOUS_NAME, previous_folder))
    found += [entrant_in(folder, name) for name, folder in folders if folder is not None]
    return tuple(found)


def entrant_in(folder: Path, name: str) -> Entrant:
    """The policy stored in a folder, with the forecast that it decides with.

    Raises:
        ArtefactError: see ``load_policy`` and ``load_forecast``.
    """
    return Entrant(name, load_policy(folder), forecast=load_forecast(folder))


def stored_regret(
    plant: Plant,
    window_folder: Path,
    champion_folder: Path,
    others: Sequence[Entrant],
    on_step: Callable[[str], None] = lambda text: None,
) -> Regret:
    """``measure_regret`` of a stored window and a stored champion.

    Raises:
        WindowError: see ``read_window`` and ``measure_regret``.
        ArtefactError: see ``load_policy``.
    """
    champion = entrant_in(champion_folder, CHAMPION_NAME)
    return measure_regret(plant, read_window(window_folder), champion, others, on_step)


measure_regret_task = as_task(stored_regret, "regret")
