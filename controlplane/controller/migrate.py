"""The tables brought to the form that this version declares. Not here: the steps (``migrations/``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from controlplane.controller.database import StoreError

_FOLDER = Path(__file__).with_name("migrations")


def bring_up_to_date(engine: Engine) -> None:
    """Take the steps that the database lacks.

    Raises:
        StoreError: a newer version of this program was here.
    """
    known = _steps()
    with engine.begin() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found == known[0]:
            return
        if found is not None and found not in known:
            raise StoreError(
                f"{engine.url.render_as_string()} has tables of step {found}, which this version does not "
                f"know (its newest is {known[0]}): run the newer version, or use another online.database_url"
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@cache
def _steps() -> tuple[str, ...]:
    """The steps there are, newest first."""
    return tuple(step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
