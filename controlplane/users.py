"""The people who may use the online processes: one file in the home, names, roles and hashed passwords.

``UserFile`` changes it, for the command line; ``UserBook`` reads it in a running process and takes a change
up with the next request. Not here: the installation's own credentials (``configs.home``), which are an
administrator's and stand in no file of users; how a login is checked (``logins.py``).
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from controlplane.roles import Role

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
LEAST_PASSWORD, MOST_PASSWORD = 10, 1024  # characters
# How processes of ours, and clients that need no credentials, are called where a change is told.
OUR_PROCESSES, TRUSTED = "lightloop", "trusted-client"
# OWASP's first choice for Argon2id: 19 MiB, two passes, one lane; some 30 ms.
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
SALT_BYTES, HASH_BYTES = 16, 32

log = logging.getLogger(__name__)


class UserError(ValueError):
    """A user cannot be added, changed or found; names the user and the remedy."""


@dataclass(frozen=True)
class User:
    """One person.

    Attributes:
        password: its hash, in the form that Argon2 gives it (``$argon2id$...``).
    """

    name: str
    role: Role
    password: str


def hashed(password: str) -> str:
    """A password as it is stored, with a salt of its own."""
    salt = os.urandom(SALT_BYTES)
    kdf = Argon2id(salt=salt, length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode())


class UserFile:
    """The file of users; every change is whole or not there, and waits for the one before it.

    Args:
        file: made at the first change, mode 600.
        reserved: the installation's own user, whose name nobody else may have.
    """

    def __init__(self, file: Path, reserved: str) -> None:
        self.file = file
        self._reserved = (reserved, OUR_PROCESSES, TRUSTED)

    def users(self) -> tuple[User, ...]:
        """Everybody, by name.

        Raises:
            UserError: the file cannot be read.
        """
        return tuple(sorted(read_users(self.file).values(), key=lambda user: user.name))

    def add(self, name: str, role: Role, password: str) -> None:
        """A new user.

        Raises:
            UserError: the name is taken or not allowed, or the password is too short.
        """
        if not NAME.fullmatch(name):
            raise UserError(
                f"user {name[:80]!r}: a name has 1 to 64 letters, digits and the signs . _ @ -, and begins "
                "with a letter or a digit"
            )
        if name in self._reserved:
            raise UserError(f"user {name!r}: the installation itself has that name; choose another")
        with self._changed() as users:
            if name in users:
                raise UserError(
                    f"user {name!r} is there already; `lightloop user password {name}` changes it"
                )
            users[name] = User(name, role, self._hash(password))

    def set_password(self, name: str, password: str) -> None:
        """Another password; the old one is refused from now on.

        Raises:
            UserError: there is no such user, or the password is too short.
        """
        with self._changed() as users:
            known = self._known(users, name)
            users[name] = User(name, known.role, self._hash(password))

    def remove(self, name: str) -> None:
        """A user less.

        Raises:
            UserError: there is no such user.
        """
        with self._changed() as users:
            self._known(users, name)
            del users[name]

    def _known(self, users: dict[str, User], name: str) -> User:
        if name in self._reserved:
            raise UserError(f"user {name!r} is the installation's own; its password stands in secrets.env")
        if name not in users:
            raise UserError(f"no user {name[:80]!r}; known: {', '.join(sorted(users)) or 'nobody'}")
        return users[name]

    @staticmethod
    def _hash(password: str) -> str:
        if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
            raise UserError(
                f"the password has {len(password)} characters; {LEAST_PASSWORD} to {MOST_PASSWORD} are needed"
            )
        return hashed(password)

    @contextmanager
    def _changed(self) -> Iterator[dict[str, User]]:
        """The users to be changed; what was made of them is stored at the end."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.file.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            users = read_users(self.file)
            yield users
            self._write(users)
        finally:
            os.close(lock)

    def _write(self, users: dict[str, User]) -> None:
        entries = {user.name: {"role": user.role, "password": user.password} for user in users.values()}
        beside = self.file.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump({"users": entries}, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self.file)


def read_users(file: Path) -> dict[str, User]:
    """Users by name; none where there is no file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        entries = json.loads(file.read_text())["users"]
        return {
            name: User(name, Role(entry["role"]), str(entry["password"])) for name, entry in entries.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} cannot be read ({error!r}); bring back a copy, or remove it and add the users anew"
        ) from None


class UserBook:
    """The users as a running process knows them; read again as soon as the file is another.

    A file that cannot be read lets no user in, and is told in the log once.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: Any = ()
        self._users: dict[str, User] = {}

    def get(self, name: str) -> User | None:
        """A user by name, as the file has it now."""
        try:
            found = self._file.stat()
            seen = found.st_mtime_ns, found.st_size, found.st_ino
        except OSError:
            seen = None
        if seen != self._seen:
            try:
                self._users = read_users(self._file)
            except UserError as error:
                log.error("no user is let in: %s", error)
                self._users = {}
            self._seen = seen
        return self._users.get(name)
