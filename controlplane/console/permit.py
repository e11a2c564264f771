"""What a click may do where no other process is asked for it. Not here: roles (``controlplane.roles``)."""

from __future__ import annotations

from controlplane.auth import Identity
from controlplane.roles import Role


class NotPermittedError(ValueError):
    """Somebody may not do what they clicked on; says which role it needs."""


def need(role: Role, who: Identity, what: str) -> None:
    """Return where the role suffices.

    Raises:
        NotPermittedError: it does not.
    """
    if not who.role.covers(role):
        raise NotPermittedError(f"{what} needs the role {role}; {who.name} is {who.role}")
