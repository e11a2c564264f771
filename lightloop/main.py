"""The tree of commands, and how a refusal, a defect and an interruption are told."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import typer

from configs.proxies import without_proxies
from lightloop.commands import register
from lightloop.output import Interrupted, Refusal, stderr

DEBUG_VARIABLE = "LIGHTLOOP_DEBUG"
DEBUG_OPTION = "--debug"
BY_SIGNAL = 128  # as shells count it: this and the number of the signal
ENDING = (signal.SIGINT, signal.SIGTERM)
AGAIN_S = 0.05
FILE_SYSTEM_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)

OUR_PACKAGES = frozenset(
    (
        "topologies",
        "envs",
        "agents",
        "tasks",
        "flows",
        "controlplane",
        "configs",
        "deployments",
        "benchmarks",
        "lightloop",
    )
)

app = typer.Typer(
    help="Continuous training and serving of deep-RL agents for optical networks.",
    epilog=f"{DEBUG_OPTION} before the command shows where a defect happened.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
register(app)


def main() -> None:
    """Entry point of ``lightloop``. A refusal prints its reason on stderr and exits with status 1.

    Every refusal of this project is a ``ValueError`` of a subclass of its own (``TopologyError``,
    ``ConfigError``, ...) or a ``Refusal``. Anything else is a defect: one line says what, and its traceback
    is shown with ``--debug`` or where ``LIGHTLOOP_DEBUG`` is set.
    """
    arguments, debug = _without_debug(sys.argv[1:])
    without_proxies()
    hook, sys.unraisablehook = sys.unraisablehook, _passed_over
    _listen()
    try:
        app(args=arguments)
    except Interrupted as end:
        stderr.print(f"lightloop: interrupted. {_what_goes_on()}", markup=False, highlight=False)
        sys.exit(BY_SIGNAL + end.number)
    except Refusal as refusal:
        _refuse(str(refusal))
    except Exception as error:
        if debug:
            raise
        _refuse(_in_one_line(error))
    finally:
        sys.unraisablehook = hook


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without a leading ``--debug``, and whether a traceback is wanted."""
    wanted = bool(os.environ.get(DEBUG_VARIABLE))
    if arguments and arguments[0] == DEBUG_OPTION:
        return list(arguments[1:]), True
    return list(arguments), wanted


def _in_one_line(error: Exception) -> str:
    if isinstance(error, ValueError) and type(error).__module__.partition(".")[0] in OUR_PACKAGES:
        return str(error)  # a refusal
    if isinstance(error, OSError) and error.errno in FILE_SYSTEM_TROUBLE:
        place = error.filename or "a file"
        return (
            f"{place}: {error.strerror}; make room or give the right to write there, or choose another folder"
        )
    text = " ".join(str(error).split())
    return (
        f"a defect: {type(error).__name__}: {text[:300]}. "
        f"lightloop {DEBUG_OPTION} {' '.join(sys.argv[1:])} shows where"
    )


def _what_goes_on() -> str:
    """Whether services go on running after the command has been left, and how they are stopped."""
    from configs.home import Home, HomeError
    from tasks.processes import ProcessManager

    try:
        runs = ProcessManager(Home.from_environment().run).is_running()
    except HomeError:
        runs = False
    if runs:
        return "The services go on running: lightloop status shows them, lightloop down stops them"
    return "Nothing goes on running"


def _listen() -> None:
    for number in ENDING:
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)  # once is enough: what is open is being closed
    raise Interrupted(number)


def _passed_over(told: sys.UnraisableHookArgs) -> None:
    """An interruption that met a callback from compiled code, or a destructor, and went no further.

    It comes again, when that has ended. Compiling a kernel is full of such callbacks.
    """
    if isinstance(told.exc_value, Interrupted):
        _listen()
        again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), told.exc_value.number))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(told)


def _refuse(reason: str) -> None:
    stderr.print(f"lightloop: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
