"""Users, roles and the trail of a controller that listens on a real socket."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from configs.home import Credentials
from controlplane import logins
from controlplane.auth import ACTING_FOR, People, basic_value, bearer_header
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.controller.app import build_app
from controlplane.controller.clients import ClientSettings
from controlplane.controller.stream import NotificationStream
from controlplane.logins import Logins, TooManyLogins
from controlplane.roles import Role
from controlplane.trail import Trail, read_trail
from controlplane.trusted import TrustedClients
from controlplane.users import UserBook, UserError, UserFile
from tests.controlplane.controller.conftest import CREDENTIALS, Lab
from tests.controlplane.controller.northbound import CONNECTIVITY, CONTEXT, reason
from tests.controlplane.pce.conftest import ServerThread
from tests.controlplane.serving import leave_in_the_middle

PASSWORD = "correct horse"
RESTORE = {"lightloop:input": {"nodes": ["A", "C"]}}


class House:
    """A controller with users: one of each role, by the name of it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.users = UserFile(folder / "users.json", CREDENTIALS.user)
        for role in Role:
            self.users.add(role.value, role, PASSWORD)
        self.trail = folder / "trail"
        stream = NotificationStream(lab.state)
        people = People(UserBook(self.users.file), Trail(self.trail, "controller"))
        concessions = ClientSettings(trusted=TrustedClients(["127.0.0.2"]))
        parts = lab.state, lab.manager, lab.pce_client, CREDENTIALS, stream
        app = build_app(*parts, clients=concessions, people=people)
        self.server = ServerThread(app, lifespan="on")

    def ask(self, user: str, method: str, path: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
        url, auth = self.server.url + path, (user, password)
        return httpx.request(method, url, auth=auth, timeout=30, trust_env=False, **more)

    def entries(self) -> list[tuple[str, str, str, int | None, str]]:
        told = read_trail(self.trail)
        return [(item.user, item.what, item.about, item.status, item.outcome) for item in told]


@pytest.fixture
def house(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr("controlplane.users.MEMORY_KIB", 64)  # quick to check; as safe as a test needs
    made = House(lab, tmp_path)
    yield made
    made.server.stop()


def test_each_role_may_what_it_may_and_a_refusal_changes_nothing(house: House) -> None:
    body = house.lab.body("A", "D", uuid="11111111-2222-4333-8444-555555555555")
    service = f"{CONNECTIVITY}/connectivity-service=11111111-2222-4333-8444-555555555555"
    cut = "/restconf/operations/lightloop:fail-link"

    refused = house.ask("reader", "POST", CONNECTIVITY, json=body)
    assert refused.status_code == 403
    assert "needs the role operator; reader is reader" in reason(refused)
    assert house.lab.state.version == 0
    assert house.ask("operator", "POST", CONNECTIVITY, json=body).status_code == 201
    version = house.lab.state.version
    assert house.ask("reader", "DELETE", service).status_code == 403
    assert house.ask("reader", "POST", cut, json=RESTORE).status_code == 403
    assert house.ask("operator", "GET", "/trail").status_code == 403
    assert house.lab.state.version == version
    assert house.ask("reader", "GET", service).status_code == house.ask("reader", "GET", CONTEXT).status_code
    assert house.ask("reader", "OPTIONS", service).status_code == 200
    assert house.ask("operator", "POST", cut, json=RESTORE).status_code == 200
    assert house.ask("administrator", "DELETE", service).status_code == 204

    location = f"/restconf/data/tapi-common:context/{service.partition('context/')[2]}"
    assert house.entries() == [
        ("reader", f"POST {CONNECTIVITY}", "", 403, "refused"),
        ("operator", f"POST {CONNECTIVITY}", location, 201, "done"),
        ("reader", f"DELETE {service}", "", 403, "refused"),
        ("reader", f"POST {cut}", "", 403, "refused"),
        ("operator", f"POST {cut}", "A-C", 200, "done"),
        ("administrator", f"DELETE {service}", "", 204, "done"),
    ]
    told = house.ask("administrator", "GET", "/trail?limit=1&user=operator").json()["entries"]
    assert [(item["about"], item["address"], item["process"]) for item in told] == [
        ("A-C", "127.0.0.1", "controller")
    ]
    assert PASSWORD not in "".join(path.read_text() for path in house.trail.iterdir())


def test_a_removed_user_is_refused_at_once_also_in_an_open_stream(house: House) -> None:
    url = house.server.url + "/restconf/streams/tapi-notification"
    ended = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", url, auth=("reader", PASSWORD), timeout=30, trust_env=False) as answer:
            began.set()
            lines.extend(line for line in answer.iter_lines() if line.startswith("data:"))
        ended.set()

    began, lines = threading.Event(), []
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert began.wait(30)
    assert house.ask("reader", "GET", CONTEXT).status_code == 200
    house.users.remove("reader")
    assert house.ask("reader", "GET", CONTEXT).status_code == 401
    assert house.ask("operator", "POST", CONNECTIVITY, json=house.lab.body("A", "D")).status_code == 201

    assert ended.wait(30)
    assert lines == []


def test_a_changed_password_and_a_broken_file_let_nobody_in_but_the_installation(house: House) -> None:
    house.users.set_password("reader", "another password")
    assert house.ask("reader", "GET", CONTEXT).status_code == 401
    assert house.ask("reader", "GET", CONTEXT, "another password").status_code == 200
    house.users.file.write_text("{")
    assert house.ask("reader", "GET", CONTEXT, "another password").status_code == 401
    assert house.ask(CREDENTIALS.user, "GET", "/trail", CREDENTIALS.password).status_code == 200


def test_a_process_of_ours_that_asks_for_a_user_may_what_the_user_may(house: House) -> None:
    with ControllerClient(house.server.url, CREDENTIALS) as client:
        uuid = client.acting_for("operator").request_service("A", "D", 100)
        with pytest.raises(ServiceRefused, match="needs the role operator"):
            client.acting_for("reader").delete_service(uuid)
        house.users.remove("operator")
        with pytest.raises(ServiceRefused, match="credentials"):
            client.acting_for("operator").delete_service(uuid)
        client.acting_for(CREDENTIALS.user).delete_service(uuid)
    assert [(item.user, item.via, item.outcome) for item in read_trail(house.trail)] == [
        ("operator", "admin", "done"),
        ("reader", "admin", "refused"),
        ("admin", "", "done"),
    ]
    # A user may speak for nobody else.
    forged = house.ask("reader", "DELETE", "/restconf/data/x", headers={ACTING_FOR: "administrator"})
    assert forged.status_code == 403
    token = httpx.delete(house.server.url + "/restconf/data/x", headers=bearer_header(CREDENTIALS))
    assert token.status_code == 405
    assert house.entries()[-2:] == [
        ("reader", "DELETE /restconf/data/x", "", 403, "refused"),
        ("lightloop", "DELETE /restconf/data/x", "", 405, "refused"),
    ]


def test_a_trusted_address_is_an_operator_and_noted(house: House) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=house.server.url, transport=transport, trust_env=False) as client:
        assert client.post(CONNECTIVITY, json=house.lab.body("A", "D")).status_code == 201
        assert client.get("/trail").status_code == 403
    (entry,) = read_trail(house.trail)
    assert (entry.user, entry.role, entry.address) == ("trusted-client", "operator", "127.0.0.2")


def test_a_defect_stands_in_the_trail(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_uuid: str) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(house.lab.state, "service", broken)
    answer = house.ask("operator", "DELETE", f"{CONNECTIVITY}/connectivity-service=x")
    assert answer.status_code == 500
    assert house.entries()[-1][3:] == (500, "failed")


def test_a_client_that_is_gone_before_its_request_is_whole_is_no_defect(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    leave_in_the_middle(
        house.server.url, CONNECTIVITY, {"Authorization": basic_value(Credentials("operator", PASSWORD, ""))}
    )
    while not house.entries():
        time.sleep(0.01)

    assert house.entries()[-1][3:] == (400, "refused")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_the_file_is_private_whole_and_without_passwords(house: House) -> None:
    file = house.users.file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    hashes = {entry["password"] for entry in json.loads(file.read_text())["users"].values()}
    assert len(hashes) == 3  # one salt each
    before = file.read_bytes()
    for name, secret, why in (
        ("reader", PASSWORD, "is there already"),
        ("admin", PASSWORD, "the installation itself"),
        ("a:b", PASSWORD, "letters, digits"),
        ("new", "short", "has 5 characters"),
    ):
        with pytest.raises(UserError, match=why):
            house.users.add(name, Role.READER, secret)
    with pytest.raises(UserError, match="known: administrator, operator, reader"):
        house.users.remove("nobody")
    assert file.read_bytes() == before
    together = [
        threading.Thread(target=house.users.add, args=(f"u{number}", Role.READER, PASSWORD))
        for number in range(8)
    ]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert len(house.users.users()) == 3 + 8


def test_a_password_is_checked_once_a_minute_and_few_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[str] = []

    def check(_stored: str, password: str) -> bool:
        checks.append(password)
        return password == PASSWORD

    monkeypatch.setattr("controlplane.users.MEMORY_KIB", 64)
    monkeypatch.setattr(logins, "_is_right", check)
    file = UserFile(tmp_path / "users.json", "admin")
    file.add("ada", Role.READER, PASSWORD)
    now_s = 0.0

    async def story() -> None:
        nonlocal now_s
        known = Logins(UserBook(file.file), lambda: now_s)
        found = await asyncio.gather(*(known.user("ada", PASSWORD) for _ in range(50)))
        assert all(user and user.name == "ada" for user in found)
        assert await known.user("ada", PASSWORD)
        assert len(checks) == 1
        now_s = logins.KNOWN_S + 1
        assert await known.user("ada", PASSWORD)
        assert len(checks) == 2
        assert await known.user("nobody", PASSWORD) is None  # checked all the same
        assert len(checks) == 3
        wrong = (known.user("ada", f"wrong {number}") for number in range(2 * logins.MOST_WAITING))
        answers = await asyncio.gather(*wrong, return_exceptions=True)
        assert sum(isinstance(answer, TooManyLogins) for answer in answers) == logins.MOST_WAITING
        assert sum(answer is None for answer in answers) == logins.MOST_WAITING

    asyncio.run(story())
