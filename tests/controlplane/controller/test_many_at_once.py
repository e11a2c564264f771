"""Many at once: an element that hangs, cuts and deletions that race, answers that others overtook."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlplane.controller import configure, element_queue
from controlplane.controller.services import ServiceManager
from controlplane.elements.interface import CrossConnect, Edit, Southbound
from controlplane.tapi.errors import TapiError
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from tests.controlplane.controller.conftest import CONNECTIVITY, CONTEXT, CREDENTIALS, FakePce, Lab
from tests.controlplane.pce.conftest import ServerThread

PAIRS = ["AC", "CA", "AD", "DB", "BE", "EC", "DA", "CE"]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives an element up by himself, however slow the machine is."""
    monkeypatch.setattr(configure, "DEADLINE_S", 120.0)


class Hanging:
    """Elements, some of which do not answer until they are let go; then they do what they were told."""

    def __init__(self, inner: Southbound) -> None:
        self._inner = inner
        self.hung: set[str] = set()
        self.met, self.let_go = threading.Event(), threading.Event()

    def edit(self, node: str, edit: Edit) -> tuple[CrossConnect, ...]:
        self._wait(node)
        return self._inner.edit(node, edit)

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        self._wait(node)
        return self._inner.running(node)

    def _wait(self, node: str) -> None:
        if node in self.hung:
            self.met.set()
            assert self.let_go.wait(120)


@contextmanager
def hanging(lab: Lab) -> Iterator[Hanging]:
    """The lab's elements, audited, which can be made to hang; they are let go at the end."""
    made: list[Hanging] = []

    def wrap(southbound: Southbound) -> Any:
        made.append(Hanging(southbound))
        return made[0]

    lab.stop()
    lab.start(wrap)
    lab.manager.maintain()
    assert not lab.manager.configurator.suspects
    try:
        yield made[0]
    finally:
        made[0].let_go.set()


def settle(lab: Lab, elements: Hanging) -> None:
    """All elements answer again, and the background work has run; everything agrees."""
    elements.hung.clear()
    elements.let_go.set()
    deadline_s = time.monotonic() + 60
    while lab.manager.configurator.suspects and time.monotonic() < deadline_s:
        time.sleep(0.01)  # for the call that hung
        lab.manager.maintain()
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()
    assert len(lab.manager.reservations) == 0
    assert lab.state.services() == lab.store.services()


def test_others_go_on_while_an_element_hangs(lab: Lab) -> None:
    with hanging(lab) as elements, ThreadPoolExecutor(1) as threads:
        elements.hung.add("E")
        stuck = threads.submit(lab.manager.create, lab.request("A", "E", 25))
        assert elements.met.wait(60)
        made = [lab.manager.create(lab.request(*pair, 25))[0] for pair in ("AB", "BC", "CD", "CA")]
        lab.manager.delete(made[0].uuid)
        assert not stuck.done()
        elements.let_go.set()
        assert stuck.result(60)[1]
        settle(lab, elements)
        assert len(lab.state.services()) == 4


def test_a_hung_element_is_given_up_gone_around_and_brought_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configure, "DEADLINE_S", 0.2)
    with hanging(lab) as elements:
        kept, _ = lab.manager.create(lab.request("A", "D", 25))
        dead = kept.path.nodes[1]
        elements.hung.add(dead)
        around, _ = lab.manager.create(lab.request("A", "D", 25))
        assert dead not in around.path.nodes
        assert lab.manager.configurator.away == {dead}
        with pytest.raises(TapiError, match=f"element {dead}: no answer") as caught:
            lab.manager.create(lab.request("A", dead, 25))
        assert caught.value.status == 503
        with pytest.raises(TapiError, match=f"element {dead}"):
            lab.manager.delete(kept.uuid)
        assert lab.state.service(kept.uuid).path == kept.path
        settle(lab, elements)
        assert not lab.manager.configurator.away
        lab.manager.delete(kept.uuid)
        lab.assert_elements_hold_the_state()


def test_new_services_go_around_an_element_that_takes_long_where_there_is_another_way(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(element_queue, "HANGS_S", 120.0)
    monkeypatch.setattr(element_queue, "SLOW_S", 0.0)
    with hanging(lab) as elements, ThreadPoolExecutor(2) as threads:
        first, _ = lab.manager.create(lab.request("A", "D", 25))
        slow = first.path.nodes[1]
        elements.hung.add(slow)
        stuck = threads.submit(lab.manager.create, lab.request("A", "D", 25))
        assert elements.met.wait(60)
        assert not lab.manager.configurator.away
        around, _ = lab.manager.create(lab.request("A", "D", 25))
        assert slow not in around.path.nodes
        through = replace(lab.request("A", "D", 25), include_nodes=(slow,))
        waits = threads.submit(lab.manager.create, through)
        elements.let_go.set()
        assert slow in waits.result(60)[0].path.nodes
        assert stuck.result(60)[1]
        settle(lab, elements)


def test_where_all_hang_every_client_has_an_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configure, "DEADLINE_S", 0.2)
    with hanging(lab) as elements, ThreadPoolExecutor(8) as threads:
        elements.hung.update("ABCDE")
        asked = [threads.submit(lab.manager.create, lab.request(*pair, 25)) for pair in PAIRS]
        for one in asked:
            assert one.exception(60).status == 503
        assert lab.state.services() == ()
        settle(lab, elements)
        assert not any(lab.held().values())


