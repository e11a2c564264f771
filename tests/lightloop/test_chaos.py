"""Clients that keep account of what they were told, while links are cut and a process is killed."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from controlplane.client import ControllerClient, ServiceRefused
from controlplane.elements.interface import ADD_DROP, CrossConnect, Edit
from lightloop import chaos, faults
from lightloop.chaos import CREATED, DELETED, REFUSED, UNKNOWN, Account, Extent, Known, cause, clear, compare
from lightloop.disturbance import Disturbance, FailpointFile, Target
from lightloop.faults import FaultError, chosen_kinds
from tests.controlplane.controller.conftest import Lab, database, http, lab
from tests.controlplane.elements.test_edits import open_host

__all__ = ["database", "http", "lab"]  # fixtures


class Lent(ControllerClient):
    """A client over the one application; closing it leaves that open."""

    def __init__(self, lab: Lab, http: TestClient) -> None:
        super().__init__("http://controller", lab.credentials)
        self._http: Any = http

    def close(self) -> None:
        pass


@pytest.fixture
def client(lab: Lab, http: TestClient) -> Lent:
    return Lent(lab, http)


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_all_that_clients_were_told_stands_after_cuts_and_kills(
    lab: Lab, client: Lent, victim: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "HUNG_S", (0.0, 0.01))
    links = [(fibre.node_a, fibre.node_b) for fibre in lab.plant.topology.fibres]
    said: list[str] = []

    target = Target(lambda: client, links, lambda: {"pce": victim.pid})
    kinds = chosen_kinds(target, ("cut", "repair", "kill", "hang"))
    extent = Extent(faults=50, clients=3, at_once=3, between_s=(0.01, 0.05))

    account = cause(target, extent, kinds, said.append)

    assert victim.wait(timeout=10) == -9
    assert {text.split()[0] for text in said} == {"cut", "repair", "kill", "hang"}
    assert [text for _, _, text in account.faults] == said
    assert 50 <= sum(account.faults_by_kind.values()) == len(said) < 53
    told = {known.told for known in account.services.values()}
    assert CREATED in told or DELETED in told
    assert account.operations == len(account.answers_s) > 0
    assert not lab.state.failed_links
    assert compare(account, client) == []
    lab.assert_elements_hold_the_state()
    clear(account, client)
    assert lab.state.services() == ()


def test_what_stands_otherwise_than_a_client_was_told_is_named(lab: Lab, client: Lent) -> None:
    uuid = client.request_service("A", "D", 100)
    gone = "00000000-0000-4000-8000-000000000001"
    cases = {
        "lost-after-ack": Known(gone, CREATED),
        "stands-after-deletion": Known(uuid, DELETED),
        "stands-after-refusal": Known(uuid, REFUSED, "no free slots"),
    }
    for rule, known in cases.items():
        (broken,) = compare(Account({known.uuid: known}), client)
        assert (broken.rule, broken.service_uuid) == (rule, known.uuid)
    right = [Known(uuid, CREATED), Known(gone, DELETED), Known("unknown", UNKNOWN)]
    assert compare(Account({known.uuid: known for known in right}), client) == []


class Answers:
    """A controller whose answers to the first questions are given: statuses, 0 for none, 200 for done."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def __call__(self) -> None:
        status = self.statuses.pop(0)
        if status != 200:
            raise ServiceRefused("as told", status)


def test_who_is_told_not_now_asks_again_and_was_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chaos, "AGAIN_S", 0.0)
    account = Account()
    assert chaos._answer(account, "create", Answers(0, 503, 503, 200)) == (None, 4)
    assert len(account.answers_s) == 1
    monkeypatch.setattr(chaos, "PATIENCE_S", -1.0)
    refusal, _ = chaos._answer(account, "create", Answers(503))
    assert refusal is not None
    assert (refusal.status, account.unanswered, len(account.answers_s)) == (503, [], 2)
    chaos._answer(account, "read", Answers(0))
    assert account.unanswered == ["read"]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((200,), DELETED),
        ((404,), CREATED),
        ((0, 404), DELETED),
        ((503, 404), DELETED),
        ((409,), UNKNOWN),
    ],
)
def test_a_service_that_is_gone_before_anybody_deleted_it_is_lost(
    answers: tuple[int, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos, "AGAIN_S", 0.0)
    known, ask = Known("uuid", CREATED), Answers(*answers)
    client: Any = SimpleNamespace(delete_service=lambda uuid: ask())
    chaos._delete(client, Account(), known)
    assert known.told == told


def test_an_element_forgets_what_it_holds_or_goes_back_to_what_it_held(
    tmp_path: Path, client: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr(faults, "_signal", lambda pid, number: signals.append(number))
    target = Target(
        lambda: client, [("A", "B")], lambda: {"elements": 1}, elements_file=tmp_path / "elements.db"
    )
    on = Disturbance(target, client, random.Random(1), lambda kind, text: None)
    forgotten: dict[str, tuple[CrossConnect, ...]] = {"A": (), "B": ()}
    seen: set[bool] = set()

    for number in range(16):
        host = open_host(tmp_path)
        for node, to in ("AB", "BA"):
            host.edit(node, Edit(put=(CrossConnect(f"s{number}", ADD_DROP, to, number, 1, True, "QPSK"),)))
        before = {node: host.running(node) for node in "AB"}
        host.close()
        assert chosen_kinds(target, ["element-forgets"])["element-forgets"].happen(on)
        host = open_host(tmp_path)
        (node,) = [node for node in "AB" if host.running(node) != before[node]]
        assert host.running(node) in ((), forgotten[node])
        seen.add(bool(host.running(node)))
        forgotten[node] = before[node]
        host.close()
    assert seen == {True, False}
    assert signals == [signal.SIGSTOP, signal.SIGKILL] * 16


def test_kinds_that_an_installation_cannot_have_are_told(tmp_path: Path) -> None:
    target = Target(lambda: None, [("A", "B")], dict)
    assert set(chosen_kinds(target)) == {
        "cut",
        "repair",
        "drain",
        "undrain",
        "kill",
        "stop",
        "hang",
        "full-disk",
    }
    with pytest.raises(FaultError, match=r"element-lies: .* LIGHTLOOP_FAILPOINTS=@FILE lightloop up"):
        chosen_kinds(target, ["element-lies"])
    with pytest.raises(FaultError, match=r"'fire'; there are cut, repair"):
        chosen_kinds(target, ["fire"])
    points = FailpointFile(tmp_path / "f")
    whole = replace(
        target, failpoints=points, database_url="sqlite://", elements_file=tmp_path / "e", switch=dict
    )
    assert set(chosen_kinds(whole)) == set(faults.KINDS)
