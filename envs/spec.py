"""What of a plant is chosen rather than built. Building it: ``plant.py``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from envs.errors import PlantError
from envs.plant_choices import PlantChoices
from envs.start_bitmaps import RATES


@dataclass(frozen=True)
class PlantSpec(PlantChoices):
    """What of a plant is chosen rather than built.

    Attributes:
        modulation: name of the modulation table.
        future_rates_gbps: bit rates that later requests are expected to ask for; at most four.
        future_shares: how often each.
    """

    modulation: str = "deeprmsa"
    future_rates_gbps: tuple[float, ...] = (25.0, 50.0, 75.0, 100.0)
    future_shares: tuple[float, ...] = (1.0, 25.0, 25.0, 25.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.future_rates_gbps) <= RATES or min(self.future_rates_gbps) <= 0:
            raise PlantError(
                f"future_rates_gbps is {self.future_rates_gbps}; one to {RATES} positive rates are needed"
            )
        if len(self.future_shares) != len(self.future_rates_gbps) or min(self.future_shares) < 0:
            raise PlantError("future_shares needs one share per rate of future_rates_gbps, none negative")


def settings_of(spec: PlantSpec) -> dict[str, Any]:
    """Its fields by name, for JSON that tells one plant from another.

    Transceivers stand there only where they are chosen: what was kept of other plants before is found again.
    """
    settings = asdict(spec)
    if not spec.transceivers:
        del settings["transceivers"]
    return settings
