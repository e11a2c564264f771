"""The descriptions that are served are true: nothing else is answered, whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from configs.load import load_config
from controlplane.console.loop.actions import PrefectClient
from controlplane.console.main import build_app as console_app
from controlplane.console.main import make_feed, page_settings
from controlplane.controller.app import build_app as controller_app
from controlplane.controller.stream import NotificationStream
from controlplane.elements.app import build_app as elements_app
from controlplane.elements.interface import EPOCH_HEADER
from controlplane.pathcomp import COMP_ROUTE
from controlplane.pce.app import PceSettings
from controlplane.pce.app import build_app as pce_app
from controlplane.routes import OPENAPI
from controlplane.state_headers import STATE_VERSION
from tests.controlplane.controller.conftest import CREDENTIALS, Lab
from tests.controlplane.elements.test_edits import open_host
from tests.controlplane.pce.conftest import FakeController, ServerThread
from tests.controlplane.pce.conftest import plant as plant

LOGIN = (CREDENTIALS.user, CREDENTIALS.password)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# An endless answer; another PCE's state, which this one waits for in vain; a controller after which no other
# one is listened to.
NOT_ASKED = ("/restconf/streams/tapi-notification",)
NOT_SENT = (STATE_VERSION, EPOCH_HEADER)


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lab = Lab(tmp_path_factory.mktemp("described"))
    stream = NotificationStream(lab.state)
    parts = lab.state, lab.manager, lab.pce_client, CREDENTIALS, stream
    server = ServerThread(controller_app(*parts), lifespan="on")
    yield server.url
    server.stop()
    lab.stop()
    lab.host.close()


@pytest.fixture(scope="module")
def pce(tmp_path_factory: pytest.TempPathFactory, plant: Any) -> Iterator[str]:
    folder, told = tmp_path_factory.mktemp("described-pce"), FakeController()
    settings = PceSettings((told.url,), folder / "decisions", folder / "endpoint.json")
    server = ServerThread(pce_app(plant, settings, CREDENTIALS), lifespan="on")
    yield server.url
    server.stop()
    told.stop()


@pytest.fixture(scope="module")
def elements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    host = open_host(tmp_path_factory.mktemp("described-elements"))
    server = ServerThread(elements_app(host, CREDENTIALS))
    yield server.url
    server.stop()
    host.close()


@pytest.fixture(scope="module")
def console() -> Iterator[str]:
    config = load_config("five-node")
    starts = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "1"}))
    prefect = PrefectClient("http://prefect/api", CREDENTIALS, starts)
    app = console_app(make_feed(config, CREDENTIALS), page_settings(config), CREDENTIALS, prefect=prefect)
    server = ServerThread(app)
    yield server.url
    server.stop()


def ask_everything(url: str, examples: int, *not_asked: str) -> set[int]:
    """Every operation of a description, with examples that fit it and that do not; the statuses met."""
    document = httpx.get(url + OPENAPI, auth=LOGIN, trust_env=False, timeout=30).json()
    schema = schemathesis.openapi.from_dict(document)
    met: set[int] = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in (*NOT_ASKED, *not_asked):
            continue

        def ask(case: Any) -> None:
            for name in NOT_SENT:
                case.headers.pop(name, None)
            if len(case.path_parameters.get("node", "")) % 2:  # every other one is there
                case.path_parameters["node"] = "A"
            answer = case.call_and_validate(base_url=url, auth=LOGIN, checks=CHECKS, timeout=30)
            met.add(answer.status_code)

        quick = settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        quick(given(case=operation.as_strategy())(ask))()
    return met


def test_what_the_controller_describes_is_true(controller: str) -> None:
    assert {200, 400, 404, 405} <= ask_everything(controller, 4, COMP_ROUTE)


def test_what_the_elements_describe_is_true(elements: str) -> None:
    assert {200, 400, 404} <= ask_everything(elements, 12)


def test_what_the_console_describes_is_true(console: str) -> None:
    document = httpx.get(console + OPENAPI, auth=LOGIN, trust_env=False, timeout=30).json()
    assert not any("nicegui" in path for path in document["paths"])
    # The pages, and a chain that is walked through MLflow.
    assert {200, 202} <= ask_everything(console, 4, "/", "/compare", "/loop", "/loop/lineage")


def test_what_the_pce_describes_is_true(pce: str) -> None:
    assert {200, 400, 404} <= ask_everything(pce, 6)
