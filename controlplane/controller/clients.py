"""What is conceded to clients that cannot send all that is needed. Not here: where it is configured."""

from __future__ import annotations

from dataclasses import dataclass, field

from controlplane.trusted import TrustedClients


@dataclass(frozen=True)
class ClientSettings:
    """Concessions to clients.

    Attributes:
        default_capacity_gbps: of a service whose client gives none; None: it is refused.
        trusted: who may come without credentials.
    """

    default_capacity_gbps: float | None = None
    trusted: TrustedClients = field(default_factory=TrustedClients)
