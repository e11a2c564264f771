"""Where labels of a picture go so that they cover neither each other nor nodes nor links.

Lengths are inches. A text is modelled as a row of discs along its baseline, which makes overlap cheap to
compute at any angle. Not here: drawing (``drawing.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

POINTS_PER_INCH = 72.0
NO_LINK = -2  # owner of a text that stands on no link


@dataclass(frozen=True)
class Spot:
    """A place for a text."""

    x: float  # centre
    y: float
    angle_deg: float  # of the baseline, within ±90
    discomfort: float  # how much worse than the best place, before looking at what it covers


@dataclass(frozen=True)
class Obstacles:
    """Discs that labels should keep clear of."""

    centre: np.ndarray  # (n, 2)
    radius: np.ndarray  # (n,)
    weight: np.ndarray  # (n,)
    owner: np.ndarray  # (n,) int, the link a disc belongs to; -1 for nodes


def text_size(text: str, font_points: float) -> tuple[float, float]:
    """Width and height of a text in bold letters, near enough for placing it."""
    return 0.69 * font_points / POINTS_PER_INCH * len(text), 1.15 * font_points / POINTS_PER_INCH


def discs_of(spot: Spot, width: float, height: float) -> np.ndarray:
    """(k, 2) centres of the discs, of radius half the height, that cover a text at a spot."""
    reach = max(width - height, 0.0) / 2
    count = max(2, math.ceil(2 * reach / (0.7 * height)) + 1)
    along = np.linspace(-reach, reach, count)
    angle = math.radians(spot.angle_deg)
    return np.stack([spot.x + along * math.cos(angle), spot.y + along * math.sin(angle)], axis=1)


def place(
    texts: Sequence[str],
    font_points: Sequence[float],
    spots: Sequence[Sequence[Spot]],
    owners: Sequence[int],
    obstacles: Obstacles,
    sweeps: int = 6,
) -> list[Spot]:
    """One spot per text, from those offered; every sweep lets each text move to its best given all others.

    Args:
        texts: what is written.
        font_points: its size.
        spots: where it may stand.
        owners: the link a text stands on, whose discs do not count for it; ``NO_LINK`` for none.
        obstacles: what to keep clear of.
        sweeps: at most this many rounds; ends early when nothing moves.
    """
    sizes = [text_size(text, points) for text, points in zip(texts, font_points, strict=True)]
    discs = [[discs_of(spot, *size) for spot in offered] for offered, size in zip(spots, sizes, strict=True)]
    static = []
    for row, offered in enumerate(spots):
        counts = obstacles.weight * (obstacles.owner != owners[row])
        half_height = sizes[row][1] / 2
        static.append(
            [
                spot.discomfort
                + float((_overlap(disc, half_height, obstacles.centre, obstacles.radius) * counts).sum())
                for spot, disc in zip(offered, discs[row], strict=True)
            ]
        )
    chosen = [int(np.argmin(costs)) for costs in static]
    for _ in range(sweeps):
        moved = False
        for row in range(len(texts)):
            others = [other for other in range(len(texts)) if other != row]
            centre = np.concatenate([discs[other][chosen[other]] for other in others] or [np.zeros((0, 2))])
            radius = np.concatenate(
                [np.full(len(discs[other][chosen[other]]), sizes[other][1] / 2) for other in others]
                or [np.zeros(0)]
            )
            costs = [
                cost + 8.0 * float(_overlap(disc, sizes[row][1] / 2, centre, radius).sum())
                for cost, disc in zip(static[row], discs[row], strict=True)
            ]
            best = int(np.argmin(costs))
            moved |= best != chosen[row]
            chosen[row] = best
        if not moved:
            break
    return [offered[index] for offered, index in zip(spots, chosen, strict=True)]


def spread_apart(position: np.ndarray, least_distance: float, sweeps: int = 400) -> np.ndarray:
    """(n, 2) positions with crowded ones pushed apart, as little as it takes; the others stay."""
    position = position.copy()
    for _ in range(sweeps):
        delta = position[:, None] - position[None]
        distance = np.hypot(delta[..., 0], delta[..., 1])
        np.fill_diagonal(distance, np.inf)
        short = np.maximum(least_distance - distance, 0.0)
        if short.max() < 1e-3:
            break
        # Two sites at one place have no direction to part in: give each two their own.
        index = np.arange(len(position))
        turn = (index[:, None] + index[None]) * 2.4
        side = np.sign(index[:, None] - index[None])
        aside = np.stack([np.cos(turn) * side, np.sin(turn) * side], axis=-1)
        unit = np.where(distance[..., None] > 1e-9, delta / np.maximum(distance, 1e-9)[..., None], aside)
        position += 0.25 * (unit * short[..., None]).sum(axis=1)
    return position


def _overlap(disc: np.ndarray, radius: float, centre: np.ndarray, other_radius: np.ndarray) -> np.ndarray:
    """(n,) how deep each other disc reaches into the deepest-hit disc of a text."""
    delta = disc[:, None] - centre[None]
    depth = radius + other_radius[None] - np.hypot(delta[..., 0], delta[..., 1])
    return np.maximum(depth, 0.0).max(axis=0, initial=0.0)
