"""Which of several addresses is asked, and which is asked next time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from configs import addresses
from configs.addresses import AsyncOneOf, OneOf, may_be_done_already

URLS = ("http://a:1", "http://b:2", "http://c:3")


class Net:
    """Hosts that answer, wait (503 with Retry-After), fail for good (503), break off, or are dead."""

    def __init__(self, **states: str) -> None:
        self.states = states
        self.asked: list[str] = []
        self.patience_s: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        assert request.headers["Host"] == f"{host}:{request.url.port}"
        self.asked.append(host)
        self.patience_s.append(request.extensions["timeout"]["read"])
        match self.states[host]:
            case "dead":
                raise httpx.ConnectError("refused")
            case "breaks":
                raise httpx.ReadError("reset")
            case "waits":
                return httpx.Response(503, headers={"Retry-After": "1"})
            case "fails":
                return httpx.Response(503)
        return httpx.Response(200, text=host)

    def ask(self, client: httpx.Client) -> str:
        self.asked.clear()
        answer = client.post("/place", json={"n": 1})
        return answer.text if answer.is_success else str(answer.status_code)


def test_the_next_is_asked_where_one_is_dead_or_waits_and_the_one_that_answered_is_asked_first() -> None:
    net = Net(a="dead", b="waits", c="answers")
    with httpx.Client(base_url=URLS[0], transport=OneOf(URLS, httpx.MockTransport(net))) as client:
        assert (net.ask(client), net.asked) == ("c", ["a", "b", "c"])
        assert (net.ask(client), net.asked) == ("c", ["c"])
        net.states |= {"b": "fails", "c": "dead"}
        assert (net.ask(client), net.asked) == ("503", ["c", "a", "b"])  # an error is an answer
        assert (net.ask(client), net.asked) == ("503", ["b"])
        net.states["b"] = "waits"
        with pytest.raises(httpx.ConnectError):
            net.ask(client)
        assert net.asked == ["b", "c", "a"]
        net.states |= {"a": "waits", "c": "waits"}
        assert (net.ask(client), net.asked) == ("503", ["a", "b", "c"])


@pytest.mark.parametrize(("first", "is_told"), [("breaks", True), ("dead", False), ("waits", False)])
def test_an_answer_tells_whether_somebody_else_got_the_question_before(first: str, is_told: bool) -> None:
    net = Net(a=first, b="answers", c="dead")
    with httpx.Client(base_url=URLS[0], transport=OneOf(URLS, httpx.MockTransport(net))) as client:
        assert may_be_done_already(client.post("/place", json={})) is is_told
        assert not may_be_done_already(client.post("/place", json={}))


def test_while_nobody_is_in_charge_all_are_asked_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    net, slept = Net(a="waits", b="dead"), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        net.states["b"] = "answers" if len(slept) == 3 else "dead"

    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=sleep)
    monkeypatch.setattr(addresses, "time", clock)
    transport = OneOf(URLS[:2], httpx.MockTransport(net), patience_s=1.5)
    with httpx.Client(base_url=URLS[0], transport=transport) as client:
        assert (net.ask(client), len(slept)) == ("b", 3)
        net.states["b"] = "dead"
        slept += [1.0] * 5
        assert net.ask(client) == "503"  # of the one that waits
        assert 1.5 <= sum(slept[8:]) < 1.5 + 2 * addresses.AGAIN_S
    with httpx.Client(
        base_url=URLS[1], transport=OneOf(URLS[1:2], httpx.MockTransport(net), patience_s=1.5)
    ) as one:
        asked = len(slept)
        with pytest.raises(httpx.ConnectError):
            net.ask(one)
        assert len(slept) == asked  # nobody takes over from it


def test_the_asynchronous_one_does_the_same() -> None:
    net = Net(a="waits", b="dead", c="answers")

    async def ask() -> str:
        transport = AsyncOneOf(URLS, httpx.MockTransport(net), next_s=2.0)
        async with httpx.AsyncClient(base_url=URLS[0], transport=transport, timeout=5.0) as client:
            await client.get("/place")
            return (await client.get("/place")).text

    assert asyncio.run(ask()) == "c"
    assert net.asked == ["a", "b", "c", "c"]
    assert net.patience_s == [2.0, 2.0, 5.0, 2.0]  # the last one has the whole time
