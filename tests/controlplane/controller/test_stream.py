"""Notifications: one event per change, resumed where a reader left off."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from controlplane.controller.stream import NotificationStream
from controlplane.tapi.errors import TapiError


def parse(event: str) -> tuple[int, dict[str, Any]]:
    number, data = event.strip().split("\n")
    body = json.loads(data.removeprefix("data: "))["tapi-notification:notification"]
    assert body["sequence-number"] == number.removeprefix("id: ")
    return int(body["sequence-number"]), body


def test_each_change_is_told_as_it_happens_and_again_to_who_missed_it(lab: Any) -> None:
    async def story() -> None:
        stream = NotificationStream(lab.state, keep_alive_s=0.2)
        stream.open()
        live = stream.events(stream.start_after(None))
        assert await anext(live) == ": open\n\n"
        assert await asyncio.wait_for(anext(live), 5) == ": still here\n\n"
        service, _ = await asyncio.to_thread(lab.manager.create, lab.request("A", "C"))
        number, body = parse(await asyncio.wait_for(anext(live), 5))
        assert (number, body["notification-type"]) == (1, "OBJECT_CREATION")
        assert body["target-object-identifier"] == service.uuid
        await asyncio.to_thread(lab.manager.fail_link, service.path.nodes[:2])
        kinds = [parse(await asyncio.wait_for(anext(live), 5))[1]["target-object-type"] for _ in range(3)]
        assert kinds == ["LINK", "CONNECTIVITY_SERVICE", "CONNECTIVITY_SERVICE"]
        await live.aclose()

        again = stream.events(stream.start_after("2"))
        await anext(again)
        assert [parse(await anext(again))[0] for _ in range(2)] == [3, 4]
        await again.aclose()
        lost = stream.events(stream.start_after("99"))  # of another store
        await anext(lost)
        name, number, data = (await anext(lost)).strip().split("\n")
        assert (name, number) == ("event: resynchronise", "id: 4")
        (error,) = json.loads(data.removeprefix("data: "))["ietf-restconf:errors"]["error"]
        assert error["error-info"]["lightloop:change-log"]["last"] == 4
        await lost.aclose()
        with pytest.raises(TapiError):
            stream.start_after("yesterday")

        ending = stream.events(4)
        await anext(ending)
        rest = asyncio.ensure_future(anext(ending))
        await asyncio.sleep(0.05)
        stream.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(rest, 5)

    asyncio.run(story())
