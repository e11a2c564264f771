"""For whom a path is computed: which service, why, of which class. Not here: what is asked.

It travels as ``name`` pairs of the computation's ``objective-function``, the place that the model leaves for
words of one's own. Beside it stands there when the service ends, where its client told it (``path_body.py``).
It is logged and steers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlplane.tapi import names
from controlplane.tapi.errors import TapiError, invalid
from controlplane.tapi.fields import as_uuid, strip_prefixes

CREATE, RESTORE, MOVE, PROTECT = "create", "restore", "move", "protect"
CAUSES = (CREATE, RESTORE, MOVE, PROTECT)
ANY_CLASS = "any"
MAX_CLASS_CHARACTERS = 64


@dataclass(frozen=True)
class Purpose:
    """What a decision is taken for; empty texts where it is for no service, as by hand.

    Attributes:
        service_uuid: of the service.
        cause: ``create``, ``restore``, ``move`` (to another lightpath, beside the one that carries it), or
            ``protect``: the second lightpath of a service that is being created.
        service_class: of the service, by name.
    """

    service_uuid: str = ""
    cause: str = ""
    service_class: str = ""

    def name_pairs(self) -> list[dict[str, str]]:
        """As ``name`` pairs; none without a service."""
        if not self.service_uuid:
            return []
        values = {
            "service-uuid": self.service_uuid,
            "cause": self.cause,
            names.SERVICE_CLASS: self.service_class,
        }
        return names.pairs(values)


NOBODY = Purpose()


def parse_purpose(document: Any) -> Purpose:
    """The purpose in the body of ``compute-p-2-p-path``; an empty one where it names no service.

    Raises:
        TapiError: 400, a service that is no UUID, a cause that is not known, a class that is too long.
    """
    body = strip_prefixes(document)
    content = body.get("input") if isinstance(body, dict) else None
    objective = content.get("objective-function") if isinstance(content, dict) else None
    told = names.as_dict(objective.get("name")) if isinstance(objective, dict) else {}
    path = "/tapi-path-computation:input/objective-function/name"
    if "service-uuid" not in told:
        return NOBODY
    if told.get("cause") not in CAUSES:
        raise invalid(f"{path}: cause {told.get('cause')!r}; one of {', '.join(CAUSES)} is needed", path)
    return Purpose(as_uuid(told["service-uuid"], path), told["cause"], class_of(told, path))


def class_of(told: dict[str, str], path: str) -> str:
    """The service class among ``name`` pairs; ``any`` where there is none.

    Raises:
        TapiError: 400, an empty one or one of more than 64 characters.
    """
    name = told.get(names.SERVICE_CLASS, ANY_CLASS)
    if not 0 < len(name) <= MAX_CLASS_CHARACTERS or name != name.strip():
        raise _no_class(name, path)
    return name


def _no_class(name: str, path: str) -> TapiError:
    return invalid(
        f"{path}: {names.SERVICE_CLASS} {name[:80]!r}; give 1 to {MAX_CLASS_CHARACTERS} characters without "
        "blanks at the ends, or leave the pair out",
        path,
    )
