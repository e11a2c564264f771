"""Elements keep RFC 6241's promises: confirmed commits, roll-back, no overlap, survival of a kill."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from configs.home import Credentials
from controlplane.elements.app import build_app
from controlplane.elements.configuration import ElementSpec, apply_edit, element_specs
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
from topologies.catalogue import load_topology
from topologies.grid import c_band, spectrum_bands

CREDENTIALS = Credentials("admin", "password", "token")
TOPOLOGY = load_topology("five-node")
A_TO_B = CrossConnect("service-1", ADD_DROP, "B", 0, 4, True, "QPSK")


def open_host(folder: Path, shared: bool = True) -> ElementHost:
    return ElementHost(element_specs(TOPOLOGY, (c_band(32),), shared), ElementStore(folder / "elements.db"))


@contextmanager
def over_http(host: ElementHost) -> Iterator[HttpSouthbound]:
    southbound = HttpSouthbound("http://elements", CREDENTIALS)
    with TestClient(build_app(host, CREDENTIALS), base_url="http://elements") as client:
        client.headers.update(southbound._http.headers)
        southbound._http = client
        yield southbound


@pytest.fixture(params=["in process", "http"])
def southbound(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Southbound]:
    host = open_host(tmp_path)
    if request.param == "http":
        with over_http(host) as client:
            yield client
    else:
        yield host
    host.close()


def test_a_commit_takes_effect_at_once_and_stays_when_confirmed(southbound: Southbound) -> None:
    southbound.edit_candidate("A", Edit(put=(A_TO_B,)))
    assert southbound.running("A") == ()
    southbound.commit_confirmed("A", "id-1", 30)
    assert southbound.running("A") == (A_TO_B,)
    assert southbound.pending("A") == "id-1"
    southbound.confirm("A", "id-1")
    assert (southbound.running("A"), southbound.pending("A")) == ((A_TO_B,), None)


def test_an_unconfirmed_commit_rolls_back_on_timeout(southbound: Southbound) -> None:
    southbound.edit_candidate("A", Edit(put=(A_TO_B,)))
    southbound.commit_confirmed("A", "id-1", 0.05)
    wait_until(lambda: southbound.running("A") == ())
    assert southbound.pending("A") is None
    with pytest.raises(ElementError, match="no commit id-1 waits"):
        southbound.confirm("A", "id-1")


def test_a_follow_up_commit_extends_the_time(southbound: Southbound) -> None:
    southbound.edit_candidate("A", Edit(put=(A_TO_B,)))
    southbound.commit_confirmed("A", "id-1", 0.3)
    southbound.commit_confirmed("A", "id-1", 30)
    time.sleep(0.4)
    assert southbound.running("A") == (A_TO_B,)


def test_cancel_restores_what_was_before(southbound: Southbound) -> None:
    commit(southbound, "A", Edit(put=(A_TO_B,)))
    southbound.edit_candidate("A", Edit(remove=("service-1",)))
    southbound.commit_confirmed("A", "id-2", 30)
    assert southbound.running("A") == ()
    southbound.cancel("A", "id-2")
    assert southbound.running("A") == (A_TO_B,)


def test_another_persist_id_is_kept_out_while_a_commit_waits(southbound: Southbound) -> None:
    southbound.edit_candidate("A", Edit(put=(A_TO_B,)))
    southbound.commit_confirmed("A", "id-1", 30)
    for refused in (
        lambda: southbound.edit_candidate("A", Edit()),
        lambda: southbound.commit_confirmed("A", "id-2", 30),
    ):
        with pytest.raises(ElementError) as caught:
            refused()
        assert caught.value.tag == "in-use"
    with pytest.raises(ElementError):
        southbound.cancel("A", "id-2")
    assert southbound.pending("A") == "id-1"


def test_nothing_to_commit_is_refused(southbound: Southbound) -> None:
    southbound.edit_candidate("A", Edit(put=(A_TO_B,)))
    southbound.discard("A")
    with pytest.raises(ElementError) as caught:
        southbound.commit_confirmed("A", "id-1", 30)
    assert caught.value.tag == "data-missing"


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
        southbound.edit_candidate("A", Edit(put=(wrong,)))
    assert caught.value.tag == "invalid-value"
    assert southbound.running("A") == ()


def test_overlapping_slots_on_a_port_are_refused(southbound: Southbound) -> None:
    commit(southbound, "A", Edit(put=(A_TO_B,)))
    with pytest.raises(ElementError, match="overlap with those of service-1"):
        southbound.edit_candidate("A", Edit(put=(CrossConnect("service-2", "C", "B", 3, 2, True),)))
    southbound.edit_candidate("A", Edit(put=(CrossConnect("service-2", "C", "B", 4, 2, True),)))
    # The same slots at add-drop are fine: it is contentionless.
    southbound.edit_candidate("A", Edit(put=(CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK"),)))


def test_where_directions_have_their_own_spectrum_the_way_back_is_free(tmp_path: Path) -> None:
    one_way = CrossConnect("service-1", ADD_DROP, "B", 0, 4, False, "QPSK")
    back = CrossConnect("service-2", "B", ADD_DROP, 0, 4, False, "QPSK")
    for shared in (False, True):
        spec = element_specs(TOPOLOGY, (c_band(32),), shared)["A"]
        after = apply_edit(spec, {}, Edit(put=(one_way,)))
        if shared:
            with pytest.raises(ElementError, match="overlap"):
                apply_edit(spec, after, Edit(put=(back,)))
        else:
            assert len(apply_edit(spec, after, Edit(put=(back,)))) == 2


def test_a_restart_keeps_the_confirmed_and_rolls_back_the_unconfirmed(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    commit(host, "A", Edit(put=(A_TO_B,)))
    second = CrossConnect("service-2", ADD_DROP, "C", 0, 4, True, "QPSK")
    host.edit_candidate("A", Edit(put=(second,), remove=("service-1",)))
    host.commit_confirmed("A", "id-2", 30)
    assert host.running("A") == (second,)
    host.close()  # as a kill would: nothing is rolled back on the way out
    again = open_host(tmp_path)
    assert (again.running("A"), again.pending("A")) == ((A_TO_B,), None)
    again.close()


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


def test_parallel_commits_of_different_elements_do_not_disturb_each_other(tmp_path: Path) -> None:
    host = open_host(tmp_path)

    def work(node: str, port: str) -> None:
        for index in range(10):
            commit(host, node, Edit(put=(CrossConnect(f"s{index}", ADD_DROP, port, index, 1, True, "QPSK"),)))

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
@given(st.lists(cross_connects, max_size=12), st.booleans())
def test_no_sequence_of_edits_makes_two_services_share_a_slot(
    edits: list[CrossConnect], shared: bool
) -> None:
    spec = ElementSpec("A", frozenset("BCDE"), (c_band(8),), shared)
    running: dict[str, CrossConnect] = {}
    for item in edits:
        try:
            running = apply_edit(spec, running, Edit(put=(item,)))
        except ElementError:
            continue
    lit: set[tuple[str, str, int]] = set()
    for item in running.values():
        ways = [(item.in_port, "in"), (item.out_port, "out")]
        if item.bidirectional or shared:
            ways += [(item.in_port, "out"), (item.out_port, "in")]
        for port, way in ways:
            for slot in range(item.first_slot, item.first_slot + item.num_slots):
                assert slot < 8
                assert (port, way, slot) not in lit
                lit.add((port, way, slot))


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
        apply_edit(spec, {}, Edit(put=(wanted,)))
    assert caught.value.tag == "invalid-value"


def test_every_block_inside_one_band_is_taken() -> None:
    spec = element_specs(TOPOLOGY, spectrum_bands(("L", "C", "S"), 4), True)["A"]
    taken = set()
    for first_slot in range(12):
        for num_slots in range(1, 6):
            wanted = CrossConnect("service-1", ADD_DROP, "B", first_slot, num_slots, True, "PM-QPSK")
            try:
                apply_edit(spec, {}, Edit(put=(wanted,)))
                taken.add((first_slot, num_slots))
            except ElementError:
                continue
    assert taken == {
        (4 * band + start, size) for band in range(3) for start in range(4) for size in range(1, 5 - start)
    }


def commit(southbound: Southbound, node: str, edit: Edit) -> None:
    southbound.edit_candidate(node, edit)
    southbound.commit_confirmed(node, "id", 30)
    southbound.confirm(node, "id")


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
