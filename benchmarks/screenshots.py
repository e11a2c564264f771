"""The pictures of README and docs, light and dark, of pages that really run. ``make screenshots``.

``python -m benchmarks.screenshots`` tells the demo in the installation of ``LIGHTLOOP_HOME``, then takes the
pictures of the loop page; with ``--running`` it takes them of what runs there already. The pictures of the
network page have a stack of their own each. ``--only loop,console`` takes some. What else is given goes to
the demo, e.g. ``--shifted 1000``. A scene is a page and what a person does on it before the picture. Needs
Chromium and its driver. Not here: pictures of measured figures, which the benchmark of each draws.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from agents.artefact import GENERALIST_FOLDER
from benchmarks.chromium import ChromiumError, chromium
from benchmarks.controlplane_stack import StackError, running_stack
from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.console.theme import THEME_COOKIE

IMAGES = Path(__file__).parents[1] / "docs" / "images"
THEMES = ("light", "dark")
SIZE = (1440, 900)
PHONE = (390, 844)
LIMIT_S = 180.0  # for what a scene waits for
SETTLE_S = 2.5  # charts draw themselves


class ScreenshotError(ValueError):
    """A picture cannot be taken; says of what, and what is missing."""


@dataclass(frozen=True)
class Scene:
    """One picture.

    Attributes:
        name: of its file; the dark one has ``-dark`` behind.
        path: of the console.
        prepare: what a person does first.
        size: width and height of the window, px.
    """

    name: str
    path: str
    prepare: Callable[[Any], None]
    size: tuple[int, int] = SIZE


def network(browser: Any) -> None:
    """The latest service is chosen."""
    click(browser, "service-row")


def loop(browser: Any) -> None:
    """The time axis with its marks, as of now."""
    until(browser, "event")
    deadline = time.monotonic() + LIMIT_S
    while "reading anew" in until(browser, "timeline-note").text and time.monotonic() < deadline:
        time.sleep(0.5)


def registry(browser: Any) -> None:
    """Registry, training, demand then and now."""
    loop(browser)
    until(browser, "version-row")
    show(browser, "registry")


def lineage(browser: Any) -> None:
    """The chain behind the latest lightpath."""
    until(browser, "event")
    click(browser, "offered")
    until(browser, "step")
    show(browser, "lineage")


SCENES = (
    Scene("loop", "/loop", loop),
    Scene("loop-registry", "/loop", registry),
    Scene("loop-lineage", "/loop", lineage),
    Scene("loop-phone", "/loop", loop, PHONE),
)


@dataclass(frozen=True)
class NetworkScene:
    """A network page with services on it.

    Attributes:
        name: of its picture.
        scenario: of its stack.
        agent: that decides.
        services: that are asked for.
    """

    name: str
    scenario: str
    agent: Path
    services: int


NETWORK_SCENES = (
    NetworkScene("console", "latency-rsa", GENERALIST_FOLDER, 90),
    NetworkScene("console-bands", "qot-rmbsa", GENERALIST_FOLDER.with_name("qot"), 150),
)


def until(browser: Any, testid: str) -> Any:
    """The first element of that name, once it is there.

    Raises:
        ScreenshotError: it does not come.
    """
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if found := browser.find_elements("css selector", f"[data-testid={testid}]"):
            return found[0]
        time.sleep(0.2)
    raise ScreenshotError(f"{browser.current_url} shows no {testid} within {LIMIT_S:g} s")


def click(browser: Any, testid: str) -> None:
    """Click on the first element of that name; one that is drawn anew meanwhile is looked for again."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            until(browser, testid).click()
            return
        except ScreenshotError:
            raise
        except Exception as error:
            if time.monotonic() > deadline:
                raise ScreenshotError(f"{testid} cannot be clicked: {error}") from None
            time.sleep(0.3)


def show(browser: Any, testid: str) -> None:
    """Have an element stand at the top of the window."""
    found = until(browser, testid)
    browser.execute_script("arguments[0].scrollIntoView({block: 'start'}); window.scrollBy(0, -14);", found)


def take(url: str, login_url: str, folder: Path, scenes: tuple[Scene, ...] = SCENES) -> list[Path]:
    """The files of the pictures.

    Args:
        url: of the console.
        login_url: the same with user and password in it.
        folder: of the pictures.
        scenes: which.

    Raises:
        ChromiumError: there is none.
        ScreenshotError: a page does not show what it should.
    """
    taken = []
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        browser.get(login_url)  # once told, the browser remembers user and password
        for scene in scenes:
            for theme in THEMES:
                _size(browser, *scene.size)
                browser.add_cookie({"name": THEME_COOKIE, "value": theme})
                browser.get(url + scene.path)
                scene.prepare(browser)
                time.sleep(SETTLE_S)
                file = folder / f"{scene.name}{'-dark' if theme == 'dark' else ''}.png"
                browser.save_screenshot(str(file))
                taken.append(file)
    return taken


def _size(browser: Any, width: int, height: int) -> None:
    """Have the page itself so large: a window is larger than what it shows."""
    told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)


def take_network(asked: NetworkScene, folder: Path, say: Callable[[str], None]) -> list[Path]:
    """The files of the pictures of a network page, as those of ``take``.

    Raises:
        StackError: a process does not come up.
    """
    with running_stack(asked.scenario, [], say) as stack:
        stack.serve_model(asked.agent)
        stack.start(("console",))
        with ControllerClient(stack.url("controller"), stack.home.credentials()) as client:
            random = Random(1)
            for _ in range(asked.services):
                a, b = random.sample(client.nodes(), 2)
                with suppress(ServiceRefused):  # it would be on the page too
                    client.place_service(a, b, random.choice(stack.config.traffic.bit_rates_gbps))
        return take(*addresses(stack.config, stack.home), folder, (Scene(asked.name, "/", network),))


def addresses(config: Config, home: Home) -> tuple[str, str]:
    """The console's address, and the same with user and password in it."""
    url, login = config.services.url("console"), home.credentials()
    return url, url.replace("://", f"://{login.user}:{login.password}@")


def main(arguments: list[str] | None = None) -> int:
    """Tell the demo, unless it runs or is not asked for; take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="latency-rsa")
    parser.add_argument("--running", action="store_true", help="take pictures of what runs already")
    every = [each.name for each in (*SCENES, *NETWORK_SCENES)]
    parser.add_argument("--only", default=",".join(every), help="names of pictures, with commas between")
    parser.add_argument("--out", type=Path, default=IMAGES)
    asked, more = parser.parse_known_args(arguments)
    names = asked.only.split(",")
    if unknown := [name for name in names if name not in every]:
        parser.error(f"--only: no picture {unknown[0]!r}; there are {', '.join(every)}")
    scenes = tuple(scene for scene in SCENES if scene.name in names)
    home, taken = Home.from_environment(), []
    if scenes and not asked.running:
        lightloop = str(Path(sys.executable).with_name("lightloop"))
        subprocess.run([lightloop, "demo", "--scenario", asked.scenario, "--keep", *more], check=True)
    if scenes and not home.config_file.exists():
        print(f"nothing was ever started in {home.root}; leave --running away", file=sys.stderr)
        return 1
    try:
        if scenes:
            taken += take(*addresses(load_config(str(home.config_file)), home), asked.out, scenes)
        for each in NETWORK_SCENES:
            if each.name in names:
                taken += take_network(each, asked.out, lambda words: print(words, file=sys.stderr))
    except (ChromiumError, ScreenshotError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(map(str, taken)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
