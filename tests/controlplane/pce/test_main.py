"""The PCE as a process: a clean end closes the log, a kill at any moment loses nothing acknowledged."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from configs.home import Credentials
from configs.load import dump_config, load_config
from controlplane.auth import bearer_header
from controlplane.pce.decision_log import read_decisions
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from controlplane.tapi.service_body import ComputeRequest
from topologies.catalogue import load_topology

CREDENTIALS = Credentials("admin", "secret", "token")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """`python -m controlplane.pce.main` on a free port with a home of its own."""

    def __init__(self, home: Path, controller_port: int) -> None:
        self.port = free_port()
        overrides = [f"services.pce_port={self.port}", f"services.controller_port={controller_port}"]
        overrides += ["online.decision_log_part_rows=25", "plant.shared_spectrum=false"]
        config = home / "config.yaml"
        config.write_text(dump_config(load_config("five-node", overrides)))
        self.log = (home / "pce.log").open("ab")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTLOOP")}
        environment |= CREDENTIALS.environment()
        environment |= {"LIGHTLOOP_HOME": str(home), "LIGHTLOOP_CONFIG": str(config)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controlplane.pce.main"], env=environment, stderr=self.log
        )
        url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=url, headers=bearer_header(CREDENTIALS), timeout=30)

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + 540  # the first start compiles the kernels
        while True:
            assert self.process.poll() is None, "the PCE ended at its start"
            assert time.monotonic() < deadline, "the PCE did not get healthy"
            try:
                if self.http.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.http.close()
        self.log.close()
        return code


@pytest.fixture
def body() -> dict:
    topology = load_topology("five-node")
    source, destination = topology.node_names[:2]
    return build_compute_input(ComputeRequest(source, destination, 50), Naming(topology))


def test_killing_it_in_a_loop_loses_no_acknowledged_decision_and_a_clean_end_closes_the_log(
    tmp_path, controller, body
):
    acknowledged: list[str] = []
    chance = random.Random(2)
    for life in range(3):
        pce = Process(tmp_path, controller.port)
        pce.wait_until_healthy()

        def ask(worker: int, life: int = life, http: httpx.Client = pce.http) -> None:
            number = 0
            while True:
                name = f"{life}-{worker}-{number}"
                try:
                    answer = http.post(COMPUTE_OPERATION, json=body, headers={"X-Decision-Id": name})
                except (httpx.TransportError, RuntimeError):  # killed; or the client was closed
                    return
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 200:
                    acknowledged.append(name)
                number += 1

        workers = [threading.Thread(target=ask, args=(worker,)) for worker in range(3)]
        for worker in workers:
            worker.start()
        while sum(name.startswith(f"{life}-") for name in acknowledged) < 40:
            assert pce.process.poll() is None
            time.sleep(0.01)
        time.sleep(chance.random() * 0.2)
        last = life == 2
        code = pce.end(signal.SIGTERM if last else signal.SIGKILL)
        for worker in workers:
            worker.join(60)
        if last:
            assert code == 0
    assert not list((tmp_path / "decisions").glob("*.jsonl"))
    stored = list(read_decisions(tmp_path / "decisions")["decision_id"])
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)
    assert len(acknowledged) >= 120
