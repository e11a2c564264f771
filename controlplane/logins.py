"""Whether a user's password is right, at a bounded cost.

A password takes some 30 ms and 19 MiB to check, so one is checked at a time, and one that was right is known
for a while by a keyed hash in memory. What is known is bound to the stored hash: a user who is removed or has
another password is a stranger at once. Not here: how long wrong ones wait (``slowdown.py``).
"""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from controlplane.users import MOST_PASSWORD, User, UserBook, hashed

KNOWN_S = 60.0  # how long a right password is not checked again
MOST_KNOWN = 1000
MOST_WAITING = 32  # passwords that wait to be checked


class TooManyLogins(Exception):  # noqa: N818 - an answer, not a failure of the program
    """So many passwords wait to be checked that this one is not looked at."""


class Logins:
    """Checks users' passwords; of one process.

    Args:
        book: who is known.
        clock: monotonic seconds.
    """

    def __init__(self, book: UserBook, clock: Callable[[], float] = time.monotonic) -> None:
        self.book = book
        self._clock = clock
        self._key = os.urandom(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()  # until when, the oldest first
        self._checking: dict[bytes, asyncio.Future[bool]] = {}
        self._turn = asyncio.Lock()
        self._nobody: str | None = None

    async def user(self, name: str, password: str) -> User | None:
        """The user with that name and password; None where one of them is wrong.

        Raises:
            TooManyLogins: too many wait already.
        """
        if len(password) > MOST_PASSWORD:
            return None
        user = self.book.get(name)
        # A name that is not known takes as long as a wrong password, so the time does not tell who is known.
        stored = user.password if user else await self._stored_of_nobody()
        key = hmac.digest(self._key, f"{stored}\0{name}\0{password}".encode(), "sha256")
        if self._right.get(key, 0.0) > self._clock():
            return user
        right = await self._checked(key, stored, password)
        if not right or user is None:
            return None
        self._right.pop(key, None)
        self._right[key] = self._clock() + KNOWN_S
        while len(self._right) > MOST_KNOWN:
            self._right.popitem(last=False)
        return user

    async def _checked(self, key: bytes, stored: str, password: str) -> bool:
        """Whether it is right; many who ask the same at once are one check."""
        if key in self._checking:
            return await asyncio.shield(self._checking[key])
        if len(self._checking) >= MOST_WAITING:
            raise TooManyLogins
        check = asyncio.ensure_future(self._in_turn(stored, password))
        self._checking[key] = check
        check.add_done_callback(lambda _: self._checking.pop(key, None))
        return await asyncio.shield(check)

    async def _in_turn(self, stored: str, password: str) -> bool:
        async with self._turn:
            return await asyncio.to_thread(_is_right, stored, password)

    async def _stored_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = await asyncio.to_thread(hashed, os.urandom(16).hex())
        return self._nobody


def _is_right(stored: str, password: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except (InvalidKey, ValueError):  # ValueError: what is stored is no hash
        return False
    return True
