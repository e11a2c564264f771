"""What only the browser knows: its time zone, and whether its system is dark."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from controlplane.console.times import Clock

LIMIT_S = 10.0
_ASKED = (
    "[Intl.DateTimeFormat().resolvedOptions().timeZone,"
    " window.matchMedia('(prefers-color-scheme: dark)').matches]"
)


@dataclass(frozen=True)
class Browser:
    """What it said.

    Attributes:
        clock: in its time zone.
        is_dark: its system is.
    """

    clock: Clock
    is_dark: bool


async def ask_browser() -> Browser | None:
    """Of the page that is open; None: it is busy, or gone."""
    try:
        told = await ui.run_javascript(_ASKED, timeout=LIMIT_S)
    except TimeoutError:
        return None
    if told is None:  # NiceGUI's answer of a page that was closed meanwhile
        return None
    zone, is_dark = told
    return Browser(Clock.of(str(zone)), bool(is_dark))
