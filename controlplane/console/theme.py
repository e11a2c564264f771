"""Light or dark: which one a page shows, and that the browser keeps it. Not here: ``palette.py``."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from controlplane.console.palette import DARK, LIGHT, Palette

THEME_COOKIE = "lightloop-theme"


class Theme:
    """The theme of one open page.

    Args:
        chosen: ``dark`` or ``light``, as the browser keeps it; None: nobody has chosen yet.
    """

    def __init__(self, chosen: str | None) -> None:
        self._chosen = chosen
        self._mode = ui.dark_mode({"dark": True, "light": False}.get(chosen or ""))
        self._button: ui.button | None = None
        self._on_change: Callable[[], None] = lambda: None

    @property
    def is_chosen(self) -> bool:
        """Somebody has chosen."""
        return self._chosen is not None

    @property
    def is_dark(self) -> bool:
        """Dark is shown."""
        return self._chosen == "dark"

    @property
    def palette(self) -> Palette:
        """The colours of pictures."""
        return DARK if self.is_dark else LIGHT

    def switched_by(self, button: ui.button, on_change: Callable[[], None]) -> None:
        """Have a button change the theme, and the page draw itself anew when it changes."""
        self._button, self._on_change = button, on_change
        button.on_click(self._switch)

    def follow(self, is_dark: bool) -> bool:
        """Be as the system is, where nobody has chosen; whether that was so."""
        if self.is_chosen:
            return False
        self._use("dark" if is_dark else "light")
        return True

    def _switch(self) -> None:
        self._use("light" if self.is_dark else "dark")
        ui.run_javascript(
            f"document.cookie='{THEME_COOKIE}={self._chosen}; path=/; max-age=31536000; samesite=lax'"
        )

    def _use(self, chosen: str) -> None:
        self._chosen = chosen
        self._mode.set_value(self.is_dark)
        if self._button is not None:
            self._button.props(f"icon={'light_mode' if self.is_dark else 'dark_mode'}")
        self._on_change()
