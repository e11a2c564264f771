"""What tests of every folder share: quiet tools, the Hypothesis profile, the shared data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

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


class ByFile(LoadScopeScheduling):
    """A file's tests stay in one process; so do the chapters of the story, which share one installation."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "story" if file.startswith("tests/story/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """How tests are shared out where several processes run them."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The story first: it takes longest, and much of it is waiting."""
    items.sort(key=lambda item: item.get_closest_marker("story") is None)
