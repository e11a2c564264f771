"""The tree of commands, and how a refusal is printed."""

from __future__ import annotations

import sys

import typer

from lightloop.commands import register
from lightloop.output import Refusal, stderr

app = typer.Typer(
    help="Continuous training and serving of deep-RL agents for optical networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
register(app)


def main() -> None:
    """Entry point of ``lightloop``. A refusal prints its reason on stderr and exits with status 1.

    Every refusal of this project is a ``ValueError`` of its own subclass (``TopologyError``, ``TraceError``,
    ``ConfigError``, ...) or a ``Refusal``; anything else is a defect and keeps its traceback.
    """
    try:
        app()
    except Refusal as refusal:
        _refuse(str(refusal))
    except ValueError as error:
        if type(error) is ValueError:
            raise
        _refuse(str(error))


def _refuse(reason: str) -> None:
    stderr.print(f"lightloop: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)
