"""Wrong passwords are answered later and later: how long the next wrong one from an address waits.

Only an answer to wrong credentials ever waits, so nobody can shut somebody else out. Not here: what is right
(``auth.py``).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

FREE = 2  # wrong ones that are answered at once: everybody mistypes
FIRST_S = 0.5  # what the next one waits; doubled with each
MOST_S = 4.0
FORGOTTEN_S = 300.0  # after the last wrong one
KEPT_ADDRESSES = 1000  # of those seen last
WAITING = 100  # answers held back at once; what comes on top is answered at once and costs no memory
LOG_EVERY_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Wrongs:
    count: int
    last_s: float


class Slowdown:
    """Counts wrong credentials by address and holds the answers back; of one process.

    Args:
        clock: monotonic seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._seen: OrderedDict[str, _Wrongs] = OrderedDict()  # by address, the one seen last at the end
        self._waiting = 0
        self._unlogged = 0
        self._logged_s: float | None = None

    async def wrong(self, host: str | None) -> None:
        """Note wrong credentials from a host's address; returns when they may be answered."""
        address = address_of(host)
        delay_s = self._noted(address)
        self._told(address)
        if delay_s and self._waiting < WAITING:
            self._waiting += 1
            try:
                await self._sleep(delay_s)
            finally:
                self._waiting -= 1

    def _noted(self, address: str) -> float:
        now_s = self._clock()
        seen = self._seen.pop(address, None)
        known = seen is not None and now_s - seen.last_s < FORGOTTEN_S
        count = seen.count + 1 if seen is not None and known else 1
        self._seen[address] = _Wrongs(count, now_s)
        while len(self._seen) > KEPT_ADDRESSES:
            self._seen.popitem(last=False)
        # The exponent is bounded, for a float is not to overflow after some thousand wrong ones.
        return 0.0 if count <= FREE else min(MOST_S, FIRST_S * 2.0 ** min(count - FREE - 1, 10))

    def _told(self, address: str) -> None:
        """One line a while, however many ask; no name and no password, for people take one for the other."""
        self._unlogged += 1
        now_s = self._clock()
        if self._logged_s is None or now_s - self._logged_s >= LOG_EVERY_S:
            log.warning("wrong credentials from %s (%d time(s) since last told)", address, self._unlogged)
            self._logged_s, self._unlogged = now_s, 0


def address_of(host: str | None) -> str:
    """What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, which one host owns.

    >>> address_of("::ffff:192.0.2.1"), address_of("2001:db8::1"), address_of(None)
    ('192.0.2.1', '2001:db8::/64', 'unknown')
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host[:100] if host else "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
