"""A private Postgres server for tests: in a folder of its own, on a Unix socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

OWNER = "lightloop"
START_S = 60


class NoPostgresError(Exception):
    """Postgres is not installed, or cannot run here; says why."""


class Postgres:
    """A running server.

    Args:
        socket_folder: where its socket is.
    """

    def __init__(self, socket_folder: Path) -> None:
        self._folder = socket_folder

    def url(self, database: str) -> str:
        """Address of one of its databases, in the form of ``online.database_url``."""
        return f"postgresql://{OWNER}@/{database}?host={self._folder}"

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """The URL of an empty database that is dropped afterwards."""
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                return self._execute("SELECT 1")
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgresError(f"Postgres does not start: {error}") from error
                time.sleep(0.05)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server for as long as the context lasts.

    Raises:
        NoPostgresError: it is not installed, or cannot run here.
    """
    programs = _programs()
    person = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="pg-") as name:  # short: a socket's path has 107 characters
        folder = Path(name)
        data = folder / "data"
        if person:
            shutil.chown(folder, person["user"], person["group"])
        options = ("-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        made = subprocess.run(
            [programs / "initdb", "-D", data, *options],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **person,
        )
        if made.returncode:
            raise NoPostgresError(f"Postgres cannot make a database: {made.stderr.strip()}")
        settings = {"listen_addresses": "", "unix_socket_directories": name, "fsync": "off"}
        with (folder / "log").open("wb") as output:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, *(f"--{key}={value}" for key, value in settings.items())],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd="/",
                **person,
            )
        try:
            server = Postgres(folder)
            server.wait(process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # it ends connections and leaves
            process.wait(30)


def _programs() -> Path:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    # Debian keeps the server's programs off the path; the newest first.
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda item: (len(item.parts[-2]), item), reverse=True
    )
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgresError("Postgres is not installed (Debian: apt-get install postgresql)")


def _unprivileged() -> dict[str, Any]:
    """Whose processes they are, as ``subprocess`` takes it; Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            person = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    raise NoPostgresError("Postgres does not run as root, and there is no user postgres or nobody")
