"""What a click may do where no other process is asked for it. Not here: roles (``controlplane.roles``)."""

from __future__ import annotations

from collections.abc import Callable

from controlplane.auth import Identity
from controlplane.roles import Role
from controlplane.trail import Trail

Noted = Callable[[str, str], None]  # what somebody did, and what it concerns


class NotPermittedError(ValueError):
    """Somebody may not do what they clicked on; says which role it needs."""


def noting(trail: Trail | None, who: Identity, address: str) -> Noted:
    """What writes into the trail what somebody does on a page; without a trail it does nothing."""

    def note(what: str, about: str) -> None:
        if trail is not None:
            trail.note(who.name, who.role, address, what, "done", about, via=who.via)

    return note


def need(role: Role, who: Identity, what: str) -> None:
    """Return where the role suffices.

    Raises:
        NotPermittedError: it does not.
    """
    if not who.role.covers(role):
        raise NotPermittedError(f"{what} needs the role {role}; {who.name} is {who.role}")
