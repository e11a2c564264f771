"""Two controllers and two PCEs on one Postgres: whoever is in charge dies or freezes under load."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.audit import Installation, audit
from controlplane.client import ControllerClient, PceClient, ServiceRefused
from controlplane.elements.http import HttpSouthbound
from controlplane.elements.interface import ElementError
from controlplane.failpoints import VARIABLE
from lightloop.chaos import CREATED, Account, clear, compare, live
from lightloop.disturbance import FailpointFile, Target
from tests.controlplane.processes import CREDENTIALS, Processes
from tests.postgres import Postgres


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Processes]:
    """Both of both; the first of each is in charge at first."""
    with postgres.new_database() as url:
        settings = [f"online.database_url={url}", "online.standby=true", "online.claim_s=2"]
        folder = tmp_path_factory.mktemp("pair")
        made = Processes(folder, settings, {VARIABLE: f"@{failpoints_of(folder)}"})
        try:
            made.start("elements", "pce", "controller")
            made.wait_until_ready("controller", "pce")
            made.start("controller_b", "pce_b")
            made.wait_until_ready("pce_b")
            made.wait_until_told("controller_b", in_charge(made, "controller"))
            yield made
        finally:
            made.end()


def failpoints_of(folder: Path) -> Path:
    return folder / "failpoints"


class Load:
    """Clients that create, read and delete services of their own, and ask again until they are answered."""

    def __init__(self, pair: Processes) -> None:
        links = [(fibre.node_a, fibre.node_b) for fibre in pair.topology.fibres]
        target = Target(pair.client, links, dict)
        self.account, self._ended = Account(), threading.Event()
        self._threads = [
            threading.Thread(target=live, args=(target, self.account, self._ended, random.Random(seed)))
            for seed in range(4)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, further: int) -> None:
        wanted, deadline = self.account.operations + further, time.monotonic() + 120
        while self.account.operations < wanted:
            assert time.monotonic() < deadline, "no answers any more"
            time.sleep(0.05)

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(120)


def in_charge(pair: Processes, name: str) -> str:
    return f"standby: the controller at {pair.config.services.url(name)} is in charge"


def assert_all_agrees(pair: Processes, load: Load) -> None:
    """What clients were told stands, no slot is used twice, and all that is stored agrees."""
    with (
        pair.client() as controller,
        PceClient(pair.config.pce_urls, CREDENTIALS) as pce,
        closing(HttpSouthbound(pair.config.services.url("elements"), CREDENTIALS)) as southbound,
    ):
        assert compare(load.account, controller) == []
        nodes = pair.topology.node_names
        seen = Installation(controller, pce, southbound, nodes, pair.home.decisions)
        deadline = time.monotonic() + 60
        while found := audit(seen.look, shared_spectrum=True):
            assert time.monotonic() < deadline, found
        assert load.account.unanswered == []
        assert any(known.told == CREATED for known in load.account.services.values())
        clear(load.account, controller)


def test_when_controller_and_pce_are_killed_the_others_take_over_and_nothing_is_lost(pair: Processes) -> None:
    with pair.client("controller_b") as waiting:
        with pytest.raises(ServiceRefused, match="is in charge") as refused:
            waiting.nodes()
        assert refused.value.status == 503
    load = Load(pair)
    load.wait_for(40)

    pair.signal("controller", signal.SIGKILL)
    pair.signal("pce", signal.SIGKILL)

    load.wait_for(40)
    pair.wait_until_ready("controller_b")
    pair.start("controller", "pce")
    pair.wait_until_told("controller", in_charge(pair, "controller_b"))
    load.end()
    assert_all_agrees(pair, load)


def test_one_that_was_frozen_and_comes_back_changes_nothing_any_more(pair: Processes) -> None:
    first, second = by_turn(pair)
    load = Load(pair)
    load.wait_for(40)
    before = int(pair.log(first).rpartition("in charge, epoch ")[2].split()[0])

    pair.signal(first, signal.SIGSTOP)
    pair.wait_until_ready(second)
    load.wait_for(10)
    old = HttpSouthbound(pair.config.services.url("elements"), CREDENTIALS, lambda: before)
    with closing(old), pytest.raises(ElementError, match="not in charge any more") as refused:
        old.running(pair.topology.node_names[0])
    assert refused.value.tag == "access-denied"
    pair.signal(first, signal.SIGCONT)

    pair.wait_until_told(first, in_charge(pair, second))
    load.wait_for(40)
    load.end()
    assert_all_agrees(pair, load)
    assert "begins anew" in pair.log(first)


def test_a_deletion_whose_answer_is_lost_with_its_controller_is_a_deletion(pair: Processes) -> None:
    """The one that takes over finds no such service: it is the same question, asked of the next."""
    first, second = by_turn(pair)
    failpoints = FailpointFile(failpoints_of(pair.home.root.parent))
    source, destination = pair.topology.node_names[:2]
    with (
        pair.client(timeout_s=120) as client,
        pair.client(first) as watching,
        ThreadPoolExecutor(1) as thread,
    ):
        uuid = client.place_service(source, destination, 25.0).service_uuid
        failpoints.put("controller.removed", "sleep(60)")
        deletion = thread.submit(client.delete_service, uuid)
        while stands(watching, uuid):
            time.sleep(0.05)

        pair.signal(first, signal.SIGSTOP)
        pair.wait_until_ready(second)
        pair.signal(first, signal.SIGKILL)

        deletion.result(60)
        failpoints.drop("controller.removed")
        with pytest.raises(ServiceRefused, match="no connectivity service") as refused:
            client.delete_service(uuid)
        assert refused.value.status == 404
    pair.start(first)
    pair.wait_until_told(first, in_charge(pair, second))


def by_turn(pair: Processes) -> list[str]:
    """The controller that is in charge, then the one that waits."""
    return sorted(("controller", "controller_b"), key=lambda name: pair.get(name, "/ready").status_code)


def stands(client: ControllerClient, uuid: str) -> bool:
    return any(item.service_uuid == uuid for item in client.services())
