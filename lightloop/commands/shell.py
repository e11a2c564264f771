"""``lightloop env``: what ``prefect``, ``mlflow`` and ``curl`` need to speak to this installation."""

from __future__ import annotations

import os
import shlex

import typer

from lightloop.output import JsonFlag, emit
from lightloop.running import running_config, running_credentials


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("env")(env)


def env(as_json: JsonFlag = False) -> None:
    """Print the addresses and the login of this installation as lines for a shell.

    The proxies of the shell are unset: they would see the login. With LIGHTLOOP_KEEP_PROXY=1 they stay, but
    not for this machine.

    Examples:
      eval "$(lightloop env)"

      prefect deployment run drift-monitor/drift-monitor
    """
    from configs.home import Home
    from configs.proxies import PROXIES, without_proxies
    from deployments.environment import mlflow_login

    config, credentials = running_config(), running_credentials()
    variables = {
        "PREFECT_API_URL": f"{config.services.url('prefect')}/api",
        "PREFECT_API_AUTH_STRING": f"{credentials.user}:{credentials.password}",
        "MLFLOW_TRACKING_URI": config.mlflow.tracking_uri or config.services.url("mlflow"),
        **mlflow_login(config, Home.from_environment()),
    }
    kept = dict(os.environ)
    without_proxies(kept)
    dropped = [spelt for name in PROXIES for spelt in (name, name.upper()) if spelt not in kept]
    told = variables | {name: kept[name] for name in ("NO_PROXY", "no_proxy") if name in kept}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in told.items()]
    text = "\n".join([*lines, f"unset {' '.join(dropped)}"])
    emit(variables, as_json, lambda console: console.out(text, highlight=False))
