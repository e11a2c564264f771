"""What is conceded to clients that cannot send all that is needed. Not here: where it is configured."""

from __future__ import annotations

from dataclasses import dataclass, field

from controlplane.trusted import TrustedClients


@dataclass(frozen=True)
class ClientSettings:
    """Concessions to clients.

    Attributes:
        default_capacity_gbps: of a service whose client gives none; None: it is refused.
        capacity_in_constraint: every new service is told with its capacity under ``connectivity-constraint``
            too, also to those who did not ask so.
        trusted: who may come without credentials.
    """

    default_capacity_gbps: float | None = None
    capacity_in_constraint: bool = False
    trusted: TrustedClients = field(default_factory=TrustedClients)
