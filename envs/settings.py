"""The benchmark settings of the literature, complete: network, spectrum, path rule, traffic.

A blocking figure means nothing without them. Figures published for each are in ``docs/reproduce-*.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from envs.after_state import RATES
from envs.errors import PlantError
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic

_DEEPRMSA_PLANT = PlantSpec(num_slots=100, guard_slots=1, shared_spectrum=False, path_ties="hash")
_MASKRSA_PLANT = PlantSpec(num_slots=80, guard_slots=0, shared_spectrum=True, path_ties="hash")


@dataclass(frozen=True)
class Setting:
    """One published setting. ``load_erlang`` of the traffic is the load its authors are best known for.

    An agent is trained at ``training_load_erlang``, where it blocks about half a per cent: far less tells
    two policies apart too seldom, far more rewards other things than what counts at 0.1 %.
    """

    name: str
    topology: str
    plant: PlantSpec
    traffic: PoissonTraffic
    training_load_erlang: float
    source: str
    departures_told: bool = False  # an agent of this setting that ships is told when services end


TRAINING_SHARE = 1.2  # training load over best-known load, where the network is PtrNet-RSA's


def _ptrnet(topology: str, num_slots: int, load_erlang: float) -> Setting:
    demands_slots = (1, 2, 3, 4) if num_slots == 80 else (1,)
    return Setting(
        name=f"ptrnet-{num_slots}-{topology.split('_')[0]}",
        topology=topology,
        plant=PlantSpec(
            num_slots=num_slots, guard_slots=0, shared_spectrum=True, path_ties="hash", modulation="fixed"
        ),
        traffic=PoissonTraffic(
            load_erlang=load_erlang,
            mean_holding_s=25.0,
            truncate_holding=False,
            bit_rates_gbps=tuple(12.5 * slots for slots in demands_slots),
            bit_rate_weights=(14.0, 3.0, 2.0, 1.0) if num_slots == 80 else None,
        ),
        training_load_erlang=TRAINING_SHARE * load_erlang,
        source="Cheng et al., PtrNet-RSA, JLT 2024, as re-run by Doherty et al. (XLRON)",
    )


def _deeprmsa(load_erlang: float) -> PoissonTraffic:
    rates_gbps = tuple(float(rate) for rate in range(25, 101))
    return PoissonTraffic(load_erlang, 25.0, True, rates_gbps, told_share=1.0)


def _maskrsa(load_erlang: float) -> PoissonTraffic:
    return PoissonTraffic(load_erlang, 25.0, False, tuple(float(rate) for rate in range(25, 51)))


_DEEPRMSA = "Chen et al., DeepRMSA, JLT 37(16), 2019, doi 10.1109/JLT.2019.2923615"
_MASKRSA = "Shimoda and Tanaka, Mask RSA, ECOC 2021, as re-run by Doherty et al. (XLRON)"

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("deeprmsa-nsfnet", "nsfnet", _DEEPRMSA_PLANT, _deeprmsa(250.0), 235.0, _DEEPRMSA, True),
        Setting("deeprmsa-cost239", "cost239", _DEEPRMSA_PLANT, _deeprmsa(600.0), 580.0, _DEEPRMSA, True),
        Setting(
            "gcnrmsa-usnet",
            "usnet",
            _DEEPRMSA_PLANT,
            _deeprmsa(400.0),
            455.0,
            "Xu et al., GCN-RMSA, JOCN 2022, as re-run by Doherty et al. (XLRON)",
        ),
        Setting("maskrsa-nsfnet", "nsfnet", _MASKRSA_PLANT, _maskrsa(125.0), 142.0, _MASKRSA),
        Setting("maskrsa-jpn48", "jpn48", _MASKRSA_PLANT, _maskrsa(210.0), 228.0, _MASKRSA),
        *(
            _ptrnet(topology, num_slots, load_erlang)
            for num_slots, loads in ((40, (225.0, 462.0, 250.0)), (80, (250.0, 509.0, 266.0)))
            for topology, load_erlang in zip(("nsfnet", "cost239_ptrnet", "usnet_ptrnet"), loads, strict=True)
        ),
    )
}


# What the generalist learns on; none of the networks that `lightloop bench zero-shot` measures it on.
TRAINING_SETTINGS = (
    "deeprmsa-nsfnet",
    "deeprmsa-cost239",
    "gcnrmsa-usnet",
    "maskrsa-nsfnet",
    "ptrnet-80-usnet",
)

# What the energy agent learns on, with the plant of its scenario.
ENERGY_TOPOLOGIES = ("nsfnet", "german17", "cost239")
ENERGY_LOADS_ERLANG = (60.0, 90.0, 120.0)
# Of a QoT agent for several networks: each with a load in Erlang where some requests are blocked.
QOT_LESSONS = (("nsfnet", 800.0), ("german17", 650.0), ("cost239", 1750.0))


def agent_plant(setting: Setting, departures_known: bool = False) -> PlantSpec:
    """The plant of a setting as an agent sees it: more paths, and a look at what candidates leave behind.

    ``departures_known``: it is also told when services end, as the published transformer is; then twice as
    many starts are listed, as there are twice as many edges.
    """
    rates_gbps, shares = future_rates(setting.traffic)
    return replace(
        setting.plant,
        k_paths=50,
        max_candidates=160,
        starts_per_path=setting.plant.starts_per_path * (2 if departures_known else 1),
        shortlist=8,
        future_rates_gbps=rates_gbps,
        future_shares=shares,
        departures_known=departures_known,
    )


def future_rates(traffic: PoissonTraffic) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Up to four bit rates that stand for a traffic's, and how often: each for those between it and the last.

    Spread evenly from the least rate to the highest; those that stand for none are left out.
    """
    rates = np.array(traffic.bit_rates_gbps)
    weights = np.array(traffic.bit_rate_weights or (1.0,) * len(rates))
    marks = np.unique(np.linspace(rates.min(), rates.max(), RATES))
    owner = np.searchsorted(marks, rates - 1e-9)
    shares = np.array([weights[owner == index].sum() for index in range(len(marks))])
    kept = shares > 0
    return tuple(marks[kept].tolist()), tuple((shares[kept] / shares.sum()).tolist())


def benchmark_setting(name: str) -> Setting:
    """A setting by name.

    Raises:
        PlantError: no setting of that name.
    """
    try:
        return SETTINGS[name]
    except KeyError:
        raise PlantError(f"unknown setting {name!r}; known: {', '.join(SETTINGS)}") from None
