"""What tests of every folder share: where the naive twins and the shared data are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
sys.path.append(str(Path(__file__).parent))  # `import naive`; tests are no package


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of test data that is not shipped; skips where it is missing."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LIGHTLOOP_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"test data not found in {folder}; set LIGHTLOOP_SHARED_DATA")
    return folder
