"""Noise of a network's links as tables: what a lit channel has by itself, and what each other channel adds.

The tables turn the closed form into sums, which is what makes it incremental (``carriers.py``). That needs
the power along a span not to depend on what happens to be lit, so the tables assume a load for the Raman
tilt:

* ``any-load`` (default): for each channel the worst tilt that any set of lit channels could give it. ASE as
  if every channel up to it were lit and none above (the most power is taken from it); the NLI it makes as
  if every channel from it up were lit and none below (the most power is given to it). A lightpath that
  meets its threshold under it meets it whatever is lit or put out later. Exact noise with the channels
  really lit, by ``evaluate_line``, is never above it (by more than 0.05 dB); ``docs/qot.md`` says how far
  below.
* ``full-load``: every channel lit, as where unused channels are filled with noise that scatters but does not
  count as an interferer. Optimistic for the ASE of low channels while the high ones are dark.

Links have the spans that their topology lists, each of a fibre type by name; where it lists none they are cut
into equal spans, as few as there can be of at most ``span_km``. Each link ends in a ROADM.

A channel of the tables is a cell of ``rates.py``; what a carrier has by itself is told for each symbol rate.

NLI is that of spans without end, the closed form (``isrs_gn.py``), unless ``real_spans`` asks for that of the
spans' real length (``finite_span.py``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from envs.gsnr.bands import Comb
from envs.gsnr.errors import GsnrError
from envs.gsnr.fibres import fibre_named, load_fibres
from envs.gsnr.finite_span import SpanMixing, finite_spm, finite_xpm
from envs.gsnr.isrs_gn import (
    Profiles,
    ase_power_w,
    fit_profiles,
    power_evolution,
    span_points,
    spm_efficiency,
    xpm_efficiency,
)
from envs.gsnr.line import FibreType, LineParameters
from envs.gsnr.rates import Rate, carriers_of, cells_from
from topologies.model import Fibre, Topology

Assumption = Literal["any-load", "full-load"]
ASSUMPTIONS: tuple[Assumption, ...] = ("any-load", "full-load")
NOWHERE = 1e3  # noise over signal of a carrier that would leave its band: none bears it
GROUP_THZ = 0.6  # channels this close are lit together in the loads of "any-load": they scatter little


class LinkArrays(NamedTuple):
    """The tables for compiled code. Noise is over signal power: it adds up to 1 / SNR."""

    # (num_links, num_rates, num_channels) float64: ASE, ROADM and SPM of the whole link, of the carrier of
    # each symbol rate that begins in a channel
    own: np.ndarray
    cross: np.ndarray  # (num_kinds, num_channels k, num_channels i) float32: XPM on i of lit channel k
    kind: np.ndarray  # (num_links,) int32 row of ``cross``: links of one length share it


@dataclass(frozen=True)
class LinkTables:
    """Tables of a network's directed links under a stated assumption."""

    comb: Comb
    rates: tuple[Rate, ...]
    assumption: Assumption
    transceiver_noise: float  # 1 / SNR of the two ends together, 0 where left out
    arrays: LinkArrays = field(repr=False)


@dataclass(frozen=True)
class Cut:
    """Equal spans of a link."""

    fibre: FibreType
    count: int
    span_km: float


def cuts_of(fibre: Fibre, parameters: LineParameters) -> tuple[Cut, ...]:
    """The spans of a fibre pair, equal ones together.

    Raises:
        GsnrError: a fibre type that is not known.
    """
    if not fibre.spans:
        return (Cut(parameters.fibre, *spans_of(fibre.length_km, parameters.span_km)),)
    known = load_fibres()
    return tuple(
        Cut(fibre_named(span.fibre_type, known), count, span.length_km)
        for span, count in Counter(fibre.spans).items()
    )


def spans_of(length_km: float, span_km: float) -> tuple[int, float]:
    """How many equal spans a link has, and their length."""
    spans = math.ceil(length_km / span_km - 1e-9)
    return spans, length_km / spans


