"""What the energy commands share: where policies meet, who they are, and one row of figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightloop.given import overrides_of, refuse_beside
from lightloop.output import Refusal

if TYPE_CHECKING:
    from envs.plant import Plant
    from envs.policy import ScoringPolicy
    from envs.simulation import KernelPolicy, SimulationResult
    from envs.traffic import PoissonTraffic

PICTURES = (".png", ".svg")


def check_picture(picture: Path | None) -> None:
    """Refuses a picture that could not be written, before the work.

    Raises:
        Refusal: neither .png nor .svg, or no such folder.
    """
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise Refusal(f"--picture is {str(picture)!r}; end it in {' or '.join(PICTURES)}")
    if picture is not None and not picture.absolute().parent.is_dir():
        raise Refusal(f"--picture is {str(picture)!r}; there is no folder {picture.parent}")


def policy_given(text: str) -> ScoringPolicy | KernelPolicy:
    """The policy that a word means: a name, or the folder of a trained one.

    Raises:
        Refusal: neither.
        ArtefactError: a folder that holds no policy.
    """
    from envs.simulation import POLICY_NAMES, policy_named

    if Path(text).is_dir():
        from agents.artefact import load_policy

        return load_policy(Path(text))
    if text not in POLICY_NAMES:
        raise Refusal(f"--policy is {text!r}; known: {', '.join(POLICY_NAMES)}, or the folder of a policy")
    return policy_named(text)


def situation(
    setting: str, scenario: str, topology: str, k_paths: int, power: str
) -> tuple[Plant, PoissonTraffic]:
    """Plant, charged for what is lit, and traffic; options that are given win over a scenario's settings.

    Raises:
        TrafficError: a rate that varies over the day: arrivals would not see time averages.
    """
    from envs.errors import TrafficError
    from envs.plant import build_plant
    from envs.settings import benchmark_setting
    from topologies.catalogue import load_topology

    if scenario:
        from configs.build import plant_of, traffic_of
        from configs.load import load_config

        refuse_beside("--scenario", {"setting": "--setting"}, "give one of the two")
        given = {"topology": ("plant.topology", topology), "k": ("plant.k_paths", k_paths)}
        config = load_config(scenario, overrides_of(given))
        plant, traffic = plant_of(config), traffic_of(config)
        spec, network = plant.spec, plant.topology
    else:
        chosen = benchmark_setting(setting)
        spec, traffic = replace(chosen.plant, k_paths=k_paths), chosen.traffic
        network = load_topology(topology or chosen.topology)
    if traffic.daily_swing:
        raise TrafficError("power is read at arrivals, which see time averages only at a constant rate")
    model = power or spec.power_model or "default"
    return build_plant(network, replace(spec, power_model=model)), traffic


def power_point(result: SimulationResult, first: SimulationResult) -> dict[str, Any]:
    """Figures of a policy as plain data, with its energy per bit against the first's, run by run."""
    from envs.evaluation import paired_difference

    difference = paired_difference(_energies_pj(result), _energies_pj(first))
    power = result.power
    assert power is not None  # the plant has a power model
    return {
        "policy": result.policy,
        "load_erlang": result.load_erlang,
        "request_blocking": result.request_blocking.mean,
        "request_blocking_ci95": [result.request_blocking.low, result.request_blocking.high],
        "bit_rate_blocking": result.bit_rate_blocking.mean,
        "bit_rate_blocking_ci95": [result.bit_rate_blocking.low, result.bit_rate_blocking.high],
        "mean_power_w": power.mean_power_w.mean,
        "mean_power_w_ci95": [power.mean_power_w.low, power.mean_power_w.high],
        "mean_power_by_part_w": {
            "transponders": power.transponders_w,
            "amplifiers": power.amplifiers_w,
            "nodes": power.nodes_w,
        },
        "energy_per_bit_pj": power.energy_per_bit_pj.mean,
        "energy_per_bit_pj_ci95": [power.energy_per_bit_pj.low, power.energy_per_bit_pj.high],
        "energy_per_bit_vs_first_pj": difference.mean,
        "energy_per_bit_vs_first_pj_ci95": [difference.low, difference.high],
        "sleeping_share": power.sleeping_share.mean,
        "sleeping_share_ci95": [power.sleeping_share.low, power.sleeping_share.high],
        "carried_gbps": power.lit_gbps,
        "requests": result.num_requests,
    }


def _energies_pj(result: SimulationResult) -> list[float]:
    """Energy per bit of each run."""
    return [run.power.energy_per_bit_pj for run in result.runs if run.power is not None]
