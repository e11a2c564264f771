"""Addresses whose programs need no credentials, because they cannot send any.

The address is that of the connection; what a header says about it counts for nothing. A browser is never such
a client, wherever it runs: a page of somebody else could speak through it. Not here: credentials
(``auth.py``), foreign pages (``guard.py``), which addresses these are (``online.trusted_clients``).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

# What a browser sends along, and a program that calls an interface does not.
_OF_BROWSERS = ("origin", "referer", "cookie", "sec-fetch-site", "sec-fetch-mode", "sec-ch-ua")


class TrustedClients:
    """Who may come without credentials.

    Args:
        addresses: IPv4 and IPv6 addresses.

    Raises:
        ValueError: one that is no address.
    """

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self._addresses = frozenset(map(_plain, addresses))

    def admits(self, scope: Scope) -> bool:
        """Whether a request without credentials may pass."""
        client = scope.get("client")
        if scope["type"] != "http" or not client or not self._addresses:
            return False
        try:
            address = _plain(client[0])
        except ValueError:  # a socket file has no address
            return False
        headers = Headers(scope=scope)
        is_browser = "mozilla" in headers.get("user-agent", "").lower()
        is_browser = is_browser or any(name in headers for name in _OF_BROWSERS)
        return address in self._addresses and not is_browser


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An address; one of IPv4 that IPv6 wraps as itself."""
    found = ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found
