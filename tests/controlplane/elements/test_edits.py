"""Elements keep RFC 6241's promises: an edit whole or not at all, no overlap, survival of a kill."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from configs.home import Credentials
from controlplane.elements.app import build_app
from controlplane.elements.configuration import Configuration, ElementSpec, element_specs
from controlplane.elements.host import ElementHost
from controlplane.elements.http import HttpSouthbound
from controlplane.elements.interface import (
    ADD_DROP,
    CrossConnect,
    Edit,
    ElementError,
    Southbound,
    UnreachableError,
)
from controlplane.elements.store import ElementStore
from controlplane.elements.together import EditsTogether
from tests.controlplane.controller.test_full_disk import no_room
from tests.controlplane.pce.conftest import ServerThread
from topologies.catalogue import load_topology
from topologies.grid import c_band, spectrum_bands

CREDENTIALS = Credentials("admin", "password", "token")
TOPOLOGY = load_topology("five-node")
A_TO_B = CrossConnect("service-1", ADD_DROP, "B", 0, 4, True, "QPSK")


def open_host(folder: Path, shared: bool = True) -> ElementHost:
    return ElementHost(element_specs(TOPOLOGY, (c_band(32),), shared), ElementStore(folder / "elements.db"))


@contextmanager
def over_http(host: ElementHost) -> Iterator[HttpSouthbound]:
    server = ServerThread(build_app(host, CREDENTIALS))
    southbound = HttpSouthbound(server.url, CREDENTIALS)
    yield southbound
    southbound.close()
    server.stop()


@pytest.fixture(params=["in process", "http"])
def southbound(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Southbound]:
    host = open_host(tmp_path)
    if request.param == "http":
        with over_http(host) as client:
            yield client
    else:
        yield host
    host.close()


def test_an_edit_takes_effect_and_says_what_is_held_then(southbound: Southbound) -> None:
    second = CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK")
    assert southbound.edit("A", Edit(put=(A_TO_B,))) == (A_TO_B,)
    assert southbound.edit("A", Edit(put=(second,), remove=("nobody's",))) == (second,)
    assert southbound.running("A") == (A_TO_B, second)
    moved = replace(A_TO_B, first_slot=8)
    assert southbound.edit("A", Edit(put=(moved,), remove=("service-2", "service-1"))) == (moved,)
    assert southbound.edit("A", Edit(remove=("service-2",))) == ()  # told twice, done once
    assert southbound.running("A") == (moved,)


def test_a_disk_without_room_is_told_and_nobody_knows_whether_the_edit_was_stored(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    with over_http(host) as client:
        with no_room(), pytest.raises(UnreachableError, match=r"A: the elements' database failed: "):
            client.edit("A", Edit(put=(A_TO_B,)))
        assert client.edit("A", Edit(put=(A_TO_B,))) == (A_TO_B,)
    host.close()
    assert open_host(tmp_path).running("A") == (A_TO_B,)


def test_an_edit_of_which_one_part_is_refused_changes_nothing(southbound: Southbound) -> None:
    southbound.edit("A", Edit(put=(A_TO_B,)))
    fine = CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK")
    with pytest.raises(ElementError, match="no port 'Z'"):
        southbound.edit("A", Edit(put=(fine, replace(fine, out_port="Z")), remove=("service-1",)))
    assert southbound.running("A") == (A_TO_B,)


def test_an_unknown_element_is_named(southbound: Southbound) -> None:
    with pytest.raises(ElementError, match="known: A, B, C, D, E"):
        southbound.running("Z")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (CrossConnect("s", ADD_DROP, "E5", 0, 4, True, "QPSK"), "no port 'E5'"),
        (CrossConnect("s", ADD_DROP, "B", 30, 4, True, "QPSK"), "outside 0..31"),
        (CrossConnect("s", ADD_DROP, "B", -1, 4, True, "QPSK"), "outside"),
        (CrossConnect("s", ADD_DROP, "B", 0, 0, True, "QPSK"), "outside"),
        (CrossConnect("s", "B", "B", 0, 4, True), "both 'B'"),
        (CrossConnect("s", "B", "C", 0, 4, True, "QPSK"), "modulation"),
        (CrossConnect("s", ADD_DROP, "B", 0, 4, True), "modulation"),
    ],
)
def test_what_the_hardware_cannot_do_is_refused(
    southbound: Southbound, wrong: CrossConnect, why: str
) -> None:
    with pytest.raises(ElementError, match=why) as caught:
        southbound.edit("A", Edit(put=(wrong,)))
    assert caught.value.tag == "invalid-value"
    assert southbound.running("A") == ()


def test_overlapping_slots_on_a_port_are_refused(southbound: Southbound) -> None:
    southbound.edit("A", Edit(put=(A_TO_B,)))
    with pytest.raises(ElementError, match="overlap with those of service-1"):
        southbound.edit("A", Edit(put=(CrossConnect("service-2", "C", "B", 3, 2, True),)))
    southbound.edit("A", Edit(put=(CrossConnect("service-2", "C", "B", 4, 2, True),)))
    # The same slots at add-drop are fine: it is contentionless.
    southbound.edit("A", Edit(put=(CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK"),)))


def test_where_directions_have_their_own_spectrum_the_way_back_is_free(tmp_path: Path) -> None:
    one_way = CrossConnect("service-1", ADD_DROP, "B", 0, 4, False, "QPSK")
    back = CrossConnect("service-2", "B", ADD_DROP, 0, 4, False, "QPSK")
    for shared in (False, True):
        spec = element_specs(TOPOLOGY, (c_band(32),), shared)["A"]
        held = Configuration(spec, [one_way])
        if shared:
            with pytest.raises(ElementError, match="overlap"):
                held.difference(Edit(put=(back,)))
        else:
            held.make(held.difference(Edit(put=(back,))))
            assert len(held.items) == 2


def test_a_restart_keeps_what_was_answered(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    second = CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK")
    host.edit("A", Edit(put=(A_TO_B,)))
    host.edit("A", Edit(put=(second,), remove=("service-1",)))
    host.close()
    again = open_host(tmp_path)
    assert again.running("A") == (second,)
    with pytest.raises(ElementError, match="overlap"):
        again.edit("A", Edit(put=(replace(second, service_uuid="service-3"),)))
    again.close()


def test_edits_that_wait_share_a_transaction_and_fail_or_are_stored_together(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    write, sizes = host._store._commits._commit, []
    waits, go_on = threading.Event(), threading.Event()

    def watched(jobs: Sequence[Any]) -> None:
        sizes.append(len(jobs))
        if len(sizes) == 1:
            waits.set()
            assert go_on.wait(60)
        if len(sizes) == 3:
            raise sqlite3.OperationalError("disk full")
        write(jobs)

    host._store._commits._commit = watched
    items = {node: CrossConnect("s", ADD_DROP, next(iter(ports(node))), 0, 4, True, "QPSK") for node in "ABC"}
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(host.edit, "A", Edit(put=(items["A"],)))
        assert waits.wait(60)
        others = [threads.submit(host.edit, node, Edit(put=(items[node],))) for node in "BC"]
        while len(host._store._commits._waiting) < 2:
            time.sleep(0.001)
        go_on.set()
        assert [future.result(60) for future in (first, *others)] == [(items[node],) for node in "ABC"]
    assert sizes == [1, 2]
    with pytest.raises(sqlite3.OperationalError):
        host.edit("A", Edit(remove=("s",)))
    assert host.running("A") == (items["A"],)
    host.close()
    again = open_host(tmp_path)
    assert [again.running(node) for node in "ABC"] == [(items[node],) for node in "ABC"]
    again.close()


def test_of_edits_made_together_each_is_whole_or_refused_by_itself(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    transit = CrossConnect("service-1", "A", next(iter(ports("B") - {"A"})), 0, 4, True)
    edits = [
        ("B", Edit(put=(transit,))),
        ("nowhere", Edit(put=(A_TO_B,))),
        ("C", Edit(put=(replace(A_TO_B, out_port="Z"),))),
        ("A", Edit(put=(A_TO_B,), remove=("nobody's",))),
    ]
    at_b, nowhere, at_c, at_a = host.edit_together(edits)
    assert (at_b, at_a) == ((transit,), (A_TO_B,))
    assert [error.tag for error in (nowhere, at_c) if isinstance(error, ElementError)] == [
        "unknown-element",
        "invalid-value",
    ]
    host.close()
    again = open_host(tmp_path)
    assert [again.running(node) for node in "ABC"] == [(A_TO_B,), (transit,), ()]
    again.close()


def test_edits_that_come_together_share_a_transaction_and_those_of_one_element_are_made_in_order(
    tmp_path: Path,
) -> None:
    host = open_host(tmp_path)
    write, stored = host._store._commits._commit, []

    def watched(jobs: Sequence[Any]) -> None:
        stored.append([node for job in jobs for node, _ in job])
        write(jobs)

    host._store._commits._commit = watched
    others = CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK")
    in_its_place = replace(A_TO_B, service_uuid="service-3")

    async def ask() -> list[Any]:
        edits = EditsTogether(host)
        asked = [
            edits.edit("A", Edit(put=(A_TO_B,))),
            edits.edit("A", Edit(put=(in_its_place,))),  # refused: the slots are not given back yet
            edits.edit("A", Edit(put=(in_its_place,), remove=("service-1",))),
            edits.edit("B", Edit(put=(others,))),
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, refused, third, at_b = asyncio.run(ask())
    assert (first, third, at_b) == ((A_TO_B,), (in_its_place,), (others,))
    assert isinstance(refused, ElementError)
    assert stored == [["A", "B"], ["A"]]
    assert host.running("A") == (in_its_place,)
    host.close()


def ports(node: str) -> frozenset[str]:
    return element_specs(TOPOLOGY, (c_band(32),), True)[node].line_ports


def test_an_element_that_does_not_answer_is_told_apart_from_one_that_refuses() -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        HttpSouthbound("http://127.0.0.1:9", CREDENTIALS, timeout_s=0.5).running("A")


def test_elements_ask_for_credentials(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    with TestClient(build_app(host, CREDENTIALS)) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/elements").status_code == 401
        assert client.get("/elements", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/elements", auth=httpx.BasicAuth("admin", "password")).json() == list("ABCDE")
    host.close()


def test_parallel_edits_of_different_elements_do_not_disturb_each_other(tmp_path: Path) -> None:
    host = open_host(tmp_path)

    def work(node: str, port: str) -> None:
        for index in range(10):
            host.edit(node, Edit(put=(CrossConnect(f"s{index}", ADD_DROP, port, index, 1, True, "QPSK"),)))

    threads = [threading.Thread(target=work, args=pair) for pair in (("A", "B"), ("B", "C"), ("C", "D"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(host.running(node)) for node in "ABC"] == [10, 10, 10]
    host.close()


cross_connects = st.builds(
    CrossConnect,
    service_uuid=st.sampled_from(["s1", "s2", "s3", "s4"]),
    in_port=st.sampled_from(["B", "C"]),
    out_port=st.sampled_from(["D", "E"]),
    first_slot=st.integers(0, 7),
    num_slots=st.integers(1, 4),
    bidirectional=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(cross_connects, min_size=1, max_size=3), max_size=8), st.booleans())
def test_no_sequence_of_edits_makes_two_services_share_a_slot(
    edits: list[list[CrossConnect]], shared: bool
) -> None:
    spec = ElementSpec("A", frozenset("BCDE"), (c_band(8),), shared)
    held = Configuration(spec)
    for number, items in enumerate(edits):
        edit = Edit(tuple(items), remove=(f"s{number % 5}",))
        wanted = {uuid: item for uuid, item in held.items.items() if uuid not in edit.remove}
        wanted |= {item.service_uuid: item for item in items}
        try:
            difference = held.difference(edit)
        except ElementError:
            everything = (wanted.values(), *([item] for item in items))
            assert any(lit_slots(part, shared) is None for part in everything)
            continue
        held.make(difference)
        assert held.items == wanted
        assert lit_slots(wanted.values(), shared) is not None


def lit_slots(items: Iterable[CrossConnect], shared: bool) -> set[tuple[str, str, int]] | None:
    """Slot by slot, as ``(port, way, slot)``; None where a slot is outside, or lit twice."""
    lit: set[tuple[str, str, int]] = set()
    for item in items:
        ways = [(item.in_port, "in"), (item.out_port, "out")]
        if item.bidirectional or shared:
            ways += [(item.in_port, "out"), (item.out_port, "in")]
        for port, way in ways:
            for slot in range(item.first_slot, item.first_slot + item.num_slots):
                if slot >= 8 or (port, way, slot) in lit:
                    return None
                lit.add((port, way, slot))
    return lit


@pytest.mark.parametrize(
    ("first_slot", "num_slots", "why"),
    [
        (30, 4, "slots 30..33 lie across the bands L and C"),
        (28, 40, "lie across the bands L and C and S"),
        (63, 2, "lie across the bands C and S"),
        (96, 1, "outside 0..95"),
        (94, 4, "outside 0..95"),
        (-1, 4, "outside 0..95"),
        (4, 0, "outside 0..95"),
    ],
)
def test_slots_across_bands_or_outside_them_are_refused(first_slot: int, num_slots: int, why: str) -> None:
    spec = element_specs(TOPOLOGY, spectrum_bands(("S", "L", "C"), 32), True)["A"]
    wanted = CrossConnect("service-1", ADD_DROP, "B", first_slot, num_slots, True, "PM-QPSK")
    with pytest.raises(ElementError, match=why) as caught:
        Configuration(spec).difference(Edit(put=(wanted,)))
    assert caught.value.tag == "invalid-value"


def test_every_block_inside_one_band_is_taken() -> None:
    spec = element_specs(TOPOLOGY, spectrum_bands(("L", "C", "S"), 4), True)["A"]
    taken = set()
    for first_slot in range(12):
        for num_slots in range(1, 6):
            wanted = CrossConnect("service-1", ADD_DROP, "B", first_slot, num_slots, True, "PM-QPSK")
            try:
                Configuration(spec).difference(Edit(put=(wanted,)))
                taken.add((first_slot, num_slots))
            except ElementError:
                continue
    assert taken == {
        (4 * band + start, size) for band in range(3) for start in range(4) for size in range(1, 5 - start)
    }