def test_cut_services_come_back_while_another_element_hangs(lab: Lab) -> None:
    with hanging(lab) as elements, ThreadPoolExecutor(1) as threads:
        made = [lab.manager.create(lab.request("A", "C", 25))[0] for _ in range(6)]
        assert {service.path.nodes for service in made} == {("A", "C")}
        elements.hung.add("E")
        stuck = threads.submit(lab.manager.create, lab.request("D", "E", 25))
        assert elements.met.wait(60)
        found = lab.manager.fail_link(("A", "C"))
        assert (set(found.restored), found.lost) == ({service.uuid for service in made}, ())
        assert not stuck.done()
        elements.let_go.set()
        stuck.result(60)
        settle(lab, elements)


def paused_pce(lab: Lab, which: Callable[[int], bool]) -> tuple[threading.Event, threading.Event]:
    """Answers that ``which`` picks by number, from 0, are held back: whether one is, and to let them go."""
    answer = lab.pce_answers
    held, go_on, numbers = threading.Event(), threading.Event(), iter(range(10**6))

    def watched(request: httpx.Request) -> httpx.Response:
        number = next(numbers)
        answered = answer(request)
        if which(number):
            held.set()
            assert go_on.wait(60)
        return answered

    lab.pce_answers = watched
    return held, go_on


def test_an_answer_that_others_overtook_is_asked_for_again(lab: Lab) -> None:
    held, go_on = paused_pce(lab, lambda number: number == 0)
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(lab.manager.create, lab.request("A", "C", 25))
        assert held.wait(60)
        first, _ = lab.manager.create(lab.request("A", "C", 25))
        go_on.set()
        second, _ = late.result(60)
    assert (first.path.first_slot, first.path.nodes) == (0, second.path.nodes)
    assert second.path.first_slot == first.path.num_slots
    assert [version for _, version in lab.pce.asked] == [0, 0, 1]


def test_who_is_overtaken_again_and_again_has_its_turn(lab: Lab) -> None:
    requests = [lab.request("A", "C", 25) for _ in range(16)]
    with ThreadPoolExecutor(16) as threads:
        made = [service for service, _ in threads.map(lab.manager.create, requests)]
    assert sorted(service.path.first_slot for service in made) == list(range(0, 32, 2))
    lab.assert_no_slot_is_lit_twice()
    assert not lab.manager._set_up._turns
    assert lab.manager.num_waiting == 0


def test_an_answer_is_taken_whatever_else_changed(lab: Lab) -> None:
    held, go_on = paused_pce(lab, lambda number: number == 0)
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(lab.manager.create, lab.request("A", "C", 25))
        assert held.wait(60)
        lab.manager.create(lab.request("B", "D", 25))
        go_on.set()
        late.result(60)
    assert len(lab.pce.asked) == 2
    lab.assert_no_slot_is_lit_twice()


def test_what_is_reserved_is_waited_for_and_taken_once_it_is_free_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configure, "DEADLINE_S", 0.2)
    with hanging(lab) as elements, ThreadPoolExecutor(1) as threads:
        elements.hung.add("D")
        stuck = threads.submit(lab.manager.create, lab.request("A", "D", 25))
        assert elements.met.wait(60)
        others = ["AB", "AC", "AE"]  # one of them has the first link of the other
        made = [lab.manager.create(lab.request(*pair, 25))[0] for pair in others]
        assert stuck.exception(60).status == 503
        assert [service.path.first_slot for service in made] == [0, 0, 0]
        settle(lab, elements)


def test_no_reader_waits_for_a_hung_path_computation(lab: Lab) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    held, go_on = paused_pce(lab, lambda _: True)
    server = ServerThread(lab.app())
    question = build_compute_input(lab.request("A", "C", 25), lab.naming)
    unknown = f"{CONTEXT}/tapi-path-computation:path-computation-context/path={lab.request('A', 'C').uuid}"
    http = httpx.Client(
        base_url=server.url, auth=(CREDENTIALS.user, CREDENTIALS.password), timeout=60, limits=httpx.Limits()
    )
    with http, ThreadPoolExecutor(100) as threads:
        asked = [threads.submit(http.post, COMPUTE_OPERATION, json=question) for _ in range(50)]
        asked += [threads.submit(http.get, unknown) for _ in range(50)]
        assert held.wait(60)
        try:
            for path in (
                CONTEXT,
                f"{CONNECTIVITY}/connectivity-service={service.uuid}",
                "/ready",
                "/changes",
            ):
                assert http.get(path).status_code == 200
            assert not any(one.done() for one in asked)
        finally:
            go_on.set()
        assert {one.result().status_code for one in asked} <= {200, 404, 500}
    server.stop()


