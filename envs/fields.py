"""Fields of settings: bounds that stand in a field's type, kept by whoever makes one; nothing compiled.

The configuration reads the same bounds from the same fields, so each is written once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict, fields
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
MOST_SEED = 1_000_000_000
Seed = Annotated[int, Ge(0), Le(MOST_SEED)]  # of what chooses; what claims draws from ``FIRST_CLAIM_SEED`` on
FIRST_CLAIM_SEED = 1 << 64  # a training's last stream is some 10^15

_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "gt": (operator.gt, "more than"),
    "ge": (operator.ge, "at least"),
    "lt": (operator.lt, "less than"),
    "le": (operator.le, "at most"),
    "min_length": (lambda value, least: len(value) >= least, "of a length of at least"),
}


def refuse_out_of_bounds(settings: Any, error: type[ValueError], section: str = "") -> None:
    """Return where each field of a dataclass keeps the bounds in its type.

    Args:
        settings: the dataclass.
        error: what is raised.
        section: that the fields belong to, for the words: ``training.``.

    Raises:
        error: one is out of bounds; names the field, its value and the bound.
    """
    for name, hint in get_type_hints(type(settings), include_extras=True).items():
        value = getattr(settings, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise error(f"{section}{name} is {value!r}; known: {', '.join(map(str, get_args(hint)))}")
        for bounds in _bounds_of(hint) if value is not None else ():
            for kind, bound in asdict(bounds).items():
                keeps, words = _BOUNDS[kind]
                if not keeps(value, bound):
                    raise error(f"{section}{name} is {value}; it must be {words} {bound}")


def _bounds_of(hint: Any) -> tuple[Any, ...]:
    """The bounds in a type, or in what else than None a union holds."""
    alternatives = (hint, *(get_args(hint) if get_origin(hint) in (Union, UnionType) else ()))
    return tuple(bound for item in alternatives for bound in getattr(item, "__metadata__", ()))


def taken_from(source: Any, kind: type) -> dict[str, Any]:
    """The fields of a dataclass ``kind`` as they stand in another object that has them all."""
    return {item.name: getattr(source, item.name) for item in fields(kind)}
