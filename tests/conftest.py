"""What tests of every folder share: where the naive twins and the shared data are."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def _load_naive() -> None:
    """Make `import naive` work. The tests folder itself must stay off sys.path: its subfolders are named like
    the packages they test and would hide them."""
    spec = importlib.util.spec_from_file_location("naive", Path(__file__).parent / "naive.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["naive"] = module
    spec.loader.exec_module(module)


_load_naive()

# The machines that run this are shared and noisy: no test may fail for being slow.
settings.register_profile("lightloop", deadline=None)
settings.load_profile("lightloop")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of test data that is not shipped; skips where it is missing."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LIGHTLOOP_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"test data not found in {folder}; set LIGHTLOOP_SHARED_DATA")
    return folder
