"""The spectrum grid of a page: a chart with its blocks on it. Not here: how it looks (``spectrum.py``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from controlplane.console.network import NetworkCopy
from controlplane.console.palette import SERVICES, Palette
from controlplane.console.panels import bring_options, replace_series
from controlplane.console.patches import changed_items
from controlplane.console.spectrum import Block, blocks_of, pointed_block, spectrum_frame
from controlplane.console.why import Drawn


class _Blocks(ui.element, component="blocks.js"):
    """What is painted over a chart; sent is only what has changed."""

    def __init__(self, chart: ui.echart) -> None:
        super().__init__()
        self.props["chart"] = chart.id
        self.props["chosen"] = None
        self.props["turn"] = 0  # how often all of them were sent
        self._keep({}, [])

    def _keep(self, lightpaths: dict[str, Block], colours: list[str]) -> None:
        # past NiceGUI, which would watch each of thousands of values
        dict.__setitem__(self.props, "lightpaths", lightpaths)
        dict.__setitem__(self.props, "colours", colours)

    def bring(
        self, lightpaths: dict[str, Block], chosen: str | None, colours: list[str], may_patch: bool
    ) -> None:
        """Have others painted; ``may_patch``: the browser has them as they were."""
        before, is_plain = self.props["lightpaths"], self.props["colours"] == colours and may_patch
        is_chosen = self.props["chosen"] == chosen
        if is_plain and is_chosen and before == lightpaths:
            return
        self._keep(lightpaths, colours)
        dict.__setitem__(self.props, "chosen", chosen)
        if not is_plain:
            self.props["turn"] += 1
            self.update()
            self.run_method("choose", chosen)
            return
        gone, put = changed_items(before, lightpaths)
        if gone or put:
            self.run_method("patch", self.props["turn"], gone, put)
        if not is_chosen:
            self.run_method("choose", chosen)


class SpectrumGrid:
    """Rows are links, columns slots; a lightpath is a block on each link that it crosses.

    Args:
        testid: of the chart.
        on_pick: called with a service whose block was clicked.
    """

    def __init__(self, testid: str, on_pick: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._chart = ui.echart({}).classes("chart").props(f"data-testid={testid}")
        self._blocks = _Blocks(self._chart).props(f"data-testid={testid}-blocks")
        if on_pick is not None:
            self._blocks.on("pick", lambda event: on_pick(str(event.args)))

    def bring(
        self,
        state: NetworkCopy,
        selected: str | None,
        palette: Palette,
        pointed: Drawn | None,
        may_patch: bool,
    ) -> None:
        """Bring it in step with the network; ``may_patch``: the browser has drawn it before."""
        frame = spectrum_frame(state, palette, pointed, self._blocks.id)
        bring_options(self._chart, frame, may_patch)
        chosen = selected if selected in state.lightpaths else None
        self._blocks.bring(blocks_of(state), chosen, [*SERVICES, palette.accent], may_patch)

    def point(self, state: NetworkCopy, pointed: Drawn | None, palette: Palette) -> None:
        """Outline a block that is not lit, or take the outline away."""
        replace_series(self._chart, pointed_block(state, pointed, palette))
