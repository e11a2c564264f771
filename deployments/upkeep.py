"""What looks after a running installation: ``python -m deployments.upkeep``, a process of its own.

Each duty runs at its own interval, one after the other, and again after a failure: a server that is away is
normal here. A duty must be cheap, safe to repeat, and hold nothing between two turns. Beside the first turns
machine code is made ahead of its use (``ahead.py``). Not here: what a duty does (its own module).
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from deployments.ahead import start_compiling
from deployments.approvals import refuse_overdue
from deployments.flow_runs import settle
from deployments.served import mend
from deployments.tidying import tidy

MENDING_INTERVAL_S = 60.0
SETTLING_INTERVAL_S = 15.0
APPROVALS_INTERVAL_S = 30.0
_logger = logging.getLogger("upkeep")


@dataclass(frozen=True)
class Duty:
    """Something that is done again and again."""

    name: str
    interval_s: float
    run: Callable[[], str]  # what was done, in words; empty where there was nothing to do


def duties_of(config: Config, home: Home) -> tuple[Duty, ...]:
    """Every duty of an installation."""
    return (
        Duty("runs without a process", SETTLING_INTERVAL_S, lambda: settle(config, home)),
        Duty("what is served", MENDING_INTERVAL_S, lambda: mend(config, home)),
        Duty("retention", config.retention.interval_s, lambda: tidy(config)),
        Duty("approvals", APPROVALS_INTERVAL_S, lambda: refuse_overdue(config, home)),
    )


def turn(duties: Sequence[Duty], due_s: dict[str, float], now_s: float) -> None:
    """Run what is due at ``now_s``; ``due_s`` says when each is next."""
    for duty in duties:
        if now_s < due_s.get(duty.name, 0.0):
            continue
        due_s[duty.name] = now_s + duty.interval_s
        try:
            said = duty.run()
        except (ValueError, OSError) as error:  # a refusal, or a server that is away: tried again next time
            _logger.warning("%s: %s", duty.name, error)
        else:
            if said:
                _logger.info("%s: %s", duty.name, said)


def main() -> None:
    """Run until SIGTERM."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    duties = duties_of(load_config(), Home.from_environment())
    start_compiling()
    due_s: dict[str, float] = {}
    while True:
        turn(duties, due_s, time.monotonic())
        time.sleep(1.0)


if __name__ == "__main__":
    main()
