"""The console's process: configuration in, a page on ``console_port``. Not here: the page (``page.py``)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from nicegui import app as pages
from nicegui import ui

from configs.bands import bands_of
from configs.home import Credentials, Home
from configs.load import load_config
from configs.schema import Config
from controlplane.auth import NOBODY, AuthMiddleware, People, identity_of
from controlplane.client import ControllerClient, PceClient
from controlplane.console.alarms import AlarmBook
from controlplane.console.compare.contestants import Races
from controlplane.console.compare.page import ComparePage, asked_of
from controlplane.console.feed import Feed
from controlplane.console.load import LoadRunner
from controlplane.console.loop.actions import LoopActions, PrefectClient
from controlplane.console.loop.document import Links
from controlplane.console.loop.feed import LoopFeed
from controlplane.console.loop.page import LoopPage
from controlplane.console.page import ConsolePage, PageSettings
from controlplane.console.permit import noting
from controlplane.console.routes import TABLE
from controlplane.console.theme import THEME_COOKIE
from controlplane.console.told_of_loop import measured_loop
from controlplane.guard import Guard
from controlplane.http_server import run
from controlplane.metrics import ready_answer
from controlplane.openapi import description
from topologies.catalogue import load_topology

TIMEOUT_S = 10.0  # of one question; a set-up waits for every element on the route
# That a browser may be silent: a page that is forgotten is loaded anew, and what was typed is gone.
AWAY_S = 30.0
FAVICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke-linecap="round"
stroke-width="2.6" stroke="#4f46e5"><path d="M12 3.2a8.8 8.8 0 1 1-8.3 5.9"/><circle cx="6.4" cy="5.2" r="2.1"
fill="#4f46e5"/></svg>"""


def make_feed(config: Config, credentials: Credentials, alarms: AlarmBook | None = None) -> Feed:
    """The feed of a configuration's controller and PCE; alarms are kept in a book, or in memory only."""
    return Feed(
        ControllerClient.of(config, credentials, TIMEOUT_S),
        PceClient(config.pce_urls, credentials, TIMEOUT_S),
        load_topology(config.plant.topology),
        bands_of(config),
        config.plant.shared_spectrum,
        alarms,
    )


def page_settings(config: Config) -> PageSettings:
    """What the page takes from the configuration."""
    bounds = {each.max_latency_ms for each in config.traffic.classes if each.max_latency_ms is not None}
    return PageSettings(
        scenario=config.scenario,
        links=Links(prefect=config.services.url("prefect"), mlflow=config.services.url("mlflow")),
        model_name=f"{config.mlflow.model_name}-{config.scenario}",
        bit_rates_gbps=config.traffic.bit_rates_gbps,
        bounds_ms=tuple(sorted(bounds)),
    )


def build_app(
    feed: Feed,
    settings: PageSettings,
    credentials: Credentials,
    people: People = NOBODY,
    prefect: PrefectClient | None = None,
    races: Races | None = None,
    loop_files: tuple[Path, str] | None = None,
    loop_feed: LoopFeed | None = None,
) -> FastAPI:
    """The ASGI application: its three pages, ``GET /health``, ``/ready`` and ``/metrics``.

    Page and socket ask for user and password. What a click changes the controller is asked for in the name of
    that user, with the console's own credentials. ``loop_files``: folder of the loop's files and the model's
    name, of which ``/metrics`` tells; None: nothing is told of the loop. ``loop_feed``: tells the loop page;
    None: ``lightloop loop`` does.
    """
    loop_feed, runner = loop_feed or LoopFeed(), LoadRunner()
    asked = prefect or PrefectClient(f"{settings.links.prefect}/api", credentials)
    actions = LoopActions(loop_feed, asked, settings.links.prefect)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(feed.run())
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await runner.close()
        await loop_feed.close()
        feed.close()

    app = FastAPI(
        title="lightloop console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_middleware(
        AuthMiddleware, credentials=credentials, table=TABLE, realm="lightloop console", people=people
    )

    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def ready() -> Response:
        # The page shows who does not answer, and goes on: without them it is degraded, not gone.
        return ready_answer([], feed.trouble())

    async def metrics(request: Request) -> Response:
        measured = feed.measured()
        if loop_files is not None:
            await asyncio.to_thread(measured_loop, measured, *loop_files)
        return measured.answer(request.headers.get("accept"))

    async def openapi() -> dict[str, Any]:
        return description(TABLE)

    for handler in (health, openapi, ready, metrics):
        app.add_api_route(TABLE.named(handler.__name__).path, handler)

    for action in (actions.train, actions.promote, actions.roll_back, actions.lineage):
        route = TABLE.named(action.__name__)
        app.add_api_route(route.path, action, methods=list(route.methods))

    @ui.page(TABLE.named("index").path, title="lightloop", favicon=FAVICON)
    async def index(request: Request) -> None:
        who = identity_of(request)
        controller = feed.controller.acting_for(who.name)
        theme = request.cookies.get(THEME_COOKIE)
        noted = noting(people.trail, who, request.client.host if request.client else "")
        page = ConsolePage(feed, runner, controller, who, settings, ui.context.client, theme, noted)
        await ui.context.client.connected()
        await page.settle()

    if races is not None:

        @ui.page(TABLE.named("compare").path, title="lightloop: side by side", favicon=FAVICON)
        async def compare(request: Request) -> None:
            race = asked_of(request.query_params, races.load_erlang)
            theme = request.cookies.get(THEME_COOKIE)
            page = ComparePage(feed, races, settings, ui.context.client, theme, race)
            await ui.context.client.connected()
            await page.settle()

    @ui.page(TABLE.named("loop").path, title="lightloop: the loop", favicon=FAVICON)
    async def loop_page(request: Request) -> None:
        page = LoopPage(feed, loop_feed, settings, ui.context.client, request.cookies.get(THEME_COOKIE))
        await ui.context.client.connected()
        await page.settle()
        if of := request.query_params.get("of"):
            await page.walk(of)

    # Quasar's bar for requests in the background has no name that a screen reader could tell.
    pages.config.quasar_config["loadingBar"]["skipHijack"] = True
    ui.run_with(
        app,
        title="lightloop",
        tailwind=False,
        show_welcome_message=False,
        dark=None,
        reconnect_timeout=AWAY_S,
    )
    return app


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    config, home = load_config(), Home.from_environment()
    credentials = home.credentials()
    people = People.of(home, TABLE.process)
    alarms = AlarmBook(home.alarms)
    races = Races(config, home.serving / "endpoint.json", credentials)
    feed = make_feed(config, credentials, alarms)
    settings = page_settings(config)
    loop_files = home.serving, settings.model_name
    app = build_app(feed, settings, credentials, people, races=races, loop_files=loop_files)
    run(
        Guard(app, config.services.names_of("console")),
        config.services.listens_on("console"),
        config.services.console_port,
        config.services.northbound_tls,
        timeout_graceful_shutdown=3,  # open pages hold a WebSocket each; do not wait for people to close them
    )


if __name__ == "__main__":
    main()
