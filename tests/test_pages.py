"""README and docs as a whole: every Python block runs, the site builds, figures and links agree.

Commands of the pages: ``tests/documents.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documents import NOT_RUN, ON_THE_INSTALLATION, PROGRAMS, PROJECT, TUTORIAL

DOCS = PROJECT / "docs"
PYTHON_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if PYTHON_BLOCK.search(page.read_text())]
LINK = re.compile(r"\]\(([^)\s]+)\)")
QUICKER = {
    "--budget-requests 2000000": "--budget-requests 200000",
    "--requests 20000": "--requests 2000",
    "--requests 100000": "--requests 2000 --requests-a-run 100 --warmup 0",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_as_it_is_written(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a page one after the other, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in PYTHON_BLOCK.findall(page.read_text()):
        exec(compile(block, str(page), "exec"), names)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=PROJECT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    commands = (tmp_path / "site" / "reference" / "commands.html").read_text()
    assert "lightloop topologies import" in commands
    assert "services.mlflow_port" not in commands
    assert "<code>mlflow_port</code>" in (tmp_path / "site" / "reference" / "configuration.html").read_text()


def test_links_of_the_readme_lead_somewhere() -> None:
    for link in LINK.findall((PROJECT / "README.md").read_text()):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        text = (PROJECT / place).read_bytes().decode(errors="replace")
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors or f'<a id="{anchor}">' in text, link


def blocks_of(text: str) -> list[str]:
    return re.findall(r"```\n(.*?)```", text, re.DOTALL)


@pytest.mark.long
def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    """Up to the services in one shell, with less to train on; the last step is what the story does."""
    alone, _, with_services = TUTORIAL.read_text().partition("## 5.")
    script = "set -eu\n" + "\n".join(blocks_of(alone))
    for words, fewer in QUICKER.items():
        assert words in script
        script = script.replace(words, fewer)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "LIGHTLOOP_HOME": str(tmp_path / "home"), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "first-agent" / "policy" / "policy.json").is_file()
    assert (tmp_path / "north.svg").is_file()
    for line in "".join(blocks_of(with_services)).splitlines():
        assert line.split(" ")[0] in PROGRAMS
        assert any(line.startswith(start) for start in (*ON_THE_INSTALLATION, *NOT_RUN)), line
