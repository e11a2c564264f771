"""What commands that simulate share: plant and traffic, who decides, and what is refused before the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightloop.given import refuse_beside
from lightloop.output import Refusal

if TYPE_CHECKING:
    from configs.schema import Config
    from envs.plant import Plant
    from envs.policy import ScoringPolicy
    from envs.simulation import KernelPolicy
    from envs.spec import PlantSpec
    from envs.traffic import PoissonTraffic
    from topologies.model import Topology

SettingOption = Annotated[str, typer.Option(help="A published setting; see `lightloop bench settings`.")]
ScenarioOption = Annotated[
    str, typer.Option(help="A scenario in the setting's place: a name or a YAML file.")
]
PICTURES = (".png", ".svg")
SHORT_FORMS = {
    "plant.topology": "--topology",
    "plant.k_paths": "--k",
    "plant.num_slots": "--slots",
    "plant.power_model": "--power",
    "traffic.load_erlang": "--load",
}
ELSEWHERE = {"traffic.seed": "--seed", "traffic.requests_per_trace": "--requests"}
OF_BANDS = (
    "channels_per_band",
    "transceivers",
    "launch_dbm",
    "margin_db",
    "transceiver_snr_db",
    "roadm_loss_db",
)
MADE_BY_BANDS = ("num_slots", "guard_slots")


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


def plant_for(text: str, plant: Plant) -> Plant:
    """The plant with the demand forecast that the policy meant by a word decides with, or with none.

    Raises:
        ArtefactError, ForecastError: its forecast is damaged, or of another plant.
    """
    if not Path(text).is_dir():
        return plant
    from agents.artefact import plant_of

    return plant_of(text, plant)


def situation(setting: str, scenario: str, overrides: Sequence[str] = ()) -> tuple[Plant, PoissonTraffic]:
    """Plant and traffic of a scenario, or else of a published setting, with what was given on top of it.

    Args:
        setting: its name; not read where there is a scenario.
        scenario: a name, a YAML file, or empty.
        overrides: ``"plant.k_paths=10"``.

    Raises:
        Refusal: an override that would change nothing.
        ConfigError: one that the schema does not know, or of a value out of its limits.
        TrafficError: power, and a rate that varies over the day: arrivals would not see time averages.
    """
    from configs.build import parts_of, traffic_of
    from configs.load import load_config
    from envs.errors import TrafficError
    from envs.plant import build_plant

    for text in overrides:
        if "." not in (key := text.partition("=")[0].strip()):
            raise Refusal(f"--set {text}: write {key}.key=value, one key at a time")
    if scenario:
        refuse_beside("--scenario", {"setting": "--setting"}, "give one of the two")
        config = load_config(scenario, [*_bands_make_slots(overrides), *overrides])
        (topology, spec), traffic = parts_of(config), traffic_of(config)
    else:
        config, topology, spec, traffic = published(setting, [*_bands_make_slots(overrides), *overrides])
    for text in overrides:
        key = text.partition("=")[0].strip()
        if reason := _why_ignored(key, config):
            raise Refusal(f"{SHORT_FORMS.get(key, '--set')} ({key}) would change nothing: {reason}")
    if spec.power_model and traffic.daily_swing:
        raise TrafficError("power is read at arrivals, which see time averages only at a constant rate")
    return build_plant(topology, spec), traffic


def _bands_make_slots(overrides: Sequence[str]) -> list[str]:
    """Where bands are given, the number of slots that setting or scenario had without them is off."""
    from envs.plant_choices import SLOTS_BY_REACH

    given = any(text.partition("=")[0].strip() == "plant.bands" for text in overrides)
    return [f"plant.num_slots={SLOTS_BY_REACH}"] if given else []


def published(name: str, overrides: Sequence[str]) -> tuple[Config, Topology, PlantSpec, PoissonTraffic]:
    """A published setting as a configuration, and what that makes of its network, plant and traffic.

    Raises:
        PlantError: no setting of that name.
        ConfigError: see ``load_config``.
    """
    from configs.build import traffic_of
    from configs.load import load_config, override
    from envs.fields import taken_from
    from envs.plant_choices import PlantChoices
    from envs.settings import benchmark_setting
    from topologies.catalogue import load_topology

    chosen = benchmark_setting(name)
    spec, traffic = chosen.plant, chosen.traffic
    own = {f"plant.{key}": value for key, value in taken_from(spec, PlantChoices).items()} | {
        "plant.topology": chosen.topology,
        "traffic.generator": "poisson",
        "traffic.load_erlang": traffic.load_erlang,
        "traffic.mean_holding_time_s": traffic.mean_holding_s,
        "traffic.truncate_holding": traffic.truncate_holding,
        "traffic.bit_rates_gbps": traffic.bit_rates_gbps,
        "traffic.told_share": traffic.told_share,
        "traffic.classes": [
            {"name": item.name, "share": item.share, "max_latency_ms": None} for item in traffic.classes
        ],
    }
    config = load_config("latency-rsa", [*(override(key, value) for key, value in own.items()), *overrides])
    asked = traffic_of(config)
    if asked.bit_rates_gbps == traffic.bit_rates_gbps:
        asked = replace(asked, bit_rate_weights=traffic.bit_rate_weights)
    spec = replace(spec, **taken_from(config.plant, PlantChoices))
    return config, load_topology(config.plant.topology), spec, asked


def _why_ignored(key: str, config: Config) -> str:
    """Why a setting would not be followed; empty where it is."""
    section, _, name = key.partition(".")
    if section not in ("plant", "traffic"):
        return "a simulation reads the sections plant and traffic"
    if key in ELSEWHERE:
        return f"give {ELSEWHERE[key]}"
    if name in OF_BANDS and not config.plant.bands:
        return "it counts where plant.bands are named, as in --scenario qot-rmbsa"
    if name in MADE_BY_BANDS and config.plant.bands:
        return "the channels of plant.bands make the slots"
    if name == "shortlist_paths" and not config.plant.shortlist:
        return "it counts where plant.shortlist is above 0"
    if name == "diurnal_swing" and config.traffic.generator != "diurnal":
        return "it counts with traffic.generator=diurnal"
    return ""
