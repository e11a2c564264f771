"""Where a running lightloop keeps its files, and the credentials its processes share.

Nothing is created on import: ``Home.create`` makes the folders, ``credentials`` the secrets file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from topologies.cache_folders import HOME_VARIABLE as HOME_VARIABLE

USER_VARIABLE = "LIGHTLOOP_USER"
PASSWORD_VARIABLE = "LIGHTLOOP_PASSWORD"
TOKEN_VARIABLE = "LIGHTLOOP_TOKEN"


class HomeError(ValueError):
    """The home folder cannot be used; names it, what is wrong and the remedy."""


@dataclass(frozen=True)
class Credentials:
    """What clients show: user and password northbound, a bearer token between our own processes."""

    user: str
    password: str
    token: str

    def environment(self) -> dict[str, str]:
        """As environment variables, the only way they reach a process."""
        return {USER_VARIABLE: self.user, PASSWORD_VARIABLE: self.password, TOKEN_VARIABLE: self.token}


@dataclass(frozen=True)
class Home:
    """The folder of a running lightloop; one folder, one installation."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """``LIGHTLOOP_HOME``, or ``var`` in the current folder; an empty variable counts as none.

        Raises:
            HomeError: a path that no file system can hold.
        """
        named = os.environ.get(HOME_VARIABLE) or "var"
        try:
            return cls(Path(named).resolve())
        except (OSError, ValueError, RuntimeError) as error:
            raise HomeError(f"{HOME_VARIABLE} is {named!r}: {error}; choose another folder") from None

    @property
    def config_file(self) -> Path:
        """The resolved configuration that every service reads."""
        return self.root / "config.yaml"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Sockets and process ids."""
        return self.root / "run"

    @property
    def traces(self) -> Path:
        """Trace store: ``<id>.parquet``."""
        return self.root / "traces"

    @property
    def decisions(self) -> Path:
        """Decision log parts."""
        return self.root / "decisions"

    @property
    def operation(self) -> Path:
        """Operation record, by UTC day."""
        return self.root / "operation"

    @property
    def windows(self) -> Path:
        """Windows of operation: a folder ``<id>`` each."""
        return self.root / "windows"

    @property
    def serving(self) -> Path:
        """What each model slot serves; the promotion log."""
        return self.root / "serving"

    @property
    def promotion_budget(self) -> Path:
        """What gates have spent of the chance of a false promotion."""
        return self.serving / "promotion-budget.jsonl"

    @property
    def drift_state(self) -> Path:
        """Which requests drift has been looked for in."""
        return self.serving / "drift.json"

    @property
    def probation(self) -> Path:
        """What was found of the last promotion's first live requests."""
        return self.serving / "probation.json"

    @property
    def training(self) -> Path:
        """Checkpoints and progress of training runs."""
        return self.root / "training"

    @property
    def models(self) -> Path:
        """Copies of models that were fetched from the registry."""
        return self.root / "models"

    @property
    def evaluations(self) -> Path:
        """Measured results that are found again."""
        return self.root / "evaluations"

    @property
    def alarms(self) -> Path:
        """Alarms of the console, and who has taken note of them."""
        return self.root / "console" / "alarms.json"

    @property
    def users(self) -> Path:
        """Users with their roles and hashed passwords."""
        return self.root / "users.json"

    @property
    def trail(self) -> Path:
        """Who changed what: a file a process and day."""
        return self.root / "trail"

    @property
    def state(self) -> Path:
        """Databases: controller, elements, Prefect, MLflow and its artifacts."""
        return self.root / "state"

    def create(self) -> Home:
        """Make the folders; safe to repeat.

        Raises:
            HomeError: one cannot be made.
        """
        for folder in (
            self.logs,
            self.run,
            self.traces,
            self.decisions,
            self.operation,
            self.windows,
            self.serving,
            self.training,
            self.state,
        ):
            self._make(folder)
        return self

    def _make(self, folder: Path) -> None:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = "a file is in its place" if self.root.is_file() else error.strerror
            raise HomeError(
                f"{folder} cannot be made: {reason}; set {HOME_VARIABLE} to a folder that you may write to"
            ) from None

    def tighten(self) -> Home:
        """Take other users' rights to the folder and to what is kept in it away."""
        self.root.chmod(0o700)
        for kept in (self.config_file, *self.state.glob("*.db*"), *self.run.glob("*")):
            with contextlib.suppress(OSError):  # gone in between, or not ours to change
                kept.chmod(0o700 if kept.is_dir() else 0o600)
        return self

    def credentials(self) -> Credentials:
        """From the environment where set, else from ``secrets.env``, made at first use (mode 600).

        Raises:
            HomeError: the home cannot be made.
        """
        file = self.root / "secrets.env"
        if not file.exists():
            self._make(self.root)
            made = Credentials("admin", secrets.token_urlsafe(18), secrets.token_urlsafe(32))
            lines = [f"{key}={value}\n" for key, value in made.environment().items()]
            with NamedTemporaryFile("w", dir=self.root, prefix=".secrets-") as stream:  # mode 600
                stream.writelines(lines)
                stream.flush()
                with contextlib.suppress(FileExistsError):  # of a process that started beside this one
                    _appear(Path(stream.name), file)
        stored = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
        merged = stored | {key: os.environ[key] for key in stored if key in os.environ}
        return Credentials(merged[USER_VARIABLE], merged[PASSWORD_VARIABLE], merged[TOKEN_VARIABLE])


def _appear(written: Path, file: Path) -> None:
    """Give what is written whole its name, too.

    Raises:
        FileExistsError: something has the name.
    """
    try:
        os.link(written, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as plain:
            plain.write(written.read_bytes())
