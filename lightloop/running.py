"""The installation that runs here: its configuration and credentials. Not here: starting and stopping it."""

from __future__ import annotations

import os

from configs.home import HOME_VARIABLE, PASSWORD_VARIABLE, TOKEN_VARIABLE, USER_VARIABLE, Credentials, Home
from configs.load import CONFIG_FILE_VARIABLE, load_config
from configs.schema import Config
from lightloop.output import Refusal


def running_config() -> Config:
    """The configuration of the running installation.

    That is the file in ``LIGHTLOOP_CONFIG``, else the one that ``lightloop up`` left in the home folder, else
    the defaults.

    Raises:
        ConfigError: a file that cannot be read or holds what cannot be set.
    """
    written = Home.from_environment().config_file
    if CONFIG_FILE_VARIABLE not in os.environ and written.exists():
        return load_config(str(written))
    return load_config()


def running_credentials() -> Credentials:
    """The credentials of the running installation; none are made here.

    Raises:
        Refusal: there is no installation.
    """
    if USER_VARIABLE in os.environ and PASSWORD_VARIABLE in os.environ:
        login = os.environ[USER_VARIABLE], os.environ[PASSWORD_VARIABLE]
        return Credentials(*login, os.environ.get(TOKEN_VARIABLE, ""))
    home = Home.from_environment()
    if not (home.root / "secrets.env").exists():
        raise Refusal(
            f"nothing was ever started in {home.root}; `lightloop up` starts it, {HOME_VARIABLE} names it"
        )
    return home.credentials()
