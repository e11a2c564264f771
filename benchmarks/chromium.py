"""Headless Chromium for pictures, measurements and tests. Not here: what it is shown."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)


class ChromiumError(ValueError):
    """Chromium, or what drives it, is missing; says how it comes."""


@contextmanager
def chromium(flags: Sequence[str] = ()) -> Iterator[Any]:
    """A Selenium driver of a browser that knows nothing yet and keeps what pages log; it is gone at the end.

    Args:
        flags: beyond ``FLAGS``.

    Raises:
        ChromiumError: there is none.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        raise ChromiumError("Chromium is missing; on Debian: apt-get install chromium chromium-driver")
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        raise ChromiumError("Selenium is missing; pip install -r requirements-dev.txt") from None
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="lightloop-browser-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield browser
        finally:
            browser.quit()
