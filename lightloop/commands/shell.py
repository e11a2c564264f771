"""``lightloop env``: what ``prefect``, ``mlflow`` and ``curl`` need to speak to this installation."""

from __future__ import annotations

import shlex

import typer

from lightloop.commands.services import installation_config
from lightloop.output import JsonFlag, emit


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("env")(env)


def env(as_json: JsonFlag = False) -> None:
    """Print the addresses and the login of this installation as lines for a shell.

    The proxies of the shell are unset: they would see the login, and this machine is not behind them.

    Examples:
      eval "$(lightloop env)"

      prefect deployment run drift-monitor/drift-monitor
    """
    from configs.home import Home
    from configs.proxies import PROXIES
    from deployments.environment import mlflow_login

    home, config = Home.from_environment(), installation_config(None, ())
    credentials = home.credentials()
    variables = {
        "PREFECT_API_URL": f"{config.services.url('prefect')}/api",
        "PREFECT_API_AUTH_STRING": f"{credentials.user}:{credentials.password}",
        "MLFLOW_TRACKING_URI": config.mlflow.tracking_uri or config.services.url("mlflow"),
        **mlflow_login(config, home),
    }
    proxies = [spelt for name in PROXIES for spelt in (name, name.upper())]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    text = "\n".join([*lines, f"unset {' '.join(proxies)}"])
    emit(variables, as_json, lambda console: console.out(text, highlight=False))
