"""The page of the running system, driven as a person would, against the real controller, elements and PCE."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.client import ControllerClient, ServiceRefused
from controlplane.console.palette import LIGHT, SERVICES
from controlplane.roles import Role
from tests.browser.conftest import browser_of
from tests.browser.network_page import AT_NODE, Page

pytestmark = pytest.mark.browser

# What axe-core finds against WCAG, level A and AA: rule, how many places, the first of them.
AXE = """
const done = arguments[0];
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(found =>
  done(found.violations.map(each => [each.id, each.nodes.length, each.nodes[0].html.slice(0, 200)])));
"""


@pytest.fixture(scope="module")
def client(online: Any) -> Iterator[ControllerClient]:
    with online.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def logged_in(online: Any, chromium: Any) -> Any:
    """The browser; once told, it remembers user and password."""
    chromium.get(online.login_url)
    return chromium


@pytest.fixture
def page(online: Any, logged_in: Any, client: ControllerClient) -> Page:
    for lightpath in client.services():
        client.delete_service(lightpath.service_uuid)
    logged_in.get(online.url)
    opened = Page(logged_in)
    opened.until(lambda: opened.drawn("map", "nodes") and not opened.services())
    return opened


def rgb(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def test_a_service_requested_in_the_form_is_set_up_and_shown(page: Page, client: ControllerClient) -> None:
    page.request("CA1", "NY", "100", "40")
    page.until(lambda: page.all("result-done"))
    (lightpath,) = client.services()
    assert (lightpath.nodes[0], lightpath.nodes[-1]) == ("CA1", "NY")

    assert page.words("result-route") == " · ".join(lightpath.nodes)
    assert lightpath.modulation_format in page.words("result-slots")
    assert page.words("result-latency") == f"{lightpath.latency_ms:.2f} ms"
    assert page.words("result-decided-by") == lightpath.decided_by

    page.until(lambda: page.services() == [lightpath.service_uuid])
    row = page.until(lambda: page.words("service-row"))
    assert "CA1 → NY" in row
    last_slot = lightpath.first_slot + lightpath.num_slots - 1
    assert f"{lightpath.first_slot}–{last_slot}" in row

    (route,) = page.until(lambda: page.drawn("map", "lightpath"))
    assert route["name"] == lightpath.service_uuid
    places = {node["name"]: node["value"] for node in page.drawn("map", "nodes")}
    assert route["coords"] == [places[node] for node in lightpath.nodes]

    blocks = page.until(lambda: page.blocks(lightpath.service_uuid))
    assert len(blocks) == len(lightpath.links)
    for first_slot, row_index, num_slots in blocks:
        assert (first_slot, num_slots) == (lightpath.first_slot, lightpath.num_slots)
        middle = [first_slot + num_slots / 2, row_index]
        page.until(lambda middle=middle: page.pixel("grid", middle)["colour"] == rgb(LIGHT.accent))

    assert [service.service_uuid for service in client.services()] == [lightpath.service_uuid]
    page.until(lambda: page.words("figure-services") == "1")
    page.until(lambda: "CA1 → NY" in page.all("decision-row")[0].text)

    # no model is in service here, so there is no inference
    for name in ("request", "controller", "pce", "decision", "elements"):
        page.until(lambda name=name: "done" in page.one(f"step-{name}").get_attribute("class"))
        assert page.words(f"step-{name}").endswith(" ms")
    assert "CA1 → NY" in page.words("steps-headline")
    page.click("result-why")
    page.until(lambda: "CA1 → NY" in page.words("why-title"))


def test_a_service_placed_elsewhere_appears_by_itself(page: Page, client: ControllerClient) -> None:
    page.browser.execute_script("window.untouched = true")
    lightpath = client.place_service("WA", "DC", 50)
    page.until(lambda: page.services() == [lightpath.service_uuid])
    page.until(lambda: len(page.blocks(lightpath.service_uuid)) == len(lightpath.links))
    page.until(lambda: "WA → DC" in page.words("steps-headline") and page.one("steps-why").is_displayed())
    page.click("tab-why")
    page.until(lambda: "WA → DC" in page.words("why-title"))  # nothing was chosen: the newest request
    client.delete_service(lightpath.service_uuid)
    page.until(lambda: not page.services())
    assert page.browser.execute_script("return window.untouched") is True  # it was not loaded anew


def test_an_impossible_latency_bound_shows_the_reason_and_allocates_nothing(
    page: Page, client: ControllerClient
) -> None:
    page.request("CA1", "NY", "100", "0.5")
    page.until(lambda: page.all("result-refused"))
    assert "0.5" in page.words("result-reason")
    page.until(lambda: "0.5" in page.words("steps-reason"))
    page.until(lambda: "refused" in page.one("step-decision").get_attribute("class"))
    page.click("steps-why")
    page.until(lambda: "“latency”" in page.words("why-sentence"))
    assert client.services() == ()
    assert page.services() == []
    page.click("tab-decisions")
    page.until(lambda: "CA1 → NY" in page.all("decision-row")[0].text)


def test_the_form_says_what_is_wrong(page: Page, client: ControllerClient) -> None:
    page.request("CA1", "CA1", "100", "")
    page.until(lambda: "two different nodes" in page.words("result-reason"))
    page.choose("destination", "NY")
    for rate, bound, words in (
        ("0", "", "positive number of Gb/s"),
        ("100", "0", "positive number of ms"),
        ("33.3", "", "whole Gb/s"),
    ):
        page.fill("bit-rate", rate)
        page.fill("max-latency", bound)
        page.click("submit")
        page.until(lambda words=words: words in page.words("result-reason"))
    assert client.services() == ()


def test_a_row_or_a_block_selects_a_service_and_its_cross_deletes_it(
    page: Page, client: ControllerClient
) -> None:
    from selenium.webdriver import ActionChains

    first, second = client.place_service("WA", "TX", 100), client.place_service("CA2", "IL", 100)
    page.until(lambda: page.services() == [second.service_uuid, first.service_uuid])
    # the most recent until one is selected
    page.until(lambda: page.drawn("map", "lightpath")[0]["name"] == second.service_uuid)

    page.click("service-row", f'[data-service="{first.service_uuid}"]')
    page.until(lambda: page.drawn("map", "lightpath")[0]["name"] == first.service_uuid)
    page.until(lambda: "WA → TX" in page.words("focus-text"))
    slot, row, num_slots = page.blocks(first.service_uuid)[0]
    page.until(lambda: page.pixel("grid", [slot + num_slots / 2, row])["colour"] == rgb(LIGHT.accent))

    slot, row, num_slots = page.blocks(second.service_uuid)[0]
    at = page.pixel("grid", [slot + num_slots / 2, row])
    assert at["colour"] not in [rgb(colour) for colour in SERVICES]  # dimmed
    actions = ActionChains(page.browser)
    actions.w3c_actions.pointer_action.move_to_location(round(at["x"]), round(at["y"])).click()
    actions.perform()
    page.until(lambda: page.drawn("map", "lightpath")[0]["name"] == second.service_uuid)
    page.until(
        lambda: (
            "chosen"
            in page.one("service-row", f'[data-service="{second.service_uuid}"]').get_attribute("class")
        )
    )

    page.click("service-row", f'[data-service="{second.service_uuid}"] [data-testid=delete]')
    page.until(lambda: page.services() == [first.service_uuid])
    assert [lightpath.service_uuid for lightpath in client.services()] == [first.service_uuid]


def test_why_a_path_was_chosen_is_told_and_drawn(page: Page, client: ControllerClient) -> None:
    from selenium.webdriver import ActionChains

    lightpath = client.place_service("WA", "TX", 100)
    page.until(lambda: page.services() == [lightpath.service_uuid])
    page.click("service-row")
    page.until(lambda: page.all("why-candidate"))
    assert "WA → TX" in page.words("why-title")
    assert "chosen" in page.all("why-candidate")[0].text
    assert "ksp_ff" in page.words("why-rule")
    lineage = page.one("why-lineage").get_attribute("href")
    assert lineage == f"{page.browser.current_url.rstrip('/')}/loop?of={lightpath.decision_id}"

    another = next(row for row in page.all("why-candidate") if "chosen" not in row.text)
    ActionChains(page.browser).move_to_element(another).perform()
    places = {node["name"]: node["value"] for node in page.drawn("map", "nodes")}
    nodes = another.text.splitlines()[0].split(" · ")
    page.until(lambda: page.drawn("map", "pointed")[0]["coords"] == [places[node] for node in nodes])
    assert len(page.drawn("grid", "pointed")) == len(nodes) - 1


def test_a_link_is_cut_repaired_and_drained_on_the_page(page: Page, client: ControllerClient) -> None:
    lightpath = client.place_service("CA1", "CA2", 100)
    page.until(lambda: page.services() == [lightpath.service_uuid])
    a, b = lightpath.nodes[:2]
    lines = [line["name"] for line in page.drawn("map", "fibres")]
    name = next(line for line in lines if set(line.split(" – ")) == {a, b})
    page.choose("link-list", name)
    page.until(lambda: page.words("link-title") == name)
    page.click("link-cut")
    page.until(lambda: "1 service restored, none lost" in page.words("link-outcome"))
    page.until(lambda: page.one("link-repair").is_displayed())
    (moved,) = client.services()
    assert {a, b} not in [set(link.split("-")) for link in moved.links]
    page.click("link-repair")
    page.until(lambda: "repaired" in page.words("link-outcome"))
    page.until(lambda: page.one("link-cut").is_displayed())

    (now,) = client.services()
    a, b = now.nodes[:2]
    name = next(line for line in lines if set(line.split(" – ")) == {a, b})
    page.choose("link-list", name)
    page.until(lambda: page.words("link-title") == name)
    page.click("link-drain")
    page.until(lambda: "1 service moved, none stayed" in page.words("link-outcome"))
    page.until(lambda: "drained" in page.words("link-note"))
    page.click("link-undrain")
    page.until(lambda: page.one("link-drain").is_displayed())


def test_a_node_is_drained_from_the_map(page: Page, client: ControllerClient) -> None:
    from selenium.webdriver import ActionChains

    lightpath = client.place_service("CA1", "CA2", 100)
    places = {node["name"]: node["value"] for node in page.drawn("map", "nodes")}
    at = page.browser.execute_script(AT_NODE, places["CA1"])
    actions = ActionChains(page.browser)
    actions.w3c_actions.pointer_action.move_to_location(round(at["x"]), round(at["y"])).click()
    actions.perform()
    page.until(lambda: page.words("link-title") == "CA1")
    page.until(lambda: "1 begin or end here, 0 pass through" in page.words("link-note"))
    assert not page.one("link-cut").is_displayed()
    page.click("link-drain")
    page.until(lambda: "no service moved, 1 stayed (it begins or ends at CA1)" in page.words("link-outcome"))
    page.until(lambda: page.words("link-note").startswith("drained"))
    with pytest.raises(ServiceRefused, match="CA1 is being drained"):
        client.place_service("CA1", "WA", 25)
    page.click("link-undrain")
    page.until(lambda: page.one("link-drain").is_displayed())
    assert client.place_service("CA1", "WA", 25).nodes[0] == "CA1"
    assert lightpath.service_uuid in {each.service_uuid for each in client.services()}


def test_a_reader_is_refused_every_change_with_a_clear_word(
    page: Page, client: ControllerClient, online: Any
) -> None:
    lightpath = client.place_service("WA", "TX", 100)
    refused = "needs the role operator; a-reader is reader"
    with browser_of(online, Role.READER) as browser:
        reader = Page(browser)
        browser.get(online.url)
        reader.until(lambda: reader.services() == [lightpath.service_uuid])
        reader.request("CA1", "NY", "100", "40")
        reader.until(lambda: refused in reader.words("result-reason"))
        reader.choose("link-list", reader.drawn("map", "fibres")[0]["name"])
        for button in ("cut", "drain"):
            reader.click(f"link-{button}")
            reader.until(lambda button=button: f"Not {button}" in reader.words("link-outcome"))
            assert refused in reader.words("link-outcome")
        reader.click("service-row", " [data-testid=delete]")
        reader.until(lambda: refused in browser.find_element("css selector", ".q-notification").text)
        reader.click("tab-load")
        reader.click("load-start")
        reader.until(lambda: refused in reader.words("load-said"))
        reader.click("tab-alarms")
        reader.until(lambda: reader.one("tab-alarms").get_attribute("aria-selected") == "true")
        assert not reader.all("note-alarm")
        browser.get(f"{online.url}/compare")  # which changes nothing of the network
        reader.until(lambda: reader.one("race-start").is_enabled())
    assert [service.service_uuid for service in client.services()] == [lightpath.service_uuid]
    assert not client.drained()


def test_light_and_dark_are_remembered(page: Page) -> None:
    body = lambda: page.browser.find_element("tag name", "body").get_attribute("class")  # noqa: E731
    page.until(lambda: "body--light" in body())
    page.click("theme")
    page.until(lambda: "body--dark" in body())
    page.browser.refresh()
    page.until(lambda: "body--dark" in body() and page.drawn("map", "nodes"))
    page.click("theme")
    page.until(lambda: "body--light" in body())


def test_the_page_fits_the_screen_and_loads_nothing_from_elsewhere(page: Page, online: Any) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        size = page.browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert size == [1440, 900]
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    loaded = page.browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded
    assert all(url.startswith(online.url) for url in loaded)
    assert [entry for entry in page.browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    links = [page.one(f"link-{name}").get_attribute("href") for name in ("prefect", "mlflow")]
    model = f"{online.config.services.url('mlflow')}/#/models/lightloop-latency-rsa"
    assert links == [online.config.services.url("prefect") + "/", model]  # no version is in service


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_meets_wcag_aa(page: Page, client: ControllerClient, theme: str) -> None:
    from axe_playwright_python.base import AXE_SCRIPT

    lightpath = client.place_service("WA", "TX", 100)
    page.until(lambda: page.services() == [lightpath.service_uuid])
    body = lambda: page.browser.find_element("tag name", "body").get_attribute("class")  # noqa: E731
    if f"body--{theme}" not in body():
        page.click("theme")
    page.until(lambda: f"body--{theme}" in body())
    page.browser.execute_script(AXE_SCRIPT)
    page.browser.set_script_timeout(60)
    for tab in ("decisions", "why", "load", "alarms"):
        page.click(f"tab-{tab}")
        page.until(lambda tab=tab: page.one(f"tab-{tab}").get_attribute("aria-selected") == "true")
        time.sleep(0.5)  # colours change gradually
        assert page.browser.execute_async_script(AXE) == []
    if theme == "dark":
        page.click("theme")
        page.until(lambda: "body--light" in body())


def test_a_dead_controller_is_said_and_a_new_one_is_found(
    page: Page, client: ControllerClient, online: Any
) -> None:
    lightpath = client.place_service("WA", "TX", 100)
    page.until(lambda: page.services() == [lightpath.service_uuid])
    online.kill("controller")
    page.until(
        lambda: page.one("banner").is_displayed() and "Controller not reachable" in page.words("banner")
    )
    assert page.services() == [lightpath.service_uuid]
    online.start("controller")
    online.wait_for("controller")
    page.until(lambda: not page.one("banner").is_displayed())
    page.until(lambda: page.services() == [lightpath.service_uuid])
    after = client.place_service("NE", "GA", 25)
    page.until(lambda: page.services() == [after.service_uuid, lightpath.service_uuid])
