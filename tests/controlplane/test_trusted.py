"""Who needs no credentials: programs at listed addresses, and never a browser."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.trusted import TrustedClients


def scope(address: Any, headers: dict[str, str] | None = None, kind: str = "http") -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return {"type": kind, "client": address and (address, 50000), "headers": raw}


def test_only_the_addresses_that_were_listed_are_let_in() -> None:
    trusted = TrustedClients(["10.0.0.5", "fd00::7"])
    for address in ("10.0.0.5", "::ffff:10.0.0.5", "fd00:0::7"):
        assert trusted.admits(scope(address))
    for address in ("10.0.0.6", "127.0.0.1", "", None, "10.0.0.5.evil.example"):
        assert not trusted.admits(scope(address))
    assert not trusted.admits(scope("10.0.0.5", kind="websocket"))
    assert not TrustedClients().admits(scope("127.0.0.1"))


@pytest.mark.parametrize(
    "sent",
    [
        {"origin": "http://127.0.0.1:8702"},
        {"sec-fetch-site": "none"},
        {"referer": "http://127.0.0.1:8702/"},
        {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
    ],
)
def test_a_browser_there_is_not(sent: dict[str, str]) -> None:
    trusted = TrustedClients(["10.0.0.5"])
    assert trusted.admits(scope("10.0.0.5", {"user-agent": "python-requests/2.32", "accept": "*/*"}))
    assert not trusted.admits(scope("10.0.0.5", sent))


def test_what_a_header_says_of_the_address_counts_for_nothing() -> None:
    assert not TrustedClients(["10.0.0.5"]).admits(scope("10.0.0.6", {"x-forwarded-for": "10.0.0.5"}))
