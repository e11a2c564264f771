"""``make demo`` as a person runs it, told in words, on an installation of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from configs.home import Home
from tests.story.stack import LIGHTLOOP, as_options, clean_environment, port_overrides, stop

HEADINGS = (
    "1. the network fills",
    "2. the traffic shifts",
    "3. the drift monitor looks",
    "4. the alarm has started a training on what was seen",
    "5. who serves now",
    "6. before and after, on the same fresh requests",
    "running",
)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_demo_tells_the_whole_story_and_leaves_all_running(tmp_path: Path) -> None:
    environment = clean_environment(Home(tmp_path))
    command = [LIGHTLOOP, "demo", "--scenario", "five-node", "--shifted", "600", "--fresh", "200"]
    try:
        done = subprocess.run(
            [*command, *as_options(port_overrides())],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=1500,
        )
        status = subprocess.run(
            [LIGHTLOOP, "status"], env=environment, capture_output=True, check=False, timeout=60
        )
    finally:
        stop(environment)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    places = [done.stdout.find(f" {heading} ─") for heading in HEADINGS]
    assert -1 not in places
    assert places == sorted(places)
    assert done.stdout.count(" 0 failed") == 4
    assert "/loop" in done.stdout.partition("The whole story stands on one time axis: ")[2].splitlines()[0]
    assert status.returncode == 0
