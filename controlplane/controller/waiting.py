"""How many set-ups wait for their turn, which the PCE is told. What they wait for: ``setting_up.py``."""

from __future__ import annotations


class Waiting:
    """Set-ups that wait for their turn."""

    def __init__(self) -> None:
        self._tickets: dict[object, None] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self) -> object:
        """One more waits; until the ticket that is returned is given to ``leave``."""
        ticket = object()
        self._tickets[ticket] = None
        return ticket

    def leave(self, ticket: object) -> None:
        """It waits no more; once is enough."""
        self._tickets.pop(ticket, None)
