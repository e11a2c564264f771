"""What the buttons ask for: who may, what Prefect is asked, what the trail says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from configs.home import Home
from configs.load import load_config
from controlplane.auth import People, basic_value
from controlplane.console.loop.actions import PrefectClient
from controlplane.console.main import build_app, make_feed, page_settings
from controlplane.roles import Role
from controlplane.trail import read_trail
from controlplane.users import UserFile
from tests.controlplane.console.conftest import CREDENTIALS

PASSWORD = "a long password"
ORDERS: dict[str, tuple[dict[str, Any], Role]] = {
    "/loop/train": ({"reason": "new fibre", "settings": ["training.seed=7"]}, Role.OPERATOR),
    "/loop/promote": ({"version": "3"}, Role.ADMINISTRATOR),
    "/loop/roll-back": ({"version": "3", "reason": "slow"}, Role.ADMINISTRATOR),
}


class Console:
    """The console's application, with a Prefect that notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder).create()
        users = UserFile(self.home.users, CREDENTIALS.user)
        for role in Role:
            users.add(f"a-{role}", role, PASSWORD)
        self.asked: list[tuple[str, Any]] = []
        self.is_away = False
        prefect = PrefectClient("http://prefect/api", CREDENTIALS, httpx.MockTransport(self._prefect))
        config = load_config("five-node")
        people = People.of(self.home, "console")
        self.feed = make_feed(config, CREDENTIALS)
        app = build_app(self.feed, page_settings(config), CREDENTIALS, people, prefect)
        self.http = TestClient(app)

    def _prefect(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("refused")
        assert request.headers["authorization"] == basic_value(CREDENTIALS)
        path = request.url.path
        if request.method == "GET":
            return httpx.Response(200, json={"id": path.removeprefix("/api/deployments/name/")})
        deployment = path.removeprefix("/api/deployments/").removesuffix("/create_flow_run")
        self.asked.append((deployment, json.loads(request.content)["parameters"]))
        return httpx.Response(201, json={"id": "run-1"})

    def ask(self, path: str, body: Any, role: Role = Role.ADMINISTRATOR) -> httpx.Response:
        return self.http.post(path, json=body, auth=(f"a-{role}", PASSWORD))


@pytest.fixture
def console(tmp_path: Path) -> Any:
    made = Console(tmp_path)
    yield made
    made.feed.close()


def test_each_button_asks_for_its_role_and_stands_in_the_trail(console: Console) -> None:
    expected = []
    for path, (body, needed) in ORDERS.items():
        for role in Role:
            status = console.ask(path, body, role).status_code
            assert status == (202 if role.covers(needed) else 403), (path, role)
            expected.append((f"a-{role}", f"POST {path}", "done" if status == 202 else "refused"))
    entries = list(read_trail(console.home.trail))
    assert [(entry.user, entry.what, entry.outcome) for entry in entries] == expected
    told = {entry.what: entry.about for entry in entries if entry.outcome == "done"}
    assert told["POST /loop/promote"] == "provision/provision 3 run-1"
    assert console.http.post("/loop/train", json={}).status_code == 401


def test_prefect_is_asked_for_the_deployment_and_who_asked_stands_in_the_reason(console: Console) -> None:
    answers = [console.ask(path, body) for path, (body, _) in ORDERS.items()]
    answers.append(console.ask("/loop/train", {"only_forecast": True, "training_budget_s": 20}))
    answers.append(console.ask("/loop/train", {"window": "last:5000", "training_budget_s": 20}))
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].json()["page"].endswith("/runs/flow-run/run-1")
    who = "(asked by a-administrator)"
    assert console.asked == [
        (
            "continuous-training/continuous-training",
            {"reason": f"new fibre {who}", "overrides": ["training.seed=7"]},
        ),
        ("provision/provision", {"version": "3", "reason": f"by hand {who}"}),
        ("rollback/rollback", {"reason": f"slow {who}", "version": "3"}),
        ("continuous-training/re-estimate", {"reason": f"by hand {who}"}),
        (
            "continuous-training/continuous-training",
            {"reason": f"by hand {who}", "window": "last:5000", "training_budget_s": 20},
        ),
    ]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/loop/train", {"settings": ["services.prefect_port=1"]}, "settings.0"),
        ("/loop/train", {"training_budget_s": 9, "training_budget_requests": 9}, "one budget"),
        ("/loop/train", {"window": "../../etc"}, "window"),
        ("/loop/train", {"budget": 9}, "budget"),
        ("/loop/promote", {"version": "@champion"}, "version"),
        ("/loop/promote", {}, "version"),
        ("/loop/roll-back", [], "body"),
    ],
)
def test_an_order_that_is_none_is_refused_with_its_place_and_starts_nothing(
    console: Console, path: str, body: Any, said: str
) -> None:
    answer = console.ask(path, body)
    assert answer.status_code == 400
    assert said in answer.json()["ietf-restconf:errors"]["error"][0]["error-message"]
    assert console.asked == []


def test_without_prefect_nothing_is_done_and_the_reason_is_told(console: Console) -> None:
    console.is_away = True
    answer = console.ask("/loop/promote", {"version": "3"})
    assert answer.status_code == 503
    assert "Prefect at http://prefect/api does not answer" in answer.text
