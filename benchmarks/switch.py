"""What set-ups wait for while another model is put into service, against the same rate without.

The whole installation runs, and the switch is the one that an operator asks for: the flow ``provision``
starts a second model server, checks and times it, tells the PCE and stops the first. It takes the version
that is champion already, which costs the same. Not here: the load (``open_load.py``), the command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.installation import RunningInstallation, running_installation
from benchmarks.open_load import OpenLoad, Part, joined, part_of, quantile_ms
from controlplane.client import ControllerClient
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL
from deployments.flow_runs import ENDED

PROVISION = "provision/provision"
SETTLED_S = 3.0  # of the load before anything counts
LOOK_S = 0.5
SWITCH_WITHIN_S = 600.0


class SwitchError(ValueError):
    """A switch did not come about; says what the flow ended as."""


@dataclass(frozen=True)
class SwitchEffort:
    """What is measured.

    Attributes:
        rates_per_s: set-ups a second, and as many deletions; a row each.
        seconds: without a switch, of each row.
        switches: of each row, one after the other.
        scenario: a shipped one, or a file.
        overrides: of the configuration.
    """

    rates_per_s: Sequence[float]
    seconds: float
    switches: int
    scenario: str = "latency-rsa"
    overrides: Sequence[str] = ()


def figures(asked: SwitchEffort, say: Callable[[str], None]) -> dict[str, Any]:
    """A row each rate, on an installation that is started for it.

    Raises:
        InstallationError: a service does not come up.
        SwitchError: a switch failed.
    """
    with running_installation(asked.scenario, asked.overrides, say) as there:
        say("one switch that does not count: what is done for the first time is done")
        _switch(there)
        rows = [_row(there, asked, rate_per_s, say) for rate_per_s in asked.rates_per_s]
    return {
        "scenario": asked.scenario,
        "cores": os.cpu_count(),
        "seconds": asked.seconds,
        "switches": asked.switches,
        "rates": rows,
    }


def _row(
    there: RunningInstallation, asked: SwitchEffort, rate_per_s: float, say: Callable[[str], None]
) -> dict[str, Any]:
    with ControllerClient(there.url("controller"), there.home.credentials()) as client:
        sips = client.sips()
    direction = BIDIRECTIONAL if there.config.plant.shared_spectrum else UNIDIRECTIONAL
    load = OpenLoad(there.url("controller"), there.headers, sips, direction, rate_per_s=rate_per_s)
    stretches: list[tuple[float, float]] = []
    psutil.cpu_percent()
    with load:
        time.sleep(SETTLED_S)
        say(f"{rate_per_s:g} set-ups a second, no switch")
        begin_s = time.perf_counter()
        time.sleep(asked.seconds)
        without = begin_s, time.perf_counter()
        busy = psutil.cpu_percent()
        for number in range(asked.switches):
            say(f"{rate_per_s:g} set-ups a second, switch {number + 1} of {asked.switches}")
            begin_s = time.perf_counter()
            _switch(there)
            stretches.append((begin_s, time.perf_counter()))
    answers = load.answers()
    during = joined([part_of(answers, *stretch, rate_per_s) for stretch in stretches])
    return {
        "rate_per_s": rate_per_s,
        "without": _told(part_of(answers, *without, rate_per_s)),
        "during": _told(during),
        "switch_s": [end_s - begin_s for begin_s, end_s in stretches],
        "cpu_busy_without": busy / 100.0,
    }


def _told(part: Part) -> dict[str, Any]:
    return {
        "p50_ms": quantile_ms(part.setups_ms, 0.5),
        "p99_ms": quantile_ms(part.setups_ms, 0.99),
        "longest_ms": max(part.setups_ms, default=None),
        "deletion_p99_ms": quantile_ms(part.deletions_ms, 0.99),
        "setups": len(part.setups_ms),
        "refused": part.refused,
        "failed": part.failed,
        "waiting": part.waiting,
        "kept_up": part.kept_up,
    }


def _switch(there: RunningInstallation) -> None:
    """Return when the flow has put the champion into the other slot."""
    prefect = there.prefect
    run_id = prefect.run_deployment(PROVISION, {"version": "@champion", "reason": "bench switch"})
    deadline_s = time.monotonic() + SWITCH_WITHIN_S
    while (state := prefect.state_type(run_id)) not in ENDED:
        if time.monotonic() > deadline_s:
            raise SwitchError(f"the switch has not ended within {SWITCH_WITHIN_S:g} s; it is {state}")
        time.sleep(LOOK_S)
    if state != "COMPLETED":
        message = prefect.flow_run(run_id)["state"].get("message")
        raise SwitchError(f"the switch ended as {state}: {message}")