def build_link_tables(
    topology: Topology,
    parameters: LineParameters,
    comb: Comb,
    assumption: Assumption = "any-load",
    transceiver_snr_db: float | None = None,
    roadm_loss_db: float | None = None,
    real_spans: bool = False,
    rates: Sequence[Rate] = (),
) -> LinkTables:
    """The tables of every directed link of a topology.

    Args:
        topology: the network.
        parameters: fibre and span length.
        comb: the cells; with no rates every one is a carrier.
        assumption: what the Raman tilt is taken from.
        transceiver_snr_db: of the two ends together; None: left out.
        roadm_loss_db: made good at each link's end; None: left out.
        real_spans: NLI of the spans' real length.
        rates: symbol rates of the carriers.

    Raises:
        GsnrError: an unknown assumption, or a fibre type that is not known.
    """
    rates = tuple(rates) or (Rate(comb.baud_gbd, 1),)
    alike = sorted({(fibre.length_km, fibre.spans) for fibre in topology.fibres})
    kind = np.repeat([alike.index((fibre.length_km, fibre.spans)) for fibre in topology.fibres], 2)
    of_kind = dict(zip(kind[::2].tolist(), topology.fibres, strict=True))
    cuts = [cuts_of(of_kind[index], parameters) for index in range(len(alike))]
    loads = loads_of([cut for each in cuts for cut in each], comb, assumption)
    own = np.zeros((len(alike), len(rates), comb.num_channels))
    cross = np.zeros((len(alike), comb.num_channels, comb.num_channels), np.float32)
    for index, each in enumerate(cuts):
        for cut in each:
            cross_span = cut_noise(cut, comb, loads[cut.fibre], real_spans)[1]
            own[index] += cut.count * np.stack(
                [carrier_alone(cut, comb, rate, loads[cut.fibre], real_spans) for rate in rates]
            )
            cross[index] += cut.count * cross_span.T
    if roadm_loss_db is not None:
        made_good = np.full(comb.num_channels, 10.0 ** (roadm_loss_db / 10.0))
        own += np.stack([_ase_over_signal(carriers_of(comb, rate), made_good) for rate in rates])
    for row, rate in enumerate(rates):
        own[:, row, ~cells_from(comb, rate)[0]] = NOWHERE
    return LinkTables(
        comb=comb,
        rates=rates,
        assumption=assumption,
        transceiver_noise=0.0 if transceiver_snr_db is None else 10.0 ** (-transceiver_snr_db / 10.0),
        arrays=LinkArrays(own[kind], cross, kind.astype(np.int32)),
    )


def loads_of(cuts: Sequence[Cut], comb: Comb, assumption: Assumption) -> dict[FibreType, SpanLoads]:
    """The assumed loads of every fibre type, solved up to its longest span."""
    longest_km: dict[FibreType, float] = {}
    for cut in cuts:
        longest_km[cut.fibre] = max(cut.span_km, longest_km.get(cut.fibre, 0.0))
    return {fibre: SpanLoads(fibre, comb, span_km, assumption) for fibre, span_km in longest_km.items()}


