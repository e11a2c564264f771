"""Launch powers of a line, one per band, that make the most of it.

Every candidate is a full evaluation of the line (``isrs_gn.evaluate_line``), so power that Raman scattering
moves between bands counts. Not here: powers per channel, and networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from envs.gsnr.bands import Comb
from envs.gsnr.errors import GsnrError
from envs.gsnr.isrs_gn import MAX_RAMAN_W, evaluate_line
from envs.gsnr.line import Line, LineResult

Objective = Literal["capacity", "worst"]
OBJECTIVES: tuple[Objective, ...] = ("capacity", "worst")
UNITS = {"capacity": "Tb/s", "worst": "dB"}
TOLERANCE_DBM = 0.005  # of the simplex; its value is then flat to far less than any figure printed
RESTARTS = 8  # at the most: a simplex that stops short is opened again where it stopped
FIRST_STEP_DB = 1.0


@dataclass(frozen=True)
class LaunchOptimum:
    """The best powers found, beside those it started from."""

    objective: Objective
    before_dbm: dict[str, float]  # per band; nan where no channel is lit
    power_dbm: dict[str, float]  # the same
    before: float  # in UNITS[objective]
    after: float
    comb: Comb  # with the best powers
    result: LineResult
    evaluations: int


def objective_value(comb: Comb, result: LineResult, objective: Objective) -> float:
    """Shannon limit in Tb/s, 2 B log2(1 + GSNR) summed over the channels, or the least GSNR in dB."""
    if objective == "capacity":
        return float(2e-3 * comb.baud_gbd * np.log2(1.0 + result.gsnr).sum())
    return float(10.0 * np.log10(result.gsnr.min()))


def with_powers(comb: Comb, power_dbm: Mapping[str, float]) -> Comb:
    """The comb with another launch power per band."""
    return replace(comb, launch_dbm=np.array([power_dbm[name] for name in comb.band_names])[comb.band])


def optimise_launch(
    line: Line,
    comb: Comb,
    objective: Objective = "capacity",
    lowest_dbm: float = -10.0,
    highest_dbm: float = 6.0,
    on_evaluation: Callable[[int, float], None] | None = None,
) -> LaunchOptimum:
    """One launch power per band, by a downhill simplex (Nelder, Mead 1965) over the line's closed form.

    The simplex needs no gradient, which the least GSNR over channels does not have everywhere; it is opened
    again until that changes nothing. It starts at the comb's own powers.

    Args:
        line: spans, fibre, ends.
        comb: the channels that are lit; equal powers within a band.
        objective: ``capacity`` or ``worst``.
        lowest_dbm: bound for every band.
        highest_dbm: the other.
        on_evaluation: called with (evaluations so far, best value).

    Raises:
        GsnrError: an unknown objective, bounds out of order or range, or start powers outside them.
    """
    if objective not in OBJECTIVES:
        raise GsnrError(f"unknown objective {objective!r}; known: {', '.join(OBJECTIVES)}")
    if not (-40 <= lowest_dbm < highest_dbm <= 10):
        raise GsnrError(
            f"launch power from {lowest_dbm} to {highest_dbm} dBm; give two rising bounds in -40 to 10 dBm"
        )
    lit = [name for index, name in enumerate(comb.band_names) if (comb.band == index).any()]
    before_dbm = _band_powers(comb, lit)
    for name in lit:
        if not lowest_dbm <= before_dbm[name] <= highest_dbm:
            raise GsnrError(
                f"band {name} starts at {before_dbm[name]:g} dBm, outside {lowest_dbm:g} to "
                f"{highest_dbm:g} dBm: start inside the bounds or widen them"
            )
    evaluations, best = 0, -math.inf

    def loss(values: Sequence[float] | np.ndarray) -> float:
        nonlocal evaluations, best
        tried = with_powers(comb, before_dbm | dict(zip(lit, map(float, values), strict=True)))
        if tried.launch_w.sum() > MAX_RAMAN_W:
            return math.inf
        evaluations += 1
        value = objective_value(tried, evaluate_line(line, tried), objective)
        best = max(best, value)
        if on_evaluation:
            on_evaluation(evaluations, best)
        return -value

    at = np.array([before_dbm[name] for name in lit])
    before = -loss(at)
    value, step_db = -before, FIRST_STEP_DB
    for _ in range(RESTARTS):
        at, found = _simplex(loss, at, step_db, lowest_dbm, highest_dbm)
        if value - found < 1e-6 * abs(found):
            break
        value = found
    power_dbm = before_dbm | dict(zip(lit, map(float, at), strict=True))
    tuned = with_powers(comb, power_dbm)
    result = evaluate_line(line, tuned)
    after = objective_value(tuned, result, objective)
    return LaunchOptimum(objective, before_dbm, power_dbm, before, after, tuned, result, evaluations)


def _simplex(
    loss: Callable[[np.ndarray], float], at: np.ndarray, step_db: float, lowest_dbm: float, highest_dbm: float
) -> tuple[np.ndarray, float]:
    """Where a simplex opened at a point ends, and the loss there."""
    from scipy import optimize  # here: only who looks for powers waits for it

    corners = np.vstack(
        [at, at + step_db * np.where(at + step_db <= highest_dbm, 1.0, -1.0) * np.eye(len(at))]
    )
    found = optimize.minimize(
        loss,
        at,
        method="Nelder-Mead",
        bounds=[(lowest_dbm, highest_dbm)] * len(at),
        options={
            "initial_simplex": np.clip(corners, lowest_dbm, highest_dbm),
            "xatol": TOLERANCE_DBM,
            "fatol": 1e-7,
        },
    )
    return np.asarray(found.x), float(found.fun)


def _band_powers(comb: Comb, lit: Sequence[str]) -> dict[str, float]:
    powers = {name: math.nan for name in comb.band_names}
    for name in lit:
        inside = comb.launch_dbm[comb.band == comb.band_names.index(name)]
        if np.ptp(inside) > 0:
            raise GsnrError(f"band {name} has channels of different launch power; give one power per band")
        powers[name] = float(inside[0])
    return powers
