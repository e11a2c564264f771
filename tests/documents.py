"""Every command that README and docs tell a person to type, and how a test runs it.

A command is run as it is written, with the further options of ``QUICKER`` behind; of an option that is given
twice the last wins. Or it is run on the installation of the story. Or it stands in ``NOT_RUN`` with the
reason. One that is in none of them is a red test. The tutorial is run whole: ``tests/test_pages.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TUTORIAL = PROJECT / "docs" / "tutorial.md"
PROGRAMS = ("lightloop", "make", "prefect", "mlflow", "ray", "python", "pip", "source", "export", "eval")
SIMULATED = "--requests 400 --runs 2 --warmup 0"
# Begin of a command: what is put behind it.
QUICKER = {
    "lightloop simulate": SIMULATED,
    "lightloop energy pareto": f"{SIMULATED} --search-s 1 --weight 0.1",
    "lightloop gsnr line": "",
    "lightloop gsnr optimise": "--spans 1",
    "lightloop trace make": "--requests 500",
    "lightloop topologies list": "",
    "lightloop user list": "",
    "lightloop certificate": "",
    "lightloop openapi": "",
    "lightloop trail": "",
    "lightloop topologies show": "",
    "lightloop topologies export": "",
}
# Words of a page that stand for something of the reader's own.
STANDS_FOR = {
    " [--json]": "",
    "agents/weight-0.01": str(PROJECT / "agents" / "data" / "generalist"),
    "examples/mixed-line.yaml": str(PROJECT / "examples" / "mixed-line.yaml"),
    "examples/symbol-rates.yaml": str(PROJECT / "examples" / "symbol-rates.yaml"),
}
ON_THE_INSTALLATION = (
    "lightloop request",
    "lightloop offer",
    "lightloop history",
    "lightloop loop",
    "lightloop audit",
    "lightloop lineage",
    "lightloop status",
    "lightloop tidy",
    "lightloop trace from-operation --from -2h",
    "prefect deployment run",
    'eval "$(lightloop env)"',
)
NOT_RUN = {
    "make demo": "a quarter of an hour; its steps are the first chapter of the story",
    "lightloop demo": "the same",
    "make screenshots": "the demo, and Chromium; its scenes are the browser tests'",
    "make down": "the last chapter of the story stops everything",
    "make test": "runs this",
    "lightloop up": "the story's installation is started with it",
    "lightloop down": "the last chapter of the story",
    "lightloop evaluate": "needs a champion of the default scenario; tests/tasks/test_evaluate.py",
    "lightloop drift check": "needs a champion, or a reference; tests/lightloop/test_drift_command.py",
    "lightloop drain": "moves traffic; tests/lightloop/test_drain_command.py",
    "lightloop chaos": "its short form is in the last chapter of the story",
    "lightloop bench": "minutes to hours; each benchmark has a test in tests/benchmarks",
    "lightloop train": "minutes; tests/lightloop/test_train_command.py trains",
    "lightloop topologies import Geant2012.graphml": "a file of the reader's; test_importers.py",
    "make figures": "tests/benchmarks/test_figures.py holds the pages equal to what it would write",
    "make docs": "tests/test_pages.py builds the site",
    "make install": "what the tests run in was made by it",
    "lightloop topologies show geant.json": "what the line before it has written",
    "lightloop trace import-sndlib": "an archive of the reader's; test_trace_command.py",
    "lightloop trace from-operation --from 20": "a span of the reader's; test_trace_operation_command.py",
    "lightloop trace from-operation --last": "more requests than the story places; the same test",
    "lightloop trace show": "a trace of the reader's; test_trace_command.py",
    "lightloop reproduce": "as long as a training; tests/flows/test_reproduction.py",
    "lightloop replay": "a window of the reader's; test_replay_command.py",
    "export LIGHTLOOP_FAILPOINTS": "a test installation; tests/lightloop/test_chaos_processes.py",
    "export RAY_": "a Ray cluster; tests/deployments/test_ray_cluster.py",
    "ray start": "a Ray cluster; tests/deployments/test_ray_cluster.py",
    "lightloop user": "asks for a password; tests/lightloop/test_user_command.py",
    "export LIGHTLOOP_USER": "a user of the reader's; the same test",
    "source .venv": "the environment that the tests run in",
    "mlflow run": "trains for minutes; tests/agents/test_train.py trains",
    "python -m benchmarks": "hours",
}


@dataclass(frozen=True)
class Written:
    """A command as a page has it."""

    page: str
    line: str

    @property
    def command(self) -> str:
        """Without the folder of the program, and with what the page leaves to the reader."""
        text = self.line.removeprefix(".venv/bin/")
        for words, meant in STANDS_FOR.items():
            text = text.replace(words, meant)
        return text

    def begins(self, starts: object) -> str | None:
        """Which of some beginnings it has."""
        assert isinstance(starts, tuple | dict)
        return next((start for start in starts if self.command.startswith(start)), None)


def written() -> Iterator[Written]:
    """Every command in a block of README or docs."""
    pages = (PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md")))
    for page in pages:
        if page == TUTORIAL:
            continue
        for block in re.findall(r"```(?:sh|bash|shell)?\n(.*?)```", page.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                text = line.partition("  #")[0].strip()
                if text.removeprefix(".venv/bin/").split(" ")[0] in PROGRAMS:
                    yield Written(page.name, text)