def cut_noise(
    cut: Cut, comb: Comb, loads: SpanLoads, real_spans: bool, lit: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Noise over signal of one span of a cut, as ``span_noise`` has it, of all channels or of those lit."""
    if real_spans:
        fed, loss = loads.powers(cut.span_km)
        here = np.ones(comb.num_channels, bool) if lit is None else lit
        return real_span_noise(cut, comb.only(here), fed[here], loss[here])
    assumed = loads.profiles(cut.span_km)
    if lit is None:
        return span_noise(cut.fibre, comb, assumed)
    seen = Profiles(assumed.decay_1_m, assumed.weight[:, lit], assumed.loss[lit])
    return span_noise(cut.fibre, comb.only(lit), seen)


def carrier_alone(cut: Cut, comb: Comb, rate: Rate, loads: SpanLoads, real_spans: bool) -> np.ndarray:
    """(n,) noise over signal of one span that the carrier of a rate beginning in each cell has by itself."""
    carriers, cells = carriers_of(comb, rate), cells_from(comb, rate)[1]
    fed, loss = (power[cells].mean(axis=1) for power in loads.powers(cut.span_km))
    frequency_hz, baud_hz = 1e12 * carriers.frequency_thz, 1e9 * rate.baud_gbd
    if real_spans:
        mixing = SpanMixing(fed, 1e3 * cut.span_km)
        spm = finite_spm(cut.fibre, frequency_hz, np.full(len(cells), baud_hz), mixing)
    else:
        profiles = fit_profiles(fed, 1e3 * cut.span_km, cut.fibre.attenuation_1_m)
        spm = spm_efficiency(cut.fibre, frequency_hz, baud_hz, profiles)
    return _ase_over_signal(carriers, loss) + spm * carriers.launch_w**2


def real_span_noise(cut: Cut, comb: Comb, fed: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for the span's real length: powers (n, num_points) along it make NLI, losses (n,) make ASE."""
    frequency_hz, launch_w = 1e12 * comb.frequency_thz, comb.launch_w
    baud_hz = np.full(comb.num_channels, 1e9 * comb.baud_gbd)
    mixing = SpanMixing(fed, 1e3 * cut.span_km)
    own = _ase_over_signal(comb, loss) + finite_spm(cut.fibre, frequency_hz, baud_hz, mixing) * launch_w**2
    return own, finite_xpm(cut.fibre, frequency_hz, baud_hz, mixing) * launch_w**2


def span_noise(fibre: FibreType, comb: Comb, profiles: Profiles) -> tuple[np.ndarray, np.ndarray]:
    """Noise over signal of one span: (n,) of a channel by itself, (n, n) on channel i by lit channel k."""
    frequency_hz, baud_hz, launch_w = 1e12 * comb.frequency_thz, 1e9 * comb.baud_gbd, comb.launch_w
    own = _ase_over_signal(comb, profiles.loss)
    own = own + spm_efficiency(fibre, frequency_hz, baud_hz, profiles) * launch_w**2
    return own, xpm_efficiency(fibre, frequency_hz, baud_hz, profiles) * launch_w**2


def _ase_over_signal(comb: Comb, loss: np.ndarray) -> np.ndarray:
    noise_w = ase_power_w(1e12 * comb.frequency_thz, 1e9 * comb.baud_gbd, comb.noise_figure_db, loss)
    return noise_w / comb.launch_w


class SpanLoads:
    """Power along a span in the loads that an assumption names, solved once for spans up to a length."""

    def __init__(self, fibre: FibreType, comb: Comb, longest_km: float, assumption: Assumption):
        if assumption not in ASSUMPTIONS:
            raise GsnrError(f"unknown assumption {assumption!r}; known: {', '.join(ASSUMPTIONS)}")
        self._alpha_1_m = fibre.attenuation_1_m
        self._points_m = span_points(1e3 * longest_km)
        frequency_hz, launch_w, n = 1e12 * comb.frequency_thz, comb.launch_w, comb.num_channels
        if assumption == "full-load":
            power = power_evolution(fibre, frequency_hz, launch_w, 1e3 * longest_km)
            self._drained, self._fed = power, power
            return
        cell = np.floor((comb.frequency_thz - comb.frequency_thz[0]) / GROUP_THZ + 1e-6)
        group = np.unique(cell, return_inverse=True)[1]
        each = np.arange(group[-1] + 1)[:, None]
        loads = np.concatenate([group[None] <= each, group[None] >= each]) * launch_w
        power = power_evolution(fibre, frequency_hz, loads, 1e3 * longest_km)
        self._drained = power[group, np.arange(n)]
        self._fed = power[len(each) + group, np.arange(n)]

    def powers(self, span_km: float) -> tuple[np.ndarray, np.ndarray]:
        """(n, num_points) power along a span of at most the longest length for NLI, and (n,) loss for ASE."""
        points_m = span_points(1e3 * span_km)
        fed, drained = (
            np.exp([np.interp(points_m, self._points_m, row) for row in np.log(power)])
            for power in (self._fed, self._drained)
        )
        return fed, 1.0 / drained[:, -1]

    def profiles(self, span_km: float) -> Profiles:
        """What a span of at most the longest length does: the loss of one load, the NLI of the other."""
        fed, loss = self.powers(span_km)
        nli = fit_profiles(fed, 1e3 * span_km, self._alpha_1_m)
        return Profiles(nli.decay_1_m, nli.weight, loss)
