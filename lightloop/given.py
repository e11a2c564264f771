"""Which options a person has really given, and refusing those that would be ignored beside another.

No command drops an option silently: it is followed, or refused here with both names and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping

from typer._click.globals import get_current_context  # typer brings a click of its own

from lightloop.output import Refusal


def is_given(name: str) -> bool:
    """Whether the option of the running command was written on the command line; ``name``: its parameter."""
    context = get_current_context(silent=True)
    if context is None:  # called from Python, not as a command
        return False
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_beside(option: str, others: Mapping[str, str], remedy: str) -> None:
    """Return where none of the others is given beside an option that takes their place.

    Args:
        option: as a person writes it, e.g. ``--scenario``.
        others: parameter names and how a person writes them.
        remedy: what to do instead.

    Raises:
        Refusal: names both, and the remedy.
    """
    for name, written in others.items():
        if is_given(name):
            raise Refusal(f"{option} and {written} exclude each other: {remedy}")
