"""Elements that are told to do wrong: what the controller is told, and what they hold then."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.elements import faulty
from controlplane.elements.app import build_app
from controlplane.elements.faulty import FaultyElements
from controlplane.elements.http import HttpSouthbound
from controlplane.elements.interface import Edit, ElementError, UnreachableError
from tests.controlplane.elements.test_edits import A_TO_B, CREDENTIALS, open_host
from tests.controlplane.pce.conftest import ServerThread


def test_what_is_told_and_what_is_done_are_two_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happens = {"elements.edit": ""}

    async def hit(place: str, *narrower: str) -> str:
        return happens.get(place, "")

    monkeypatch.setattr(faulty, "hit_awaited", hit)
    host = open_host(tmp_path)
    server = ServerThread(FaultyElements(build_app(host, CREDENTIALS)))
    southbound = HttpSouthbound(server.url, CREDENTIALS)
    put = Edit(put=(A_TO_B,))

    happens["elements.edit"] = "lie"
    assert southbound.edit("A", put) == (A_TO_B,)
    assert southbound.running("A") == ()
    happens["elements.edit"] = "refuse"
    with pytest.raises(ElementError, match="does not want to"):
        southbound.edit("A", put)
    assert southbound.running("A") == ()
    happens["elements.edit"] = "break"
    with pytest.raises(UnreachableError, match="does not answer"):
        southbound.edit("A", put)
    assert southbound.running("A") == (A_TO_B,)
    happens["elements.edit"] = ""
    assert southbound.edit("A", Edit(remove=(A_TO_B.service_uuid,))) == ()

    southbound.close()
    server.stop()
    host.close()