def test_a_cut_while_elements_are_configured_sends_the_set_up_another_way(lab: Lab) -> None:
    with hanging(lab) as elements, ThreadPoolExecutor(1) as threads:
        elements.hung.add("C")
        late = threads.submit(lab.manager.create, lab.request("A", "C", 25))
        assert elements.met.wait(60)
        lab.manager.fail_link(("A", "C"))
        elements.let_go.set()
        service, is_new = late.result(60)
        assert is_new
        assert ("A", "C") not in pairwise(service.path.nodes)
        settle(lab, elements)


def test_a_deletion_that_meets_a_cut_leaves_nothing(lab: Lab) -> None:
    with hanging(lab) as elements, ThreadPoolExecutor(2) as threads:
        service, _ = lab.manager.create(lab.request("A", "C", 25))
        elements.hung.add("C")
        deletion = threads.submit(lab.manager.delete, service.uuid)
        assert elements.met.wait(60)
        cut = threads.submit(lab.manager.fail_link, ("A", "C"))
        while not lab.state.failed_links:
            assert not cut.done()
        elements.let_go.set()
        deletion.result(60)
        assert cut.result(60).restored == cut.result(60).lost == ()
        assert lab.state.services() == ()
        kinds = [change["kind"] for change in lab.state.feed(0)["changes"]]
        assert kinds == ["lightpath-added", "link-failed", "lightpath-removed", "service-removed"]
        settle(lab, elements)


def test_a_cut_under_220_services_while_some_are_deleted(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "wide", num_slots=1000)
    made = [lab.manager.create(lab.request("A", "C", 25))[0] for _ in range(220)]
    over = {service.uuid for service in made if ("A", "C") in pairwise(service.path.nodes)}
    assert len(over) == 220
    with ThreadPoolExecutor(4) as threads:
        deleted = sorted(over)[::4]
        cut = threads.submit(lab.manager.fail_link, ("A", "C"))
        list(threads.map(lab.manager.delete, deleted))
        found = cut.result(120)
    assert found.lost == ()
    assert over - {*deleted} <= {*found.restored} <= over
    assert {service.uuid for service in lab.state.services()} == over - {*deleted}
    assert all(("A", "C") not in pairwise(service.path.nodes) for service in lab.state.services())
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()
    lab.stop()
    lab.host.close()


def test_protected_classes_are_restored_before_the_others(lab: Lab) -> None:
    manager = ServiceManager(lab.state, lab.pce_client, lab.host, restored_first=("protected",))
    made = [
        manager.create(lab.request("A", "C", 25, service_class=name))[0].uuid
        for name in ("bulk", "protected", "bulk", "protected")
    ]
    manager.fail_link(("A", "C"))
    restored = [
        change["service_uuid"] for change in lab.state.feed(0)["changes"] if change["cause"] == "restore"
    ]
    assert set(restored[:2]) == {made[1], made[3]}
    assert set(restored[2:]) == {made[0], made[2]}


def test_clients_cuts_and_repairs_at_once_leave_everything_equal(lab: Lab) -> None:
    dice = random.Random(3)
    links = [(fibre.node_a, fibre.node_b) for fibre in lab.plant.topology.fibres]
    requests = [lab.request(*PAIRS[number % len(PAIRS)], 25) for number in range(60)]
    odd: list[BaseException] = []

    def live(number: int) -> None:
        for request in requests[number::6]:
            try:
                lab.manager.create(request)
                if dice.random() < 0.6:
                    lab.manager.delete(request.uuid)
            except TapiError as error:
                if error.status not in (409, 503):
                    odd.append(error)

    def cut() -> None:
        for link in dice.choices(links, k=6):
            lab.manager.fail_link(link)
            lab.manager.maintain()
            lab.manager.repair_link(link)

    with ThreadPoolExecutor(7) as threads:
        jobs: list[Future[None]] = [threads.submit(live, number) for number in range(6)]
        jobs.append(threads.submit(cut))
        for job in jobs:
            job.result(120)
    assert odd == []
    lab.manager.maintain()
    assert all(service.path for service in lab.state.services())
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()
    assert lab.state.services() == lab.store.services()
    feed = lab.state.feed(0)
    assert [change["version"] for change in feed["changes"]] == list(range(1, feed["version"] + 1))
    books = FakePce(lab.plant, lambda since: lab.state.feed(since))
    books.follow()  # no slot is lit twice, no dark one released, in the order of the log
    before = lab.state.services(), lab.state.lit.by_port()
    lab.stop()
    lab.start()
    assert (lab.state.services(), lab.state.lit.by_port()) == before
