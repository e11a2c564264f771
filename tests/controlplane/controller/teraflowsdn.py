"""Runs code of a checkout of ETSI TeraFlowSDN in a process of its own; skips where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("run_teraflowsdn.py")


def teraflowsdn(what: str, *arguments: str, asked: Any) -> list[Any]:
    """What the code of the checkout returned; ``what`` and ``asked`` are explained in the script."""
    folder = os.environ.get("LIGHTLOOP_TERAFLOWSDN")
    if not folder:
        pytest.skip("LIGHTLOOP_TERAFLOWSDN is not set; give the folder of a checkout of ETSI TeraFlowSDN")
    pytest.importorskip("requests")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(Path(folder) / "src"), what, *arguments],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout)
    return told
