"""Set-ups a second with the controller's threads on one core, and left to the system, in turns.

One stack of real processes; only the controller is started anew between rows. Neighbouring rows are compared,
as a machine's speed changes from minute to minute. Not here: the stack (``controlplane_stack.py``), its
clients (``controlplane_load.py``), how a process is kept on a core (``controlplane/one_core.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.controlplane_load import Clients, row_of
from benchmarks.controlplane_stack import running_stack
from configs.load import dump_config

WARM_UP_S = 1.0


@dataclass(frozen=True)
class OneCoreFound:
    """What was measured.

    Attributes:
        kept: a row of set-ups for each pair, with the controller on one core.
        free: its neighbour, with the controller left to the system.
    """

    kept: list[dict[str, Any]]
    free: list[dict[str, Any]]

    @property
    def ratios(self) -> list[float]:
        """Set-ups a second on one core over those without, of each pair."""
        return [one["per_s"] / other["per_s"] for one, other in zip(self.kept, self.free, strict=True)]

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        ratios = self.ratios
        median, least, most = float(np.median(ratios)), min(ratios), max(ratios)
        return {"kept": self.kept, "free": self.free, "ratio": {"median": median, "min": least, "max": most}}


def compare(
    topology: str,
    scenario: str,
    num_clients: int,
    seconds: float,
    pairs: int,
    say: Callable[[str], None],
) -> OneCoreFound:
    """Rows in turns; every second pair begins with the other kind.

    Args:
        topology: a network of the catalogue, or a file.
        scenario: the rest of the configuration.
        num_clients: that ask at the same time.
        seconds: of each row.
        pairs: of rows.
        say: told what is being done.

    Raises:
        StackError: a process does not come up.
    """
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    with running_stack(scenario, [f"plant.topology={topology}"], say) as stack:
        stack.serve_model()
        config = stack.config
        for number in range(pairs):
            for is_kept in (number % 2 == 0, number % 2 == 1):
                say(f"pair {number + 1} of {pairs}: {'on one core' if is_kept else 'left to the system'}")
                online = config.online.model_copy(update={"one_core": is_kept})
                chosen = config.model_copy(update={"online": online})
                stack.home.config_file.write_text(dump_config(chosen))
                stack.stop(["controller"])
                stack.start(["controller"])
                clients = Clients(stack, seed=number + 1)
                clients.measure(num_clients, WARM_UP_S)
                rows[is_kept].append(row_of(stack, clients.measure(num_clients, seconds), num_clients, 0))
    return OneCoreFound(rows[True], rows[False])
