"""The southbound interface: what a controller asks of a network element, with NETCONF's semantics (RFC 6241).

An element changes its running configuration whole or not at all (``edit-config`` with ``rollback-on-error``,
8.5, on a writable running configuration, 8.2). The answer says what the element then holds. What spans
several elements is undone by whoever began it: an edit that waits at one element for another would let one
that hangs hold up its neighbours (docs/adr/0008). Not here: who implements it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

ADD_DROP = "add-drop"
UNKNOWN_STATUS = 503  # nobody can say whether what was asked for was done
EPOCH_HEADER = "X-Controller-Epoch"  # a controller with an older one than an element has met is refused
_STRICT = {"extra": "forbid"}  # a member that is not known is refused on the wire


@dataclass(frozen=True, order=True)
class CrossConnect:
    """A media channel through an element.

    Attributes:
        service_uuid: whose lightpath it is; one cross-connect per lightpath and element. The second
            lightpath of a service that is moved has a UUID of its own.
        in_port, out_port: a neighbour's name, or ``ADD_DROP``; traffic from the source comes in at the first.
        first_slot, num_slots: block of 12.5 GHz slots.
        bidirectional: whether it carries the way back too.
        modulation_format: of the transponder where the lightpath begins or ends; empty in transit.
    """

    __pydantic_config__: ClassVar = _STRICT
    service_uuid: str
    in_port: str
    out_port: str
    first_slot: int
    num_slots: int
    bidirectional: bool
    modulation_format: str = ""


@dataclass(frozen=True)
class Edit:
    """A change of an element's configuration: services to take out, then cross-connects to put in place."""

    __pydantic_config__: ClassVar = _STRICT
    put: tuple[CrossConnect, ...] = ()
    remove: tuple[str, ...] = ()


class ElementError(ValueError):
    """An element refused.

    Attributes:
        node: which element.
        tag: ``invalid-value``, ``unknown-element``, ``operation-failed``, ``access-denied`` (RFC 6241
            appendix A).
    """

    def __init__(self, node: str, tag: str, message: str) -> None:
        super().__init__(f"element {node}: {message}")
        self.node = node
        self.tag = tag


class UnreachableError(ElementError):
    """An element did not answer, or could not say what it did: that is unknown."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(node, "operation-failed", message)


class Southbound(Protocol):
    """How a controller reaches elements. Any method may raise ``ElementError`` or ``UnreachableError``."""

    def edit(self, node: str, edit: Edit) -> tuple[CrossConnect, ...]:
        """Change the running configuration, whole or not at all; stored when this returns.

        Taking out a service that is not there is no error.

        Returns:
            What the element then holds for the services of the edit, read from its running configuration.

        Raises:
            ElementError: ``invalid-value``: unknown port, slots outside the bands, across two, or overlapping
                on a port, a modulation format where none belongs.
        """

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """The running configuration, ordered by service."""
