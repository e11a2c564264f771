"""A training on a Ray cluster that wants a token, in the environment that the worker gives to flows."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.lessons import Lessons
from agents.spec import SearchSpec, TrainSpec
from configs.build import plant_of, traffic_of
from configs.home import Home
from configs.load import load_config
from deployments.environment import process_environment
from deployments.ports import free_ports
from tests.story.stack import kill_group

TOKEN = "0123456789abcdef" * 4
NUM_WORKERS = 2
WORKING = """
import pickle, sys
from agents.train import train
spec, plant, lessons = pickle.load(open(sys.argv[1], "rb"))
result = train(spec, plant, lessons, sys.argv[2])
assert result.steps > 0
"""
ASKING = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
from ray._private.state import actors
for actor in actors().values():
    print(actor["ActorClassName"], actor["Address"]["NodeID"])
print("nodes", *(node["NodeID"] for node in ray.nodes() if node["Resources"].get("CPU")))
"""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a head without CPUs and two workers with one each; the shell has the token."""
    for key in [key for key in os.environ if key.startswith("RAY_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    common = ["--block", "--node-ip-address=127.0.0.1", "--object-store-memory=100000000", "--num-gpus=0"]
    short = Path("/tmp") / f"llr{os.getpid()}"  # Ray puts sockets there: their names have a limit
    head = ["--head", f"--port={address.split(':')[1]}", "--num-cpus=0", "--include-dashboard=false"]
    head += [f"--temp-dir={short}"]
    nodes = [head, *([f"--address={address}", "--num-cpus=1"] for _ in range(NUM_WORKERS))]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for node in nodes:
            command = [str(Path(sys.executable).with_name("ray")), "start", *node, *common]
            log = tmp_path_factory.mktemp("ray") / "log"
            with log.open("wb") as file:
                running.append(subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True))
            wait_until_started(running[-1], log)  # two that start at once get in each other's way
        yield address
    finally:
        for process in reversed(running):
            with contextlib.suppress(ProcessLookupError):
                kill_group(process.pid)
            process.wait(10)
        shutil.rmtree(short, ignore_errors=True)


def wait_until_started(node: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while "To terminate the Ray runtime" not in log.read_text(errors="replace"):
        assert node.poll() is None, log.read_text(errors="replace")[-2000:]
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        time.sleep(0.2)


def python(program: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_training_runs_its_actors_on_a_cluster_that_wants_a_token(cluster: str, tmp_path: Path) -> None:
    config = load_config("five-node", [f"ray.address={cluster}"])
    environment = process_environment(config, Home(tmp_path / "home").create())
    spec = TrainSpec(
        budget_s=2.0,
        num_envs=8,
        rollout_length=32,
        minibatch_size=64,
        hidden_sizes=(8,),
        num_env_runners=NUM_WORKERS,
        checkpoint_every_s=1.0,
        evaluate_every_s=1.0,
        search=SearchSpec(enabled=False),
        warmup_requests=300,
        ray=config.ray,
    )
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps((spec, plant_of(config), Lessons(traffic_of(config)))))

    trained = python(WORKING, environment, str(job), str(tmp_path / "agent"))

    assert trained.returncode == 0, trained.stderr[-3000:]
    asked = python(ASKING, environment, cluster)
    lines = [line.split() for line in asked.stdout.splitlines()]
    runners = {words[1] for words in lines if "EnvRunner" in words[0]}
    (nodes,) = [set(words[1:]) for words in lines if words[0] == "nodes"]
    assert len(nodes) == NUM_WORKERS, asked.stderr[-3000:]
    assert runners == nodes


def test_the_token_reaches_flows_by_environment_only_and_only_for_a_cluster(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    home = Home(tmp_path).create()
    local, remote = load_config("five-node"), load_config("five-node", ["ray.address=host:6379"])

    with_cluster = process_environment(remote, home)

    assert (with_cluster["RAY_AUTH_TOKEN"], with_cluster["RAY_AUTH_MODE"]) == (TOKEN, "token")
    assert "RAY_ADDRESS" not in with_cluster
    assert "RAY_AUTH_TOKEN" not in process_environment(local, home)
    assert not any(
        TOKEN in file.read_text(errors="replace") for file in tmp_path.rglob("*") if file.is_file()
    )
