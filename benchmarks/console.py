"""The network page on a large network: from set-up to picture, frames under load, bytes a change.

Controller, elements, PCE and console are processes of their own (``controlplane_stack.py``), the page is open
in headless Chromium. Not here: what a set-up itself costs (``controlplane.py``).
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.chromium import chromium
from benchmarks.controlplane_load import BIT_RATE_GBPS, Clients
from benchmarks.controlplane_stack import Stack, running_stack
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL
from topologies.catalogue import dump_topology
from topologies.model import Fibre, Node, Topology

PICTURE_S = 60.0  # that a picture may take before it counts as missing
DRAWN_WHOLE_S = 3.0  # after a page was opened everything is sent whole
QUIET_S = 1.2  # after a picture, until whatever else the page is told of the change has come
FILLING_CLIENTS = 4
SPACING_KM = 100.0
FLAGS = ("--window-size=1440,900",)
# Counts what the page's socket brings, from the first byte.
_COUNT_BYTES = """
window.received = 0;
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...words) {
    super(...words);
    this.addEventListener('message', event => {
      const data = event.data;
      window.received += typeof data === 'string' ? new Blob([data]).size : data.byteLength ?? data.size;
    });
  }
};
"""
# Notes when a service was first on a frame of the spectrum grid, and of the map; since 1970, in ms.
_WATCH = """
const part = testid => getElement(+document.querySelector(`[data-testid=${testid}]`).id.slice(1));
const map = part('map').chart, blocks = part('grid-blocks');
const shown = {
  grid: () => blocks.paths.keys(),
  map: () => map.getModel().option.series.find(each => each.id === 'lightpath').data.map(path => path.name),
};
window.drawn = {grid: {}, map: {}};
for (const [place, names] of Object.entries(shown))
  part(place).chart.on('rendered', () => {
    const now = performance.timeOrigin + performance.now();
    for (const name of names()) window.drawn[place][name] ??= now;
  });
"""
_WHEN_DRAWN = """
const [name, limit_ms, done] = arguments, began = performance.now();
const look = () => {
  const times = Object.values(window.drawn).map(drawn => drawn[name]);
  if (times.every(Boolean)) done(Math.max(...times));
  else if (performance.now() - began > limit_ms) done(null);
  else setTimeout(look, 10);
};
look();
"""
_FRAMES = """
const [took_ms, done] = arguments, began = performance.now(), gaps = [];
let last = began;
const frame = now => {
  gaps.push(now - last); last = now;
  if (now - began < took_ms) requestAnimationFrame(frame); else done(gaps.slice(1));
};
requestAnimationFrame(frame);
"""
_BLOCKS = "return getElement(+document.querySelector('[data-testid=grid-blocks]').id.slice(1)).paths.size"


class PageError(ValueError):
    """The page does not show what it should; says what is missing."""


@dataclass(frozen=True)
class PageMeasurement:
    """What is to be measured.

    Attributes:
        topology: a network of the catalogue, or a file; empty: a square grid of so many ``nodes``.
        nodes: of the grid.
        slots: of a link.
        lightpaths: that stand meanwhile.
        set_ups: that are timed, one after another.
        per_s: services that are set up in a second while frames are counted; as many are taken down.
        seconds: for which frames are counted.
    """

    topology: str = ""
    nodes: int = 100
    slots: int = 320
    lightpaths: int = 1000
    set_ups: int = 30
    per_s: float = 10.0
    seconds: float = 10.0


@dataclass(frozen=True)
class PageFigures:
    """What was measured.

    Attributes:
        topology: of the network on the page.
        nodes, fibre_pairs: of it.
        lightpaths: that stood.
        opened_s: from the address typed to the picture of all of them.
        picture_p50_ms, picture_p95_ms: from the answer that a service is set up to the frame on which map and
            grid both show it.
        bytes_per_change: that the page was sent for one more service, median; all of the page together.
        came_and_went_per_s: services set up, and as many taken down, while frames were counted.
        frames_per_s: that the page drew meanwhile.
        frame_p99_ms, longest_frame_ms: between two of them.
        processors: of the machine.
        load_average: of the last minute, at the end.
    """

    topology: str
    nodes: int
    fibre_pairs: int
    lightpaths: int
    opened_s: float
    picture_p50_ms: float
    picture_p95_ms: float
    bytes_per_change: float
    came_and_went_per_s: float
    frames_per_s: float
    frame_p99_ms: float
    longest_frame_ms: float
    processors: int
    load_average: float


def grid_topology(num_nodes: int) -> Topology:
    """A grid of so many sites, as square as it goes, 100 km from one to the next."""
    width = int(np.ceil(np.sqrt(num_nodes)))
    places = [divmod(index, width) for index in range(num_nodes)]
    nodes = tuple(Node(f"n{index}", 50.0 - row, 1.4 * column) for index, (row, column) in enumerate(places))
    fibres = [
        Fibre(f"n{index}", f"n{other}", SPACING_KM)
        for index, (_, column) in enumerate(places)
        for other in ((index + 1,) if column + 1 < width else ()) + (index + width,)
        if other < num_nodes
    ]
    return Topology(f"grid-{num_nodes}", "made for this measurement", nodes, tuple(fibres))


def measure(asked: PageMeasurement, say: Callable[[str], None]) -> PageFigures:
    """The figures of one network.

    Raises:
        ChromiumError: it is missing.
        StackError, LoadError: a process does not come up, or the network has no room for what is to stand.
        PageError: the page does not show what it should.
    """
    with TemporaryDirectory(prefix="lightloop-bench-") as folder:
        named = asked.topology
        if not named:
            file = Path(folder) / "grid.json"
            file.write_text(dump_topology(grid_topology(asked.nodes)))
            named = str(file)
        # Which paths a pair has does not matter to the picture, but to how long the PCE looks for them: two
        # corners of the grid have 48,620 shortest paths, and the other tie rules look at all of them.
        plant = {"topology": named, "num_slots": asked.slots, "k_paths": 2, "path_ties": "library"}
        plant |= {"max_candidates": 8, "shortlist": 0}
        overrides = [f"plant.{name}={value}" for name, value in plant.items()]
        with chromium(FLAGS) as browser, running_stack("latency-rsa", overrides, say) as stack:
            clients = Clients(stack)
            clients.fill(asked.lightpaths, FILLING_CLIENTS, say)
            say("opening the page")
            stack.start(("console",))
            return _on_page(asked, stack, clients, browser, say)


def _on_page(
    asked: PageMeasurement, stack: Stack, clients: Clients, browser: Any, say: Callable[[str], None]
) -> PageFigures:
    opened_s = _open(stack, browser, asked.lightpaths)
    time.sleep(DRAWN_WHOLE_S)
    browser.execute_script(_WATCH)
    with ControllerClient(stack.url("controller"), stack.home.credentials()) as client:
        services = _ComingAndGoing(client, clients.nodes, stack.config.plant.shared_spectrum)
        say(f"{asked.set_ups} set-ups, one after another")
        timed = [_timed(services, browser) for _ in range(asked.set_ups)]
        say(f"{asked.seconds:g} s of services that come and go")
        browser.set_script_timeout(asked.seconds + PICTURE_S)
        with services.come_and_go(asked.per_s) as counted:
            gaps_ms = browser.execute_async_script(_FRAMES, asked.seconds * 1000.0)
            came = counted()
    took_s = sum(gaps_ms) / 1000.0
    p50_ms, p95_ms = np.quantile([each[0] for each in timed], [0.5, 0.95])
    topology = browser.find_element("css selector", "[data-testid=topology]").text
    name, _, size = topology.partition(" · ")
    numbers = [int(word) for word in size.split() if word.isdigit()]
    return PageFigures(
        topology=name,
        nodes=numbers[0],
        fibre_pairs=numbers[1],
        lightpaths=asked.lightpaths,
        opened_s=opened_s,
        picture_p50_ms=float(p50_ms),
        picture_p95_ms=float(p95_ms),
        bytes_per_change=float(np.median([each[1] for each in timed])),
        came_and_went_per_s=came / took_s,
        frames_per_s=len(gaps_ms) / took_s,
        frame_p99_ms=float(np.quantile(gaps_ms, 0.99)),
        longest_frame_ms=float(max(gaps_ms)),
        processors=os.cpu_count() or 1,
        load_average=os.getloadavg()[0],
    )


def _open(stack: Stack, browser: Any, lightpaths: int) -> float:
    """Seconds until the page shows everything that stands."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _COUNT_BYTES})
    known, url = stack.home.credentials(), stack.url("console")
    # once told, the browser remembers user and password
    browser.get(url.replace("://", f"://{known.user}:{known.password}@") + "/ready")
    began_s = time.perf_counter()
    browser.get(url)
    while True:
        try:
            shown: object = browser.execute_script(_BLOCKS)
        except Exception as error:  # the page is not there yet
            shown = error
        took_s = time.perf_counter() - began_s
        if shown == lightpaths:
            return took_s
        if took_s > PICTURE_S:
            raise PageError(f"the page shows {shown} of {lightpaths:,} lightpaths after {PICTURE_S:g} s")
        time.sleep(0.05)


