"""Dialogs of the loop page, one at a time, and what came of what they asked. Not here: what they ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from controlplane.console.loop.asking import AskRefused
from controlplane.console.panels import box, text

Asked = Callable[[], Awaitable[dict[str, Any]]]


class Dialogs:
    """Where the dialogs of a page stand.

    A place of their own: a dialog goes with the element in whose handler it was made, and a table's row may
    go while somebody reads the dialog that its button opened.
    """

    def __init__(self) -> None:
        self._place = box("dialogs")
        self._open: ui.dialog | None = None

    def open(self, title: str, fill: Callable[[ui.dialog], None]) -> None:
        """Open a dialog; where one is open nothing happens, so a button that is pressed twice opens one.

        Args:
            title: its first line.
            fill: puts the rest into it.
        """
        if self._open is not None and not self._open.is_deleted and self._open.value:
            return
        with self._place, box("dialog-place") as place:
            dialog = ui.dialog().props(f"aria-label='{title}'")

        def gone() -> None:
            dialog.delete()
            place.delete()

        with dialog, ui.card().classes("dialog").props("data-testid=dialog"):
            text(title, "dialog-title")
            fill(dialog)
            with ui.row().classes("dialog-foot"):
                ui.button("Close", color=None, on_click=dialog.close).props("flat no-caps data-testid=close")
        dialog.on("hide", gone)
        dialog.open()
        self._open = dialog


def go_button(words: str, dialog: ui.dialog, asked: Asked) -> None:
    """The button of a dialog that starts a run; it takes no second press while the first is under way."""
    button = ui.button(words, color=None).classes("main-button")
    button.props("unelevated no-caps data-testid=go")
    under_way = False

    async def go() -> None:
        nonlocal under_way
        if under_way:
            return
        under_way = True
        button.props("loading")  # not disabled: that takes the keyboard's place away
        try:
            await _start(dialog, asked)
        finally:
            under_way = False
            if not button.is_deleted:
                button.props(remove="loading")

    button.on_click(go)


async def _start(dialog: ui.dialog, asked: Asked) -> None:
    """Ask, and say what came of it, also to somebody who has closed the dialog meanwhile."""
    client = ui.context.client
    try:
        told = await asked()
    except AskRefused as error:
        with client:
            ui.notify(f"Not done: {error}", type="negative", position="bottom-right", timeout=8000)
        return
    if not dialog.is_deleted:
        dialog.close()
    with client:
        ui.notify(
            f"Under way: flow run {told['flow_run_id'][:8]}. It appears on the time axis.",
            type="positive",
            position="bottom-right",
        )
