"""The open network page, as a person sees and uses it. What is expected of it: ``test_console_page.py``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.waiting import until

# The chart inside a NiceGUI element, what it was told to draw, and the colour of one of its pixels.
CHART = (
    "const chart = getElement(+document.querySelector(`[data-testid=${arguments[0]}]`).id.slice(1)).chart;"
)
OPTIONS = CHART + "return JSON.parse(JSON.stringify(chart.getOption().series.map(s => [s.id, s.data])));"
# First slot, number of slots, colour and rows of a service's blocks; null where it has none.
BLOCKS = """
const part = document.querySelector('[data-testid=grid-blocks]');
return getElement(+part.id.slice(1)).paths.get(arguments[0]) ?? null;
"""
PIXEL = (
    CHART
    + """
const [x, y] = chart.convertToPixel({seriesIndex: 0}, arguments[1]);
const canvas = chart.getDom().querySelector('canvas'), scale = canvas.width / chart.getWidth();
const colour = canvas.getContext('2d').getImageData(x * scale, y * scale, 1, 1).data;
const box = canvas.getBoundingClientRect();
return {colour: [...colour].slice(0, 3), x: box.x + x, y: box.y + y};
"""
)

AT_NODE = """
const chart = getElement(+document.querySelector('[data-testid=map]').id.slice(1)).chart;
const [x, y] = chart.convertToPixel({seriesId: 'nodes'}, arguments[0]);
const box = chart.getDom().getBoundingClientRect();
return {x: box.x + x, y: box.y + y};
"""

LIMIT_S = 30.0  # for whatever the page is expected to do


class Page:
    """The open page."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def all(self, testid: str, within: str = "") -> list[Any]:
        return self.browser.find_elements("css selector", f"[data-testid={testid}]{within}")

    def one(self, testid: str, within: str = "") -> Any:
        found = self.all(testid, within)
        assert len(found) == 1, f"{len(found)} elements [data-testid={testid}]{within}"
        return found[0]

    def click(self, testid: str, within: str = "") -> None:
        """Click on what may be drawn anew between being found and being clicked."""

        def clicked() -> bool:
            self.one(testid, within).click()
            return True

        self.until(clicked)

    def words(self, testid: str) -> str:
        return self.one(testid).text

    def until(self, condition: Callable[[], Any]) -> Any:
        """What a condition says, once it is true."""
        return until(condition, LIMIT_S, poll_s=0.02, late=self._pictured)

    def _pictured(self) -> str:
        picture = Path(tempfile.gettempdir(), "console-page.png")
        self.browser.save_screenshot(str(picture))
        return f"; see {picture}"

    def choose(self, testid: str, node: str) -> None:
        self.click(testid)
        options = lambda: self.browser.find_elements("css selector", ".q-menu .q-item")  # noqa: E731
        self.until(lambda: [item for item in options() if item.text == node])[0].click()
        self.until(lambda: not options())

    def fill(self, testid: str, words: str) -> None:
        from selenium.webdriver import Keys

        def typed() -> bool:
            # clear() is undone by the page before the typing begins; so may be keys that come faster than
            # a person's, by the server's echo of an earlier one
            self.one(testid).send_keys(Keys.CONTROL + "a" + Keys.NULL, Keys.BACKSPACE, words)
            time.sleep(0.3)
            return bool(self.one(testid).get_attribute("value") == words)

        self.until(typed)

    def request(self, source: str, destination: str, bit_rate_gbps: str, max_latency_ms: str) -> None:
        self.choose("source", source)
        self.choose("destination", destination)
        self.fill("bit-rate", bit_rate_gbps)
        self.fill("max-latency", max_latency_ms)
        self.click("submit")

    def services(self) -> list[str]:
        return [row.get_attribute("data-service") for row in self.all("service-row")]

    def drawn(self, chart: str, series: str) -> list[dict[str, Any]]:
        return dict(self.browser.execute_script(OPTIONS, chart))[series]

    def blocks(self, service: str) -> list[tuple[int, int, int]]:
        """First slot, row and number of slots of each block of a service."""
        told = self.browser.execute_script(BLOCKS, service)
        return [(told[0], row, told[1]) for row in told[3]] if told else []

    def pixel(self, chart: str, place: list[float]) -> dict[str, Any]:
        return self.browser.execute_script(PIXEL, chart, place)