def _timed(services: _ComingAndGoing, browser: Any) -> tuple[float, int]:
    """Milliseconds from the answer that a service is set up to its picture, and bytes that were sent."""
    before = browser.execute_script("return window.received")
    browser.set_script_timeout(2 * PICTURE_S)
    uuid = services.set_up()
    answered_ms = 1000.0 * time.time()
    drawn_ms = browser.execute_async_script(_WHEN_DRAWN, uuid, 1000.0 * PICTURE_S)
    if drawn_ms is None:
        raise PageError(f"service {uuid} is not on the page after {PICTURE_S:g} s")
    time.sleep(QUIET_S)
    return drawn_ms - answered_ms, browser.execute_script("return window.received") - before


class _ComingAndGoing:
    """Sets services up between random nodes, and takes them down, the oldest first."""

    def __init__(self, client: ControllerClient, nodes: Sequence[str], is_shared: bool) -> None:
        self._client, self._nodes = client, list(nodes)
        self._direction = BIDIRECTIONAL if is_shared else UNIDIRECTIONAL
        self._random = Random(2)
        self._made: deque[str] = deque()

    def set_up(self) -> str:
        """UUID of one more service; ends between which there is no room are passed over."""
        while True:
            a, b = self._random.sample(self._nodes, 2)
            try:
                uuid = self._client.request_service(a, b, BIT_RATE_GBPS, direction=self._direction)
            except ServiceRefused as error:
                if not error.status:  # it does not answer
                    raise
            else:
                self._made.append(uuid)
                return uuid

    @contextmanager
    def come_and_go(self, per_s: float) -> Iterator[Callable[[], int]]:
        """Until the block ends one is set up and one taken down that often; what is yielded counts them."""
        over, count = threading.Event(), 0

        def run() -> None:
            nonlocal count
            due_s = time.monotonic()
            while not over.wait(max(0.0, due_s - time.monotonic())):
                due_s += 1.0 / per_s
                self.set_up()
                self._client.delete_service(self._made.popleft())
                count += 1

        working = threading.Thread(target=run, daemon=True)
        working.start()
        try:
            yield lambda: count
        finally:
            over.set()
            working.join()
