"""What an environment looks like: a map with the load of each fibre pair, beside the spectrum of each unit.

Matplotlib is imported when a picture is drawn, not with this module. Pictures of a topology with names and
lengths: ``topologies.drawing``.
"""

from __future__ import annotations

import numpy as np

from envs.bits import taken_slots
from envs.plant import Plant

FRAMES_PER_S = 10
SIZE_INCHES, DOTS_PER_INCH = (10.0, 5.0), 80  # even numbers of dots, which video codecs need
COLOURS = "viridis"


def check_render_mode(render_mode: str | None) -> str | None:
    """The mode, where it is one.

    Raises:
        ValueError: another one.
    """
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode is {render_mode!r}; 'rgb_array' or None is needed")
    return render_mode


class NetworkPicture:
    """A figure of one plant that is drawn again and again; only loads and slots change."""

    def __init__(self, plant: Plant) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import LineCollection
        from matplotlib.figure import Figure

        topology, num_slots = plant.topology, plant.spec.num_slots
        self._plant = plant
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        self._canvas = FigureCanvasAgg(figure)
        on_map, of_slots = figure.subplots(1, 2)
        place = {node.name: (node.longitude_deg, node.latitude_deg) for node in topology.nodes}
        ends = [(place[fibre.node_a], place[fibre.node_b]) for fibre in topology.fibres]
        self._fibres = LineCollection(ends, linewidths=4, cmap=COLOURS, zorder=1)
        self._fibres.set_clim(0, 1)
        on_map.add_collection(self._fibres)
        on_map.scatter(*zip(*place.values(), strict=True), s=60, color="#1e40af", zorder=2)
        for name, (longitude_deg, latitude_deg) in place.items():
            on_map.annotate(
                name, (longitude_deg, latitude_deg), xytext=(4, 5), textcoords="offset points", fontsize=8
            )
        on_map.margins(0.1)
        on_map.set_axis_off()
        figure.colorbar(self._fibres, ax=on_map, label="share of slots taken", orientation="horizontal")
        empty = np.zeros((plant.num_units, num_slots))
        self._slots = of_slots.imshow(
            empty, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=1
        )
        of_slots.set_xlabel("slot")
        of_slots.set_ylabel("fibre pair" if plant.spec.shared_spectrum else "directed link")
        self._title = figure.suptitle("")

    def frame(self, free: np.ndarray) -> np.ndarray:
        """The picture, (H, W, 3) uint8.

        Args:
            free: (num_units, num_words) uint64, 1 = free.
        """
        taken = taken_slots(free, self._plant.spec.num_slots)
        load = taken.mean(axis=1)[self._plant.unit_of_link]
        self._fibres.set_array(load.reshape(-1, 2).mean(axis=1))
        self._slots.set_data(taken)
        self._title.set_text(f"{self._plant.topology.name}: {taken.mean():.1%} of the slots taken")
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()
