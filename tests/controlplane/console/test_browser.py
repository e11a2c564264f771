"""What is asked of the browser: its answer, and none of a page that is busy or was closed meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controlplane.console import browser
from controlplane.console.browser import ask_browser


@pytest.mark.parametrize("gone", [None, TimeoutError("busy")])
def test_a_page_that_is_busy_or_closed_says_nothing(gone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_javascript(*_: Any, **__: Any) -> Any:
        if isinstance(gone, Exception):
            raise gone
        return gone

    monkeypatch.setattr(browser.ui, "run_javascript", run_javascript)

    assert asyncio.run(ask_browser()) is None


def test_its_zone_and_whether_it_is_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_javascript(*_: Any, **__: Any) -> Any:
        return ["Europe/Madrid", True]

    monkeypatch.setattr(browser.ui, "run_javascript", run_javascript)

    found = asyncio.run(ask_browser())

    assert found is not None
    assert found.is_dark
