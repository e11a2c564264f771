"""The online side as processes of its own, in a folder of its own on free ports, for measurements.

Controller, elements, PCE and a model server with the policy that ships; no MLflow server and no Prefect: they
have no part in a set-up. Not here: what is measured (``controlplane.py``).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from agents.artefact import GENERALIST_FOLDER, load_policy
from configs.build import plant_of, traffic_of
from configs.home import Home
from configs.load import dump_config, load_config
from configs.schema import Config
from controlplane.auth import bearer_header
from controlplane.failpoints import SLEEP, VARIABLE
from deployments.environment import process_environment
from deployments.health import answers
from deployments.ports import free_port_settings
from deployments.services import SLOTS, service_table
from envs.traffic import make_trace
from tasks.behaviour import observe_behaviour, write_behaviour
from tasks.model_signature import model_parts

PARTS = ("elements", "controller", "pce")
PORTS = (*PARTS, "model_a", "console")
START_S = 900.0  # a first start compiles, and looks for paths
STOP_S = 20.0
HANG_S = 30.0  # longer than whoever configures an element waits for it
SEED = 1


class StackError(ValueError):
    """A process of the stack does not come up; ends with the last lines of its log."""


@dataclass
class Stack:
    """Processes that run.

    Attributes:
        config: what they were started with.
        home: their folder.
        start_s: from starting each process to its first answer, on the clock and of the processor.
    """

    config: Config
    home: Home
    start_s: dict[str, tuple[float, float]] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def url(self, service: str) -> str:
        """Base address of a process."""
        return self.config.services.url(service)

    @property
    def headers(self) -> dict[str, str]:
        """What a request shows."""
        return bearer_header(self.home.credentials())

    def cpu_s(self) -> dict[str, float]:
        """Processor time of each process until now."""
        times = {name: psutil.Process(process.pid).cpu_times() for name, process in self._running.items()}
        return {name: item.user + item.system for name, item in times.items()}

    def hang(self, nodes: Sequence[str]) -> None:
        """From now on these elements, and no others, take changes and answer none of them."""
        aside = self._failpoints.with_suffix(".new")
        aside.write_text("\n".join(f"elements.edit.{node}={SLEEP}({HANG_S:g})" for node in nodes))
        aside.replace(self._failpoints)

    def serve_model(self, artefact: Path = GENERALIST_FOLDER) -> None:
        """Have the PCE ask a policy that ships, from a server of its own."""
        folder = _saved_model(self.config, self.home, artefact)
        slot = {"model_uri": str(folder), "port": self.config.services.model_a_port, "is_beside": False}
        (self.home.serving / f"{SLOTS[0]}.json").write_text(json.dumps(slot))
        self.start((SLOTS[0],))
        model_name = f"{self.config.mlflow.model_name}-{self.config.scenario}"
        body = {"url": self.url("model_a"), "model_name": model_name, "model_version": "1"}
        body["policy"] = load_policy(artefact).name
        answer = httpx.put(
            self.url("pce") + "/endpoint", json=body, headers=self.headers, timeout=30, trust_env=False
        )
        if not answer.is_success:
            raise StackError(f"the PCE does not take the model: {answer.text[:500]}")

    def start(self, names: Sequence[str]) -> None:
        """Start processes side by side; returns when each answers.

        Raises:
            StackError: one does not come up.
        """
        table = {item.name: item for item in service_table(self.config, self.home)}
        began = time.perf_counter()
        for name in names:
            log = (self.home.logs / f"{name}.log").open("ab")
            environment = process_environment(self.config, self.home)
            if name == "elements":
                environment[VARIABLE] = f"@{self._failpoints}"
            self._running[name] = subprocess.Popen(
                table[name].command,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.home.root,
            )
            log.close()
        waiting = list(names)
        while waiting:
            for name in tuple(waiting):
                process = self._running[name]
                if answers(str(table[name].health_url)):
                    times = psutil.Process(process.pid).cpu_times()
                    self.start_s[name] = time.perf_counter() - began, times.user + times.system
                    waiting.remove(name)
                elif process.poll() is not None or time.perf_counter() - began > START_S:
                    raise StackError(f"{name} does not come up:\n{self._end_of_log(name)}")
            time.sleep(0.02)

    def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop processes, or all."""
        chosen = [self._running.pop(name) for name in tuple(names or reversed(self._running))]
        for process in chosen:
            process.terminate()
        for process in chosen:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def _failpoints(self) -> Path:
        return self.home.run / "failpoints"

    def _end_of_log(self, name: str) -> str:
        return "\n".join((self.home.logs / f"{name}.log").read_text(errors="replace").splitlines()[-30:])


@contextmanager
def running_stack(scenario: str, overrides: Sequence[str], say: Callable[[str], None]) -> Iterator[Stack]:
    """The stack up and running under a configuration, no model asked yet; stopped and removed at the end.

    Args:
        scenario: a shipped one, or a file.
        overrides: of the configuration.
        say: told what is being done.

    Raises:
        StackError: a process does not come up.
    """
    config = load_config(scenario, [*overrides, *free_port_settings(PORTS)])
    with tempfile.TemporaryDirectory(prefix="lightloop-bench-") as folder:
        home = Home(Path(folder)).create()
        home.config_file.write_text(dump_config(config))
        stack = Stack(config, home)
        try:
            say(f"{config.plant.topology}: starting {', '.join(PARTS)}")
            stack.start(PARTS)
            yield stack
        finally:
            stack.stop()


def _saved_model(config: Config, home: Home, artefact: Path) -> Path:
    """The folder of a model that is made as the registry's are."""
    import mlflow

    plant = plant_of(config)
    trace = make_trace(traffic_of(config), plant, 50, SEED)
    behaviour = observe_behaviour(plant, trace, load_policy(artefact), 10, 0)
    recorded = write_behaviour(behaviour, home.models)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Tt]ype hint.*")  # the signature is given
        parts = model_parts({"policy": artefact, "recorded": recorded}, {})
        mlflow.pyfunc.save_model(home.models / "model", **parts)
    return home.models / "model"
