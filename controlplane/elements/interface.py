"""The southbound interface: what a controller asks of a network element, with NETCONF's semantics (RFC 6241).

Each element has a candidate and a running configuration. A change is made in four steps: edit the candidate;
commit it as a *confirmed commit* with a persist id (RFC 6241 8.4), which takes effect at once but rolls back
by itself unless it is confirmed in time; read the running configuration back; confirm. Anyone who knows the
persist id may confirm or cancel, so a lost session loses nothing. Not here: who implements it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

ADD_DROP = "add-drop"
EPOCH_HEADER = "X-Controller-Epoch"  # a controller with an older one than an element has met is refused
_STRICT = {"extra": "forbid"}  # a member that is not known is refused on the wire


@dataclass(frozen=True, order=True)
class CrossConnect:
    """A media channel through an element.

    Attributes:
        service_uuid: whose lightpath it is; one cross-connect per service and element.
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
        tag: ``invalid-value``, ``in-use``, ``data-missing``, ``unknown-element``, ``access-denied`` (RFC 6241
            appendix A).
    """

    def __init__(self, node: str, tag: str, message: str) -> None:
        super().__init__(f"element {node}: {message}")
        self.node = node
        self.tag = tag


class UnreachableError(ElementError):
    """An element did not answer; what it did is unknown."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(node, "operation-failed", message)


class Southbound(Protocol):
    """How a controller reaches elements. Any method may raise ``ElementError`` or ``UnreachableError``."""

    def edit_candidate(self, node: str, edit: Edit) -> None:
        """Make the candidate the running configuration with an edit; an earlier candidate is discarded.

        Raises:
            ElementError: ``in-use``, a commit waits to be confirmed; ``invalid-value``, unknown port, slots
                outside the bands, across two, or overlapping on a port, a modulation format where none
                belongs.
        """

    def discard(self, node: str) -> None:
        """Forget the candidate."""

    def commit_confirmed(self, node: str, persist_id: str, timeout_s: float) -> None:
        """Make the candidate running, until ``timeout_s`` have passed without a confirmation.

        Raises:
            ElementError: ``in-use``, a commit with another persist id waits; ``data-missing``, no candidate.
        """

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """The running configuration, ordered by service; includes what waits to be confirmed."""

    def pending(self, node: str) -> str | None:
        """Persist id of the commit that waits to be confirmed; None when there is none."""

    def confirm(self, node: str, persist_id: str) -> None:
        """Keep a confirmed commit for good; stored when this returns.

        Raises:
            ElementError: ``invalid-value``, no commit with that persist id waits.
        """

    def cancel(self, node: str, persist_id: str) -> None:
        """Roll a confirmed commit back at once.

        Raises:
            ElementError: ``invalid-value``, no commit with that persist id waits.
        """
