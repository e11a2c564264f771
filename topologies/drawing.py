"""Pictures of a topology: map positions, names at the nodes, lengths on the links, paths highlighted.

Nodes that would cover each other are moved apart a little; the picture is a diagram, not a map. Matplotlib is
imported when a picture is drawn, not with this module. Not here: where labels go (``label_placement.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from topologies.errors import TopologyError
from topologies.label_placement import NO_LINK, Obstacles, Spot, place, spread_apart, text_size
from topologies.model import Topology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE_SUFFIXES = (".png", ".svg")
PATH_COLOURS = ("#ea580c", "#0d9488", "#9333ea", "#ca8a04", "#e11d48")
INK, QUIET, LINE, NODE = "#0f172a", "#64748b", "#b6c2d1", "#1e40af"
NODE_RADIUS = 0.075  # inches
MARGIN = 0.75  # inches, room for names at the sides
CLEARANCE = 0.16  # inches, how near a link may pass a node that is not its end
LINE_SPACING = 0.24  # inches


def draw_topology(topology: Topology, file: Path, paths: Sequence[Sequence[str]] = ()) -> Path:
    """A picture of the topology, as PNG or SVG by the file's suffix.

    Args:
        topology: what to draw.
        file: where to write; its folder must exist.
        paths: routes to highlight, as node names.

    Raises:
        TopologyError: another suffix, no such folder, or a path over nodes that are no neighbours.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if file.suffix.lower() not in PICTURE_SUFFIXES:
        raise TopologyError(f"{file}: pictures are written as {' or '.join(PICTURE_SUFFIXES)}")
    if not file.parent.is_dir():
        raise TopologyError(f"{file}: there is no folder {file.parent}")
    lengths_km = [
        sum(topology.link_length_km[topology.link_index(*hop)] for hop in pairwise(path)) for path in paths
    ]
    position = _positions(topology)
    curves = [_curve(position, a, b) for a, b in _ends(topology)]
    header = 0.25 + LINE_SPACING * len(paths)
    width, height = position.max(axis=0) + MARGIN + np.array([0.0, header])
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)  # one unit of data is one inch
    axes.set_ylim(0, height)
    font = 9.0 if topology.num_nodes <= 30 else 7.5
    for curve in curves:
        axes.plot(*curve.T, color=LINE, linewidth=1.6, zorder=1, solid_capstyle="round")
    crossed: set[int] = set()
    for rank, path in enumerate(paths):
        fibres = [topology.link_index(*hop) // 2 for hop in pairwise(path)]
        for fibre in fibres:
            track = _beside(curves[fibre], 0.055 * (rank - (len(paths) - 1) / 2))
            axes.plot(*track.T, color=_path_colour(rank), linewidth=3.5, zorder=2, solid_capstyle="round")
        crossed |= set(fibres)
    axes.scatter(
        position[:, 0],
        position[:, 1],
        s=(2 * NODE_RADIUS * 72) ** 2,
        color=NODE,
        edgecolor="white",
        linewidth=1.2,
        zorder=4,
    )
    _draw_labels(axes, topology, position, curves, crossed, font)
    total_km = sum(fibre.length_km for fibre in topology.fibres)
    about = (
        f"{topology.num_nodes} nodes, {len(topology.fibres)} fibre pairs, {total_km:,.0f} km. Lengths in km."
    )
    title = axes.text(0.3, height - 0.22, topology.name, fontsize=14, weight="bold", color=INK, va="top")
    title_width = title.get_window_extent().width / figure.dpi
    axes.text(0.3 + title_width + 0.2, height - 0.28, about, fontsize=9, color=QUIET, va="top")
    for rank, (path, length_km) in enumerate(zip(paths, lengths_km, strict=True)):
        y = height - 0.6 - LINE_SPACING * rank
        axes.plot([0.3, 0.6], [y, y], color=_path_colour(rank), linewidth=3.5, solid_capstyle="round")
        axes.text(0.72, y, f"{' – '.join(path)}, {length_km:,.0f} km", fontsize=9, color=INK, va="center")
    with rc_context({"svg.hashsalt": topology.content_hash, "svg.fonttype": "none"}):
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
    return file


def _positions(topology: Topology) -> np.ndarray:
    """(num_nodes, 2) inches from the lower left corner; equirectangular around the mean latitude."""
    latitude_deg = np.array([node.latitude_deg for node in topology.nodes])
    longitude_deg = np.array([node.longitude_deg for node in topology.nodes])
    # Across the 180th meridian the other way round is shorter.
    if np.ptp(longitude_deg) > 180:
        longitude_deg = np.where(longitude_deg < 0, longitude_deg + 360, longitude_deg)
    east = longitude_deg * math.cos(math.radians(float(latitude_deg.mean())))
    flat = np.stack([east, latitude_deg], axis=1)
    span = np.maximum(np.ptp(flat, axis=0), 1e-6)
    side = min(7.5 + 0.09 * topology.num_nodes, 16.0)
    scale = min(side / span[0], 0.85 * side / span[1])
    least_distance = min(0.62, 0.75 * side / math.sqrt(topology.num_nodes))
    position = spread_apart((flat - flat.min(axis=0)) * scale, least_distance)
    return position - position.min(axis=0) + MARGIN


def _curve(position: np.ndarray, a: int, b: int) -> np.ndarray:
    """(n, 2) points along a link: straight, or bent just enough to pass clear of the other nodes."""
    others = np.delete(position, [a, b], axis=0)
    along = position[b] - position[a]
    across = np.array([-along[1], along[0]])
    length = max(float(np.hypot(*along)), 1e-9)
    share = np.linspace(0, 1, max(12, int(length / 0.06)))[:, None]
    best: tuple[float, np.ndarray] | None = None
    for bend in (0.0, 0.06, -0.06, 0.12, -0.12, 0.18, -0.18, 0.24, -0.24):
        # Quadratic Bézier curve whose control point stands off the middle of the straight line.
        curve = position[a] + share * along + 2 * share * (1 - share) * bend * across
        delta = curve[:, None] - others[None]
        clearance = float(np.hypot(delta[..., 0], delta[..., 1]).min(initial=np.inf))
        if clearance >= CLEARANCE:
            return curve
        if best is None or clearance > best[0]:
            best = clearance, curve
    assert best is not None
    return best[1]


def _beside(curve: np.ndarray, offset: float) -> np.ndarray:
    """The curve moved sideways, the same side whichever way it is run through."""
    along = np.gradient(curve, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return curve + offset * across / np.maximum(np.hypot(*across.T), 1e-9)[:, None]


def _draw_labels(
    axes: Axes,
    topology: Topology,
    position: np.ndarray,
    curves: Sequence[np.ndarray],
    crossed: set[int],
    font: float,
) -> None:
    num_nodes = topology.num_nodes
    texts = [*topology.node_names, *(f"{fibre.length_km:,.0f}" for fibre in topology.fibres)]
    fonts = [font] * num_nodes + [0.82 * font] * len(curves)
    width = float(position[:, 0].max()) + MARGIN
    spots = [_name_spots(position[row], name, font, width) for row, name in enumerate(topology.node_names)]
    spots += [_length_spots(curve) for curve in curves]
    owners = [NO_LINK] * num_nodes + list(range(len(curves)))
    for row, spot in enumerate(place(texts, fonts, spots, owners, _obstacles(position, curves))):
        is_name = row < num_nodes
        axes.text(
            spot.x,
            spot.y,
            texts[row],
            fontsize=fonts[row],
            color=INK if is_name or row - num_nodes in crossed else QUIET,
            weight="bold" if is_name else "normal",
            rotation=spot.angle_deg,
            rotation_mode="anchor",
            ha="center",
            va="center" if is_name else "center_baseline",
            bbox={"boxstyle": "square,pad=0.02", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            zorder=6 if is_name else 5,
        )


def _name_spots(centre: np.ndarray, name: str, font: float, picture_width: float) -> list[Spot]:
    width, height = text_size(name, font)
    spots = []
    for ring, gap in enumerate((0.04, 0.14)):
        for angle in np.linspace(0, 2 * math.pi, 24, endpoint=False):
            dx, dy = math.cos(angle), math.sin(angle)
            # The text's box touches the node's disc from that side.
            x = centre[0] + dx * (NODE_RADIUS + gap) + max(-1.0, min(1.0, 1.6 * dx)) * width / 2
            y = centre[1] + dy * (NODE_RADIUS + gap) + max(-1.0, min(1.0, 1.6 * dy)) * height / 2
            spots.append(Spot(x, y, 0.0, 0.03 * ring + 0.01 * abs(dx * dy)))
    # Names do not run off the picture, whose sides are MARGIN from the outermost nodes.
    inside = [spot for spot in spots if 0.05 + width / 2 <= spot.x <= picture_width - 0.05 - width / 2]
    return inside or spots


def _length_spots(curve: np.ndarray) -> list[Spot]:
    spots = []
    for share in (0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74, 0.2, 0.8):
        middle = round(share * (len(curve) - 1))
        before, after = curve[max(middle - 2, 0)], curve[min(middle + 2, len(curve) - 1)]
        angle_deg = math.degrees(math.atan2(after[1] - before[1], after[0] - before[0]))
        upright_deg = (angle_deg + 90) % 180 - 90  # never upside down
        x, y = map(float, curve[middle])
        spots.append(Spot(x, y, upright_deg, 0.08 * abs(share - 0.5)))
    return spots


def _obstacles(position: np.ndarray, curves: Sequence[np.ndarray]) -> Obstacles:
    owner = np.repeat([-1, *range(len(curves))], [len(position), *map(len, curves)])
    return Obstacles(
        centre=np.concatenate([position, *curves]),
        radius=np.where(owner < 0, NODE_RADIUS + 0.03, 0.015),
        weight=np.where(owner < 0, 8.0, 0.6),
        owner=owner,
    )


def _ends(topology: Topology) -> list[tuple[int, int]]:
    return [
        (topology.node_index(fibre.node_a), topology.node_index(fibre.node_b)) for fibre in topology.fibres
    ]


def _path_colour(rank: int) -> str:
    return PATH_COLOURS[rank % len(PATH_COLOURS)]
