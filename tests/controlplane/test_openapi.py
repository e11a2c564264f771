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

from controlplane.controller.app import build_app as controller_app
from controlplane.controller.stream import NotificationStream
from controlplane.pathcomp import COMP_ROUTE
from controlplane.pce.app import PceSettings
from controlplane.pce.app import build_app as pce_app
from controlplane.routes import OPENAPI
from tests.controlplane.controller.conftest import CREDENTIALS, Lab
from tests.controlplane.pce.conftest import FakeController, ServerThread
from tests.controlplane.pce.conftest import plant as plant

LOGIN = (CREDENTIALS.user, CREDENTIALS.password)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# An endless answer; and another PCE's state, which this one waits for in vain.
NOT_ASKED = ("/restconf/streams/tapi-notification",)
NOT_SENT = ("X-State-Version",)


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
    assert {200, 304, 400, 404, 405} <= ask_everything(controller, 4, COMP_ROUTE)


def test_what_the_pce_describes_is_true(pce: str) -> None:
    assert {200, 400, 404} <= ask_everything(pce, 6)
