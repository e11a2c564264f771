"""Paired evaluation: who is measured on what, and what is found again."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import pytest

from agents.artefact import save_policy
from envs.evaluation import replay
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.traffic import PoissonTraffic
from tasks.evaluate import (
    Measurement,
    best_baseline,
    contender_baseline,
    contender_in,
    evaluate,
    measure,
    measure_all,
)
from tasks.failed import FailureSampling
from tasks.trace import held_out_traces, read_stored


def test_everybody_meets_the_same_traces_and_the_cut_network_too(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    stored = held_out_traces(plant, traffic, 3, 1500, 11, tmp_path / "traces")
    challenger = save_policy(baseline("least_fragmentation"), tmp_path / "challenger")
    champion = save_policy(baseline("ksp_ff"), tmp_path / "champion")

    found = evaluate(
        plant,
        stored,
        challenger,
        champion,
        ("ff_ksp", "random"),
        200,
        tmp_path / "results",
        lambda text: None,
        FailureSampling(fibres=2, nodes=1, traces=2, groups=1),
    )

    direct = replay(plant, read_stored(stored), baseline("ksp_ff"), 200)
    assert found.champion is not None
    assert found.champion.request_blocking == tuple(item.request_blocking for item in direct)
    assert found.trace_ids == tuple(item.id for item in stored)
    assert found.best_baseline.policy == "ff_ksp"
    assert len(found.failures) == 4
    assert "derived risk group" in found.failures[-1].name
    for failure in found.failures:
        assert "five-node without" in failure.name
        assert failure.challenger.policy == "least_fragmentation"
        assert [item.policy for item in failure.rivals] == ["ff_ksp", "ksp_ff"]
        assert len(failure.challenger.request_blocking) == 2
    assert min(found.failures[0].challenger.request_blocking) > max(found.challenger.request_blocking)


def test_a_result_is_found_again_for_the_same_policy_only(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    traces = read_stored(held_out_traces(plant, traffic, 2, 600, 11, tmp_path / "traces"))
    results = tmp_path / "results"

    first = measure(contender_baseline("ksp_ff"), plant, traces, 100, results)
    again = measure(
        contender_in(save_policy(baseline("ksp_ff"), tmp_path / "p"), "named"), plant, traces, 100, results
    )
    assert len(list(results.iterdir())) == 1
    measure(contender_baseline("ff_ksp"), plant, traces, 100, results)
    measure(contender_baseline("ksp_ff"), plant, traces, 101, results)

    assert len(list(results.iterdir())) == 3
    assert again.policy == "named"
    assert again.request_blocking == first.request_blocking
    assert again.row() == first.row() | {"policy": "named"}


def test_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody"):
        contender_baseline("nobody")


def test_energy_is_measured_kept_and_found_again(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    charged = build_plant(plant.topology, replace(plant.spec, power_model="default"))
    stored = held_out_traces(charged, traffic, 2, 600, 11, tmp_path / "traces")
    traces, results = read_stored(stored), tmp_path / "results"

    first = measure(contender_baseline("ksp_ff"), charged, traces, 100, results)
    again = measure(contender_baseline("ksp_ff"), charged, traces, 100, results)
    plain = measure(contender_baseline("ksp_ff"), plant, traces, 100, results)

    direct = replay(charged, traces, baseline("ksp_ff"), 100)
    assert first.power == again.power == tuple(item.power for item in direct)
    assert len(first.energy_per_bit_pj) == 2
    assert plain.power == ()
    assert plain.request_blocking == first.request_blocking
    names = ("ksp_ff", "ff_ksp", "least_marginal_power")
    by_energy = best_baseline(charged, stored, names, 100, results, "energy")
    energies = {
        name: sum(measure(contender_baseline(name), charged, traces, 100, results).energy_per_bit_pj)
        for name in names
    }
    assert by_energy.policy == min(energies, key=lambda name: energies[name])


def test_several_at_a_time_are_measured_as_each_alone_and_each_tells_the_callers_log(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    traces = read_stored(held_out_traces(plant, traffic, 2, 600, 11, tmp_path / "traces"))
    names = ("ksp_ff", "ff_ksp", "random", "load_aware")
    champion = contender_in(save_policy(baseline("ksp_ff"), tmp_path / "champion"), "champion 1")
    asked = [Measurement(contender_baseline(name), plant, traces) for name in names]
    asked.append(Measurement(champion, plant, traces))  # measured once, with the baseline that it is
    log: ContextVar[list[str]] = ContextVar("log")
    log.set([])

    found = measure_all(asked, 100, tmp_path / "together", lambda text: log.get().append(text))

    assert found == [measure(item.contender, plant, traces, 100, tmp_path / "alone") for item in asked]
    assert found[-1].policy == "champion 1"
    assert sorted(log.get()) == sorted(f"{name} on 2 traces (five-node)" for name in names)
