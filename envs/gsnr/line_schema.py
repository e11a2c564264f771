"""What a line file may say: keys, units, limits. What is made of it: ``line_file.py``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Db = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Thz = Annotated[float, Field(ge=150, le=250, allow_inf_nan=False)]
Signed = Annotated[float, Field(ge=-30, le=30, allow_inf_nan=False)]
ByFrequency = Annotated[list[tuple[Thz, Signed]], Field(min_length=1)]  # [THz, dB], rising
Name = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelGroup(_Part):
    """Channels side by side, alike in everything but frequency."""

    band: Name
    first_thz: Thz = Field(description="centre of the lowest")
    count: Annotated[int, Field(ge=1, le=2000)]
    spacing_ghz: Annotated[float, Field(ge=12.5, le=1000)]
    baud_gbd: Annotated[float, Field(ge=1, le=400)]
    launch_dbm: Annotated[float, Field(ge=-40, le=10)] = 0.0

    @model_validator(mode="after")
    def _fits(self) -> ChannelGroup:
        if self.baud_gbd > self.spacing_ghz:
            raise ValueError(f"{self.baud_gbd:g} GBd do not fit into {self.spacing_ghz:g} GHz")
        return self


class FibreKind(_Part):
    """A fibre type of one's own: a known one and what differs from it."""

    base: Name = "SSMF"
    attenuation_db_km: Positive | list[tuple[Thz, Positive]] | None = Field(
        default=None, description="a number, or [THz, dB/km] pairs, rising"
    )
    dispersion_ps_nm_km: Annotated[float, Field(ge=-300, le=300)] | None = None
    dispersion_slope_ps_nm2_km: Annotated[float, Field(ge=-5, le=5)] | None = Field(
        default=None, description="left out beside a dispersion: D grows with frequency squared"
    )
    effective_area_um2: Annotated[float, Field(ge=60, le=300)] | None = None
    gamma_1_w_km: Annotated[float, Field(gt=0, le=20)] | None = Field(
        default=None, description="at 1550 nm; without an effective area it decides that too"
    )


class AmplifierKind(_Part):
    """An amplifier: a noise figure of its own, or a type of the equipment file, and how it is run."""

    noise_figure_db: Db | ByFrequency | None = None
    type_variety: Name | None = Field(default=None, description="of the equipment file")
    gain_db: Annotated[float, Field(ge=-10, le=50)] | None = Field(
        default=None, description="total power out over in; left out: restores the launch powers"
    )
    ripple_db: ByFrequency | None = None
    most_dbm: Annotated[float, Field(ge=-20, le=40)] | None = None

    @model_validator(mode="after")
    def _has_one_noise_figure(self) -> AmplifierKind:
        if (self.noise_figure_db is None) == (self.type_variety is None):
            raise ValueError("give noise_figure_db or type_variety, one of them")
        return self


class SpanEntry(_Part):
    """A fibre, its connectors, the amplifier at its end, and whether a ROADM follows."""

    length_km: Annotated[float, Field(gt=0, le=400, allow_inf_nan=False)]
    fibre: Name = "SSMF"
    connector_in_db: Db = 0.0
    connector_out_db: Db = 0.0
    amplifier: Name | Db | dict[Name, Name | Db] | None = Field(
        default=None, description="a name, a noise figure in dB, or either per band; left out: the band's own"
    )
    roadm: bool = False
    count: Annotated[int, Field(ge=1, le=500)] = 1


class FilterShape(_Part):
    """A passband as in Pulikkaseril et al., Optics Express 19(9), 2011."""

    guard_ghz: Annotated[float, Field(ge=0, le=50)] = 0.0
    edge_ghz: Annotated[float, Field(gt=0, le=50)] = 10.0


class RoadmEntry(_Part):
    """What every ROADM of the line does."""

    loss_db: Db = 0.0
    noise_figure_db: Db = 5.0
    filter: FilterShape | None = None
    penalty_db: list[tuple[Positive, Db]] | None = Field(
        default=None, description="[passes, dB], rising; in the place of filter"
    )
    at_ends: bool = True

    @model_validator(mode="after")
    def _has_one_filter(self) -> RoadmEntry:
        if self.filter is not None and self.penalty_db is not None:
            raise ValueError("give filter or penalty_db, not both")
        return self


class LineDocument(_Part):
    """A line file."""

    kind: Literal["line"] = "line"
    name: str = ""
    equipment: str | None = Field(default=None, description="a GNPy equipment file, beside this file")
    fibres: dict[Name, FibreKind] = {}
    amplifiers: dict[Name, AmplifierKind] = {}
    channels: Annotated[list[ChannelGroup], Field(min_length=1)]
    spans: Annotated[list[SpanEntry], Field(min_length=1)]
    roadm: RoadmEntry | None = None
    transceiver_snr_db: Annotated[float, Field(gt=0, lt=100)] | None = None
