"""The loop page as a person uses it, with nothing behind it but stored data: Prefect and MLflow are away."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from configs.home import Home
from configs.load import dump_config, load_config
from deployments.ports import free_ports
from tests.browser import waiting
from tests.browser.conftest import OnlineSide

pytestmark = pytest.mark.browser

LIMIT_S = 90.0  # the command that reads what is stored starts with the first page
until = partial(waiting.until, limit_s=LIMIT_S)
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What axe-core finds; the bar that Quasar shows while something loads has no name, and is gone in a moment.
AXE = """
const done = arguments[arguments.length - 1];
axe.run({exclude: ['.q-loading-bar']}, {runOnly: arguments[0]}).then(found =>
  done(found.violations.map(item => [item.id, item.nodes.length, item.nodes[0].html])));
"""
SERIES = """
const chart = getElement(+document.querySelector('[data-testid=timeline]').id.slice(1)).chart;
return Object.fromEntries(chart.getOption().series.map(item => [item.id, item.data.length]));
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnlineSide]:
    """The console alone; two versions have served, and requests were decided."""
    folder = tmp_path_factory.mktemp("loop")
    ports = free_ports(5)
    names = ("console", "controller", "pce", "prefect", "mlflow")
    overrides = [f"services.{name}_port={port}" for name, port in zip(names, ports, strict=True)]
    config, home = load_config("five-node", overrides), Home(folder / "home").create()
    home.config_file.write_text(dump_config(config))
    began_s = time.time() - 900
    model = f"{config.mlflow.model_name}-{config.scenario}"
    lines = [
        {"action": "promote", "version": "1", "previous_version": "", "time_s": began_s, "reason": "first"},
        {
            "action": "promote",
            "version": "2",
            "previous_version": "1",
            "time_s": began_s + 300,
            "reason": "better",
        },
        {
            "action": "rollback",
            "version": "1",
            "previous_version": "2",
            "time_s": began_s + 600,
            "reason": "worse",
        },
    ]
    rest = {"model_name": model, "policy": "ksp_ff"}
    (home.serving / "promotions.jsonl").write_text("".join(json.dumps(line | rest) + "\n" for line in lines))
    home.decisions.mkdir(parents=True, exist_ok=True)
    rows = (
        {"decision_id": str(n), "time_s": began_s + 4 * n, "outcome": "accepted" if n % 9 else "blocked"}
        | {"decided_by": "model", "cause": "create", "source": "A", "destination": "B"}
        for n in range(200)
    )
    part = home.decisions / "part-00000001-20260101T000000Z.jsonl"
    part.write_text("".join(json.dumps(row) + "\n" for row in rows))
    environment = os.environ | home.credentials().environment()
    environment |= {"LIGHTLOOP_HOME": str(home.root), "LIGHTLOOP_CONFIG": str(home.config_file)}
    side = OnlineSide(config, folder, environment)
    try:
        side.start("console")
        side.wait_for("console")
        yield side
    finally:
        side.stop()


@pytest.fixture
def page(console: OnlineSide, chromium: Any) -> Any:
    chromium.get(console.login_url)
    chromium.get(f"{console.url}/loop")
    until(lambda: find(chromium, "event"))
    return chromium


def find(browser: Any, testid: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", f"[data-testid={testid}]")
    return found


def test_switch_and_roll_back_stand_on_the_axis_and_what_is_away_is_named(page: Any) -> None:
    titles = [item.text.splitlines()[0] for item in find(page, "event")]
    assert titles == ["Rolled back to version 1", "Version 2 in service", "Version 1 in service"]
    drawn = until(lambda: page.execute_script(SERIES))
    assert (drawn["marks-service"], drawn["spans"]) == (3, 3)
    assert drawn["live"] > 1
    said = until(lambda: find(page, "loop-banner")[0].text)
    assert "MLflow at" in said
    assert "Prefect at" in said
    assert "No version yet" in find(page, "registry")[0].text
    hover = page.find_element("css selector", "[data-testid=event] time").get_attribute("title")
    assert hover.endswith(" UTC")
    links = page.find_elements("css selector", "[data-testid=event] a")
    assert all("/#/models/" in link.get_attribute("href") for link in links)


def test_a_training_is_asked_for_by_keyboard_and_the_refusal_is_told(page: Any) -> None:
    from selenium.webdriver import Keys

    button = find(page, "retrain")[0]
    for _ in range(60):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.switch_to.active_element == button:
            break
    assert page.switch_to.active_element == button
    page.switch_to.active_element.send_keys(Keys.ENTER)
    go = until(lambda: find(page, "go"))[0]
    go.send_keys(Keys.ENTER)
    told = until(lambda: page.find_elements("css selector", ".q-notification")[0].text)
    assert "Not done: Prefect at" in told
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: not find(page, "dialog"))


def test_the_page_is_readable_to_the_standard_in_both_themes_and_on_a_phone(page: Any) -> None:
    from axe_playwright_python.base import AXE_SCRIPT

    page.set_script_timeout(120)
    for width in (1280, 500):
        page.set_window_size(width, 900)
        for _ in range(2):
            page.execute_script(AXE_SCRIPT)
            assert page.execute_async_script(AXE, LEVELS) == []
            find(page, "theme")[0].click()
            time.sleep(0.5)
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.set_window_size(1440, 900)
