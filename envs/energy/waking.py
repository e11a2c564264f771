"""Amplifiers that take time to wake, and that stay awake for a while: who waits, and what it draws.

A pair of fibres is dark where no lightpath crosses it. It sleeps once it has been dark for ``sleep_after_s``.
A set-up over sleeping amplifiers wakes all of them at once and holds its slots from then on; its service
begins ``wake_time_s`` later, and one that comes while they wake waits for the rest of that time. Awake or
waking, lit or not, amplifiers draw full power.

All of this follows from who was set up where, and until when. No decision hangs on it, so it is counted
afterwards and not while requests are served. Powers while lit: ``meter.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from envs.energy.figures import PowerResult
from envs.errors import PolicyError

if TYPE_CHECKING:
    from envs.plant import Plant


@dataclass(frozen=True)
class SetUpLog:
    """Requests of one network in the order of their arrival, and the paths that they took."""

    arrival_s: np.ndarray  # (T,) float64
    end_s: np.ndarray  # (T,) float64, when a lightpath departs
    path: np.ndarray  # (T,) int, row of the path table; negative: blocked


@dataclass(frozen=True)
class Waking:
    """What waking amplifiers cost from the first counted request to the last."""

    waiting_share: float  # of the lightpaths set up, over amplifiers that slept or were still waking
    mean_wait_s: float  # of those that waited
    held_w: float  # mean watts of amplifiers that are dark and still awake


def joined(logs: Sequence[SetUpLog]) -> SetUpLog:
    """Parts of one network's log, one after the other."""
    return SetUpLog(
        *(np.concatenate([getattr(log, name) for log in logs]) for name in ("arrival_s", "end_s", "path"))
    )


def is_counted(plant: Plant) -> bool:
    """True where the power model lets amplifiers take time to wake, or stay awake."""
    amplifier = plant.power.amplifier if plant.power else None
    return amplifier is not None and (amplifier.wake_time_s > 0 or amplifier.sleep_after_s > 0)


def refuse_uncounted(plant: Plant, moved: bool) -> None:
    """Return where waking can be counted, or need not be.

    Args:
        plant: the network.
        moved: lightpaths are moved, or lost to cut fibres.

    Raises:
        PolicyError: lightpaths do not stay as they were set up; or several bands, whose amplifiers sleep by
            themselves.
    """
    if is_counted(plant) and (moved or len(plant.bands) > 1):
        raise PolicyError(
            "amplifier.wake_time_s and sleep_after_s are counted in one band and where lightpaths stay as "
            "they were set up: leave out further bands, cut fibres and defragmentation, or set both to 0"
        )


def with_waking(power: PowerResult, plant: Plant, log: SetUpLog, warmup: int) -> PowerResult:
    """The power of a network with what waking adds: watts, and who waited."""
    found = waking(plant, log, warmup)
    return replace(
        power,
        amplifiers_w=power.amplifiers_w + found.held_w,
        held_w=found.held_w,
        waiting_share=found.waiting_share,
        mean_wait_s=found.mean_wait_s,
    )


def waking(plant: Plant, log: SetUpLog, warmup: int) -> Waking:
    """Who waited, and what amplifiers that are dark and awake draw.

    Args:
        plant: with a power model, and one band.
        log: of a network that was empty, and whose amplifiers all slept, before the first request.
        warmup: requests at the start that are not counted.
    """
    assert plant.power is not None
    amplifier, power = plant.power.amplifier, plant.arrays.parts.energy
    from_s, to_s = log.arrival_s[warmup], log.arrival_s[-1]
    waits_s, met_sleep = np.zeros(len(log.path)), np.zeros(len(log.path), np.bool_)
    held_ws = 0.0
    for switch, crossing in enumerate(_crossings(plant, log.path)):
        if not len(crossing):
            continue
        came_s = log.arrival_s[crossing]
        lit_until_s = np.maximum.accumulate(log.end_s[crossing])
        dark_from_s = np.concatenate([[-np.inf], lit_until_s[:-1]])  # as each one comes
        sleeps = came_s >= dark_from_s + amplifier.sleep_after_s
        awake_s = np.maximum.accumulate(np.where(sleeps, came_s + amplifier.wake_time_s, -np.inf))
        waits_s[crossing] = np.maximum(waits_s[crossing], awake_s - came_s)
        met_sleep[crossing] |= sleeps
        next_s = np.append(came_s[1:], np.inf)
        held_until_s = np.minimum(lit_until_s + amplifier.sleep_after_s, next_s)
        held_s = np.clip(held_until_s, from_s, to_s) - np.clip(lit_until_s, from_s, to_s)
        held_ws += power.switch_w[switch] * np.maximum(held_s, 0.0).sum()
    set_up = log.path >= 0
    set_up[:warmup] = False
    waited = set_up & ((waits_s > 0) | met_sleep)
    return Waking(
        waiting_share=float(waited.sum() / set_up.sum()) if set_up.any() else float("nan"),
        mean_wait_s=float(waits_s[waited].mean()) if waited.any() else 0.0,
        held_w=float(held_ws / (to_s - from_s)) if to_s > from_s else 0.0,
    )


def _crossings(plant: Plant, path: np.ndarray) -> list[np.ndarray]:
    """For each switch the requests whose lightpath crosses it, in order."""
    power, units = plant.arrays.parts.energy, plant.arrays.path_units
    crosses = np.zeros((len(units), len(power.switch_w)), np.bool_)
    row, hop = np.nonzero(np.arange(units.shape[1]) < plant.arrays.path_hops[:, None])
    crosses[row, power.switch_of_unit[units[row, hop]]] = True
    carried = np.flatnonzero(path >= 0)
    return [carried[crosses[path[carried], switch]] for switch in range(crosses.shape[1])]
