"""The loop as a person turns it, on the real page with fakes of the command line and of Prefect behind it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.home import Home
from configs.load import dump_config, load_config
from controlplane.roles import Role
from deployments.ports import free_ports
from tests.browser import fake_loop
from tests.browser.conftest import OnlineSide, browser_of
from tests.browser.waiting import until

pytestmark = pytest.mark.browser

LIMIT_S = 60.0
REST_S = 0.1
RECORDED = Path(__file__).parents[1] / "controlplane" / "console" / "loop" / "recorded.json"
SERIES = """
const chart = getElement(+document.querySelector('[data-testid=timeline]').id.slice(1)).chart;
return Object.fromEntries(chart.getOption().series.map(item => [item.id, item.data.length]));
"""


def chapter(name: str) -> dict[str, Any]:
    """What a running installation told, up to some point: ``quiet``, ``drift``, ``switched`` or ``back``."""
    told: dict[str, Any] = json.loads(RECORDED.read_text())
    if name == "back":
        return told
    first, second = told["served"][:2]
    if name == "switched":
        return told | {"served": [first, second | {"to_s": None}], "runs": told["runs"][:1]}
    told |= {"served": [first | {"to_s": None}], "versions": told["versions"][:1], "runs": [], "curve": None}
    return told | {"looks": told["looks"][:1] if name == "drift" else []}


class Loop(OnlineSide):
    """The console alone."""

    def tell(self, name: str, **of_version_1: Any) -> None:
        """Have the page told a chapter; what is named of the first version is told otherwise."""
        told = chapter(name)
        first, *others = told["versions"]
        aside = self.folder / "aside.json"
        aside.write_text(json.dumps(told | {"versions": [first | of_version_1, *others]}))
        aside.replace(self.folder / "document.json")

    def orders(self) -> list[Any]:
        file = self.folder / "orders.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    folder = tmp_path_factory.mktemp("loop")
    ports = zip(("console", "controller", "pce"), free_ports(3), strict=True)
    config = load_config("five-node", [f"services.{name}_port={port}" for name, port in ports])
    home = Home(folder / "home").create()
    home.config_file.write_text(dump_config(config))
    environment = os.environ | home.credentials().environment()
    environment |= {"LIGHTLOOP_HOME": str(home.root), "LIGHTLOOP_CONFIG": str(home.config_file)}
    side = Loop(config, folder, environment)
    side.tell("quiet")
    try:
        side.start("console", (str(fake_loop.__file__),))
        side.wait_for("console")
        yield side
    finally:
        side.stop()


class LoopTab:
    """The open page."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        browser.set_window_size(1440, 1400)  # a notice lies below the buttons, not on them
        browser.get(address)
        self.until(lambda: self.titles())

    def all(self, testid: str) -> list[Any]:
        found: list[Any] = self.browser.find_elements("css selector", f"[data-testid={testid}]")
        return found

    def press(self, testid: str) -> None:
        """Press what stands there once, when it has come to rest: a dialog grows for a moment."""

        def pressed() -> bool:
            (one,) = self.all(testid)
            before = one.rect
            time.sleep(REST_S)
            is_at_rest = one.is_displayed() and one.rect == before
            if is_at_rest:
                one.click()
            return is_at_rest

        self.until(pressed)

    def titles(self) -> list[str]:
        return [item.text.splitlines()[0] for item in self.all("event")]

    def links(self) -> list[str]:
        found = self.browser.find_elements("css selector", "[data-testid=event] a")
        return [each.get_attribute("href") for each in found]

    def notices(self) -> list[str]:
        """What the notices on the page say; one goes after some seconds."""
        return [each.text for each in self.browser.find_elements("css selector", ".q-notification")]

    def order(self, testid: str, says: str) -> None:
        """Press a button and the one of the dialog that it opens, until the page says something of that."""
        self.press(testid)
        self.press("go")
        said = self.until(lambda: [each for each in self.notices() if says in each])
        if "Not done" in said[0]:
            self.press("close")
        self.until(lambda: not self.browser.find_elements("css selector", ".q-dialog"))

    def until(self, condition: Callable[[], Any]) -> Any:
        return until(condition, LIMIT_S)


def test_with_fakes_drift_is_planted_retrain_pressed_and_the_new_version_stands_on_the_axis(
    loop: Loop,
) -> None:
    loop.tell("quiet")
    before = loop.orders()
    with browser_of(loop, Role.OPERATOR) as browser:
        page = LoopTab(browser, f"{loop.url}/loop")
        page.until(lambda: page.titles() == ["Version 1 in service"])
        loop.tell("drift")
        page.until(lambda: page.titles()[0] == "Drift seen")
        page.order("retrain", "Under way: flow run flow-run")
        who = {"reason": "by hand (asked by a-operator)"}
        assert loop.orders()[len(before) :] == [["continuous-training/continuous-training", who]]
        loop.tell("switched")
        page.until(lambda: "Version 2 in service" in page.titles())
        titles = page.titles()  # the newest stands first
        assert titles.index("Version 2: promoted") < titles.index("Training began")
        assert titles.index("Version 2 in service") < titles.index("Training began")
        assert page.until(lambda: browser.execute_script(SERIES)["marks-service"] == 2)
        assert "http://mlflow.test/#/models/lightloop-five-node/versions/2" in page.links()
        mlflow = page.all("link-mlflow")[0].get_attribute("href")
        assert mlflow.startswith("http://mlflow.test/#/experiments/1")


@pytest.mark.long  # three browsers and six dialogs: half a minute beside other work
def test_with_fakes_no_reader_and_no_operator_can_promote_and_an_administrator_can(loop: Loop) -> None:
    loop.tell("back")
    before = loop.orders()
    needs = {
        "retrain": ("train", Role.OPERATOR),
        "roll-back": ("roll-back", Role.ADMINISTRATOR),
        "promote-2": ("promote", Role.ADMINISTRATOR),
    }
    for role in (Role.READER, Role.OPERATOR):
        with browser_of(loop, role) as browser:
            page = LoopTab(browser, f"{loop.url}/loop")
            for button, (route, needed) in needs.items():
                if needed != role:
                    page.order(button, f"POST /loop/{route} needs the role {needed}; a-{role} is {role}")
    assert loop.orders() == before
    with browser_of(loop, Role.ADMINISTRATOR) as browser:
        page = LoopTab(browser, f"{loop.url}/loop")
        page.press("promote-2")
        page.until(lambda: page.all("go"))
        loop.tell("back", policy="another rule")  # the table changes below the dialog
        page.until(lambda: any("another rule" in row.text for row in page.all("version-row")))
        browser.execute_script("arguments[0].click(); arguments[0].click()", page.all("go")[0])
        page.until(lambda: any("Under way" in each for each in page.notices()))
    asked = {"version": "2", "reason": "by hand (asked by a-administrator)"}
    assert loop.orders()[len(before) :] == [["provision/provision", asked]]


def test_with_fakes_a_chain_is_reached_by_its_address_and_its_times_are_local(
    loop: Loop, chromium: Any
) -> None:
    chromium.get(loop.login_url)
    chromium.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Madrid"})
    page = LoopTab(chromium, f"{loop.url}/loop?of=one-decision")
    (facts,) = page.until(lambda: page.all("step-facts"))
    assert "31 Jan 13:00" in facts.text
    hover = facts.find_element("css selector", "time").get_attribute("title")
    assert hover == "2026-01-31 12:00:00 UTC"
    assert "one-decision" in page.all("step")[0].text
