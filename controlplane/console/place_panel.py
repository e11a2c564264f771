"""One link or node: what is on it; the buttons that cut, repair and drain it. Not here: the map."""

from __future__ import annotations

import time
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from nicegui import ui

from controlplane.client import ControllerClient, ServiceRefused
from controlplane.console import viewmodel
from controlplane.console.network import NetworkCopy
from controlplane.console.panels import box, text

MOST_REASONS = 3


def outcome_text(done: str, output: dict[str, Any], took_ms: float) -> str:
    """What came of a change of a link or node, in a sentence.

    >>> outcome_text("A–B cut", {"restored": ["s"], "lost": []}, 12.3)
    'A–B cut in 12 ms: 1 service restored, none lost'
    >>> outcome_text("A–B drained", {"moved": [], "stayed": [{"reason": "no spectrum"}]}, 12.3)
    'A–B drained in 12 ms: no service moved, 1 stayed (no spectrum)'
    """
    well, ill = ("moved", "stayed") if "moved" in output else ("restored", "lost")
    good, bad = len(output[well]), output[ill]
    said = f"{done} in {took_ms:,.0f} ms: "
    if not good and not bad:
        return said + "no service was concerned"
    said += f"{good or 'no'} service{'' if good < 2 else 's'} {well}, {len(bad) or 'none'} {ill}"
    reasons = list(dict.fromkeys(str(each["reason"]) for each in bad))[:MOST_REASONS]
    return said + (f" ({'; '.join(reasons)})" if reasons else "")


class PlacePanel:
    """The link or node that was clicked on, or chosen from the list.

    Args:
        controller: asked in the name of whoever opened the page.
        on_done: called after a change.
        look_at_drained: asks what is drained now.
    """

    def __init__(
        self,
        controller: ControllerClient,
        on_done: Callable[[], None],
        look_at_drained: Callable[[], Awaitable[None]],
    ) -> None:
        self._controller, self._on_done, self._look_at_drained = controller, on_done, look_at_drained
        self._ends: tuple[str, ...] | None = None  # two of a link, one of a node
        self._names: list[str] = []

    def build(self) -> None:
        """The panel itself, over the map."""
        with box("link-panel", "link-panel") as self._box:
            with box("link-line"):
                self._title = text("", "panel-title", "link-title")
                self._note = text("", "panel-note", "link-note")
                box("push")
                close = ui.button(icon="close", color=None, on_click=lambda: self.choose(None))
                close.classes("icon-button").props("flat round dense size=xs aria-label='Close'")
            with box("link-line"):
                self._cut = self._button("Cut", "cut", self._do_cut)
                self._repair = self._button("Repair", "repair", self._do_repair)
                self._drain = self._button("Drain", "drain", self._do_drain)
                self._undrain = self._button("End drain", "undrain", self._do_undrain)
            self._outcome = text("", "link-outcome", "link-outcome").props("role=status")
        self._box.set_visibility(False)

    def build_list(self) -> None:
        """A list of all links and nodes, for who has no pointer."""
        self._list = ui.select(
            [], label="Link or node", clearable=True, on_change=lambda event: self._listed(event.value)
        )
        self._list.classes("link-list").props("dense borderless options-dense data-testid=link-list")

    def take(self, name: str) -> None:
        """Show the link or node of a name on the map."""
        self._list.set_value(name)

    def choose(self, ends: tuple[str, ...] | None) -> None:
        """Show a link or node, or none."""
        if ends != self._ends:
            self._outcome.set_text("")
        self._ends = ends
        self._box.set_visibility(ends is not None)
        if ends is None:
            self._list.set_value(None)

    def show(self, state: NetworkCopy) -> None:
        """Bring the panel in step with the network."""
        links = [_name((fibre.node_a, fibre.node_b)) for fibre in state.topology.fibres]
        names = [*links, *state.topology.node_names]
        if names != self._names:
            self._names = names
            self._list.set_options(names)
        if self._ends is None:
            return
        if _name(self._ends) not in names:  # of another topology
            self.choose(None)
            return
        key = frozenset(self._ends)
        is_cut, is_drained = key in state.failed, key in state.drained
        self._title.set_text(_name(self._ends))
        about = _about_node(state, *self._ends) if len(self._ends) == 1 else _about_link(state, self._ends)
        marks = [word for word, is_so in (("cut", is_cut), ("drained", is_drained)) if is_so]
        self._note.set_text(" · ".join([*marks, about]))
        self._cut.set_visibility(len(self._ends) == 2 and not is_cut)
        self._repair.set_visibility(is_cut)
        self._drain.set_visibility(not is_drained)
        self._undrain.set_visibility(is_drained)

    def _listed(self, name: str | None) -> None:
        if name:
            self.choose(_ends(name))
            self._on_done()

    async def _do_cut(self) -> None:
        await self._do("cut", self._controller.fail_link)

    async def _do_repair(self) -> None:
        await self._do("repaired", self._controller.repair_link)

    async def _do_drain(self) -> None:
        await self._do("drained", self._controller.drain)

    async def _do_undrain(self) -> None:
        await self._do("open again", self._controller.undrain)

    async def _do(self, done: str, act: Callable[..., dict[str, Any]]) -> None:
        if self._ends is None:
            return
        name = _name(self._ends)
        self._outcome.set_text("under way …")
        began = time.perf_counter()
        try:
            output = await to_thread(act, *self._ends)
        except ServiceRefused as error:
            self._outcome.set_text(f"Not {done}: {error}")
        else:
            self._outcome.set_text(
                outcome_text(f"{name} {done}", output, (time.perf_counter() - began) * 1000.0)
            )
        with suppress(ServiceRefused):
            await self._look_at_drained()
        self._on_done()

    @staticmethod
    def _button(words: str, testid: str, act: Callable[[], Any]) -> ui.button:
        button = ui.button(words, color=None, on_click=act).classes("link-button")
        return button.props(f"outline dense no-caps data-testid=link-{testid}")


def _about_link(state: NetworkCopy, ends: tuple[str, ...]) -> str:
    index, fibre = next(
        (index, each)
        for index, each in enumerate(state.topology.fibres)
        if {each.node_a, each.node_b} == {*ends}
    )
    over, share = viewmodel.num_over(state, (fibre.node_a, fibre.node_b)), viewmodel.fibre_use(state)[index]
    use = f"{share:.0%} of slots in use, {over} service{'' if over == 1 else 's'}"
    return f"{use} · {fibre.length_km:,.0f} km"


def _about_node(state: NetworkCopy, node: str) -> str:
    paths = [path for path in state.lightpaths.values() if node in path.nodes]
    ending = sum(node in (path.nodes[0], path.nodes[-1]) for path in paths)
    return f"{ending} begin or end here, {len(paths) - ending} pass through"


def _name(ends: tuple[str, ...]) -> str:
    return " – ".join(ends)


def _ends(name: str) -> tuple[str, ...]:
    return tuple(name.split(" – "))
