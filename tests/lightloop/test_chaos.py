"""Clients that keep account of what they were told, while links are cut and a process is killed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from controlplane.client import ControllerClient
from lightloop import chaos
from lightloop.chaos import CREATED, DELETED, REFUSED, Account, Known, Target, cause, clear, compare
from tests.controlplane.controller.conftest import Lab, database, http, lab

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
    monkeypatch.setattr(chaos, "BETWEEN_FAULTS_S", (0.01, 0.05))
    monkeypatch.setattr(chaos, "HUNG_S", (0.0, 0.01))
    links = [(fibre.node_a, fibre.node_b) for fibre in lab.plant.topology.fibres]
    said: list[str] = []

    account = cause(Target(lambda: client, links, lambda: {"pce": victim.pid}), 2.0, 3, 1, said.append)

    assert victim.wait(timeout=10) == -9
    assert {text.split()[0] for text in said} == {"cut", "repair", "kill", "hang"}
    assert [text for _, text in account.faults] == said
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
    right = [Known(uuid, CREATED), Known(gone, DELETED), Known("unknown", chaos.UNKNOWN)]
    assert compare(Account({known.uuid: known for known in right}), client) == []
