"""The kernel cache in places that may not be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envs.compiled import COMPILED, inlined, kernel
from envs.serving import placed_as_listed

PROJECT = Path(__file__).parents[2]
ONE_KERNEL = """
from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.simulation import simulate
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology
plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=16, k_paths=2))
print(simulate(plant, PoissonTraffic(20.0), "ksp_ff", 1000, 1, num_runs=2).num_requests)
"""


def test_an_installation_that_may_not_be_written_to_runs_without_a_home(tmp_path: Path) -> None:
    place, scratch = tmp_path / "installed", tmp_path / "scratch"
    for package in ("envs", "topologies"):
        shutil.copytree(PROJECT / package, place / package, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "envs" / "__pycache__").touch()  # no folder can be made there, whoever runs this
    scratch.mkdir()
    environment = {"HOME": "/nonexistent", "TMPDIR": str(scratch), "PATH": os.environ["PATH"]}

    done = subprocess.run(
        [sys.executable, "-c", ONE_KERNEL],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert list(scratch.glob("lightloop-kernels-*/*/*"))


RACE = """
import sys
from envs.compiled import kernel

@kernel
def largest(values):
    found = 0.0
    for value in values:
        found = max(found, value**1.5)
    return found

import numpy as np
print("ready", flush=True)
sys.stdin.readline()
assert largest(np.array([1.0, 4.0])) == 8.0
print(sum(largest.stats.cache_misses.values()))
"""


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_what_two_processes_need_at_once_one_of_them_compiles(tmp_path: Path) -> None:
    (tmp_path / "race.py").write_text(RACE)  # only functions in files are kept
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "PYTHONPATH": str(PROJECT)}
    both = [
        subprocess.Popen(
            [sys.executable, "race.py"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in both:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        told = [process.communicate(timeout=300)[0] for process in both]
    finally:
        for process in both:
            process.kill()

    assert sorted(told) == ["0\n", "1\n"]


def test_a_helper_called_from_python_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="call it in a kernel"):
        placed_as_listed(None, 0, 0)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_a_helper_is_machine_code_only_inside_its_kernel() -> None:
    @inlined
    def twice(number):
        return 2 * number

    @inlined
    def four_times(number):
        return twice(twice(number))

    @kernel
    def eight_times(number):
        return 2 * four_times(number)

    assert eight_times(5) == 40

    for helper in (twice, four_times):
        (compiled,) = helper.overloads.values()
        assert compiled.library.get_pointer_to_function(compiled.fndesc.mangled_name) == 0
    text = next(iter(eight_times.inspect_llvm().values()))
    assert "call i64 @_ZN" not in text  # nothing of ours is left to call
