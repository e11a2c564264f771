"""``python -m deployments.reconcile``: champion, aliases, PCE and slots brought in line, once.

Started by the upkeep process where it finds a difference, because MLflow's client and what checks a model
take half a gigabyte that a process which is always there should not hold.
"""

from __future__ import annotations

import os
import sys

from configs.home import Home
from configs.load import load_config
from deployments.bootstrap import champion_in_service


def main() -> None:
    """One line for each thing done, on stdout; exit 1 with one line where it could not be done."""
    try:
        champion_in_service(load_config(), Home.from_environment(), os.environ, lambda text: print(text))
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
