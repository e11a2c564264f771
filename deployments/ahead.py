"""``python -m deployments.ahead``: the machine code that the first drift check and training need, made now.

Upkeep starts it when an installation starts. It gives way to whatever answers requests, and where the code is
on disk already it ends within seconds. Not here: which code that is (``tasks/machine_code.py``).
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

from deployments.environment import PROJECT_ROOT

_logger = logging.getLogger(__name__)


def start_compiling() -> threading.Thread:
    """Have it made by a process of its own, ended with its group; the log says what came of it."""
    thread = threading.Thread(target=_compile, name="compile ahead", daemon=True)
    thread.start()
    return thread


def _compile() -> None:
    began_s = time.monotonic()
    command = [sys.executable, "-m", "deployments.ahead"]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:  # whoever needs it compiles it then
        why = done.stderr.strip().rpartition("\n")[2]
        _logger.warning("machine code could not be made ahead of its use: %s", why or done.returncode)
        return
    _logger.info("machine code of the twin is on disk (%.0f s)", time.monotonic() - began_s)


def main() -> None:
    """Compile; exit 1 with one line where it could not be done."""
    from tasks.background import give_way

    give_way()
    from agents.artefact import GENERALIST_FOLDER
    from flows.settings import load_settings
    from tasks.machine_code import compile_ahead
    from tasks.regret import entrants

    try:
        settings = load_settings()
        knows_after_states = settings.plant.spec.shortlist > 0
        folder = GENERALIST_FOLDER if knows_after_states else None
        known = entrants(settings.config.evaluation.baselines, folder)
        # The agent's first: a look at drift needs that one, and the rules' only where there is drift.
        compile_ahead(settings.plant, settings.traffic, known[::-1])
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
