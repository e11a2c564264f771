"""A line as it is: spans of any length and fibre, an amplifier of its own after each, ROADMs on the way.

Channels may differ in symbol rate, width and launch power. The walk goes span by span with the power that
each channel really has there. Raman transfer and ASE of a span are those of
``isrs_gn.py``; its NLI is that of its real length (``finite_span.py``).

Not here: files (``line_file.py``), networks (``link_tables.py``), uniform lines (``isrs_gn.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from envs.gsnr.errors import GsnrError
from envs.gsnr.filters import PassbandFilter, PassTable
from envs.gsnr.finite_span import SpanMixing, finite_spm, finite_xpm
from envs.gsnr.isrs_gn import MAX_RAMAN_W, power_evolution
from envs.gsnr.line import PLANCK_J_S, FibreType
from envs.gsnr.noise_figures import NoiseFigure

OSNR_GHZ = 12.5  # OSNR is quoted in 0.1 nm


@dataclass(frozen=True)
class ChannelBlock:
    """Channels that are alike in everything but frequency."""

    band: str
    frequency_thz: np.ndarray
    baud_gbd: float
    spacing_ghz: float
    launch_dbm: float


@dataclass(frozen=True)
class LineChannels:
    """Channels in order of frequency; every array is (num_channels,)."""

    band_names: tuple[str, ...]
    band: np.ndarray  # int64 index into band_names
    frequency_thz: np.ndarray
    baud_gbd: np.ndarray
    spacing_ghz: np.ndarray
    launch_dbm: np.ndarray  # into the first span, and after every ROADM

    @property
    def frequency_hz(self) -> np.ndarray:
        """(num_channels,) centre frequencies."""
        return 1e12 * self.frequency_thz

    @property
    def baud_hz(self) -> np.ndarray:
        """(num_channels,) symbol rates."""
        return 1e9 * self.baud_gbd

    @property
    def launch_w(self) -> np.ndarray:
        """(num_channels,) launch powers."""
        return 1e-3 * 10.0 ** (self.launch_dbm / 10.0)


@dataclass(frozen=True)
class Amplifier:
    """An amplifier of one band.

    Attributes:
        noise_figure: of the band.
        ripple_thz: where ``ripple_db`` is given, rising; linear between, constant beyond.
        ripple_db: gain over the mean; left in the signal until a ROADM levels it.
        gain_db: total power out over in; None restores every channel to its launch power, ripple aside.
        most_dbm: the most total power out; None is no limit.
    """

    noise_figure: NoiseFigure
    ripple_thz: tuple[float, ...] = (193.0,)
    ripple_db: tuple[float, ...] = (0.0,)
    gain_db: float | None = None
    most_dbm: float | None = None


@dataclass(frozen=True)
class LineSpan:
    """A fibre and what stands at its end.

    Attributes:
        fibre: of the span.
        length_km: of the fibre.
        connector_in_db: loss before the fibre.
        connector_out_db: loss behind it.
        amplifiers: by band name.
        roadm: whether a ROADM follows the amplifier.
    """

    fibre: FibreType
    length_km: float
    connector_in_db: float
    connector_out_db: float
    amplifiers: Mapping[str, Amplifier] = field(repr=False)
    roadm: bool = False


@dataclass(frozen=True)
class Roadm:
    """What every ROADM of a line does: levels all channels to their launch power, adds noise, filters.

    Attributes:
        loss_db: made good by the amplifier behind it; 0 adds no noise.
        noise_figure: of that amplifier.
        filter: what its filters cost; None is nothing.
        at_ends: whether the line begins and ends at a ROADM: two more passes; the first adds noise, behind
            the last stands the receiver.
    """

    loss_db: float
    noise_figure: NoiseFigure
    filter: PassbandFilter | PassTable | None
    at_ends: bool


@dataclass(frozen=True)
class MixedLine:
    """Spans in order, its ROADMs, its transceivers."""

    spans: tuple[LineSpan, ...]
    roadm: Roadm | None = None
    transceiver_snr_db: float | None = None

    @property
    def passes(self) -> int:
        """ROADMs that a channel passes."""
        if self.roadm is None:
            return 0
        return sum(span.roadm for span in self.spans) + 2 * self.roadm.at_ends


@dataclass(frozen=True)
class MixedLineResult:
    """At the end of a line, linear unless the name says otherwise; every array is (num_channels,)."""

    snr_ase: np.ndarray  # in the symbol rate
    snr_nli: np.ndarray
    gsnr: np.ndarray  # transceiver's noise and filter penalty included
    osnr_ase_db: np.ndarray  # in 0.1 nm
    filter_penalty_db: np.ndarray
    span_loss_db: np.ndarray  # (num_spans, num_channels), connectors and Raman transfer included
    power_dbm: np.ndarray  # behind the last amplifier


def evaluate_mixed_line(line: MixedLine, channels: LineChannels) -> MixedLineResult:
    """Signal-to-noise ratios at the end of a line.

    Noise over signal adds up element by element; what noise takes from the signal's power is neglected. NLI
    adds up span by span in power, as in ``isrs_gn.evaluate_line``.

    Raises:
        GsnrError: no span, more power than a fibre or an amplifier takes, a band without an amplifier.
    """
    if not line.spans:
        raise GsnrError("the line has no span; give at least one")
    passage = _Passage(line, channels)
    if line.roadm is not None and line.roadm.at_ends:
        passage.pass_roadm(line.roadm)
    for number, span in enumerate(line.spans, 1):
        passage.pass_span(number, span)
        if span.roadm and line.roadm is not None:
            passage.pass_roadm(line.roadm)
    return passage.result()


class _Passage:
    """Channels on their way: power, noise over signal, ripple gathered since the last ROADM."""

    def __init__(self, line: MixedLine, channels: LineChannels):
        self._line, self._channels = line, channels
        count = len(channels.frequency_thz)
        self._power_w = channels.launch_w
        self._drift_db, self._ase, self._nli = np.zeros(count), np.zeros(count), np.zeros(count)
        self._loss_db: list[np.ndarray] = []
        self._known: dict[tuple[FibreType, float, bytes], tuple[np.ndarray, np.ndarray]] = {}

    def pass_span(self, number: int, span: LineSpan) -> None:
        """The fibre with its connectors, then its amplifiers."""
        into_w = self._power_w * 10.0 ** (-span.connector_in_db / 10.0)
        if into_w.sum() > MAX_RAMAN_W:
            raise GsnrError(
                f"span {number}: {into_w.sum():.1f} W enter the fibre, above {MAX_RAMAN_W:g}: lower the power"
            )
        survives, nli = self._fibre(span.fibre, span.length_km, into_w)
        self._nli += nli
        out_w = into_w * survives * 10.0 ** (-span.connector_out_db / 10.0)
        self._loss_db.append(10.0 * np.log10(self._power_w / out_w))
        self._power_w = out_w
        for index, name in enumerate(self._channels.band_names):
            if name not in span.amplifiers:
                raise GsnrError(f"span {number}: no amplifier for band {name}; name one")
            inside = self._channels.band == index
            if inside.any():
                self._amplify(f"span {number}, band {name}", span.amplifiers[name], inside)

    def _fibre(self, fibre: FibreType, length_km: float, into_w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(num_channels,) share of power at the end, and NLI over signal; spans that are alike share them."""
        key = (fibre, length_km, into_w.tobytes())
        if key not in self._known:
            frequency_hz, baud_hz = self._channels.frequency_hz, self._channels.baud_hz
            power = power_evolution(fibre, frequency_hz, into_w, 1e3 * length_km)
            mixing = SpanMixing(power, 1e3 * length_km)
            nli = finite_spm(fibre, frequency_hz, baud_hz, mixing) * into_w**2
            nli = nli + finite_xpm(fibre, frequency_hz, baud_hz, mixing) @ into_w**2
            self._known[key] = power[:, -1], nli
        return self._known[key]

    def _amplify(self, where: str, amplifier: Amplifier, inside: np.ndarray) -> None:
        frequency_thz, in_w = self._channels.frequency_thz[inside], self._power_w[inside]
        ripple_db = np.interp(frequency_thz, amplifier.ripple_thz, amplifier.ripple_db)
        if amplifier.gain_db is None:
            drift_db = self._drift_db[inside] + ripple_db
            out_w = self._channels.launch_w[inside] * 10.0 ** (drift_db / 10.0)
            self._drift_db[inside] = drift_db
        else:
            shaped_w = in_w * 10.0 ** (ripple_db / 10.0)
            out_w = shaped_w / shaped_w.sum() * in_w.sum() * 10.0 ** (amplifier.gain_db / 10.0)
        out_dbm = 10.0 * np.log10(1e3 * out_w.sum())
        if amplifier.most_dbm is not None and out_dbm > amplifier.most_dbm + 0.005:
            raise GsnrError(
                f"{where}: {out_dbm:.2f} dBm are asked of an amplifier that gives "
                f"{amplifier.most_dbm:g} dBm at the most; lower the launch power or its gain, or take another"
            )
        gain_db = float(10.0 * np.log10(out_w.sum() / in_w.sum()))
        width = self._channels.spacing_ghz[inside].mean() / 50.0
        input_dbm = float(10.0 * np.log10(1e3 * in_w.mean() / width))
        self._add_ase(amplifier.noise_figure.at(frequency_thz, gain_db, input_dbm), inside, in_w)
        self._power_w = self._power_w.copy()
        self._power_w[inside] = out_w

    def _add_ase(self, noise_figure_db: np.ndarray, inside: np.ndarray, in_w: np.ndarray) -> None:
        """Noise h f B NF at an amplifier's input over the signal there."""
        energy_w = PLANCK_J_S * self._channels.frequency_hz[inside] * self._channels.baud_hz[inside]
        self._ase[inside] += energy_w * 10.0 ** (noise_figure_db / 10.0) / in_w

    def pass_roadm(self, roadm: Roadm) -> None:
        """Levels all channels; the amplifier behind it lifts them to their launch power."""
        self._power_w = self._channels.launch_w
        self._drift_db = np.zeros_like(self._drift_db)
        if roadm.loss_db > 0:
            everyone = np.ones(len(self._power_w), bool)
            in_w = self._power_w * 10.0 ** (-roadm.loss_db / 10.0)
            input_dbm = float(10.0 * np.log10(1e3 * in_w.mean() / (self._channels.spacing_ghz.mean() / 50.0)))
            nf_db = roadm.noise_figure.at(self._channels.frequency_thz, roadm.loss_db, input_dbm)
            self._add_ase(nf_db, everyone, in_w)

    def result(self) -> MixedLineResult:
        """What has come of it."""
        line, channels = self._line, self._channels
        ends = 0.0 if line.transceiver_snr_db is None else 10.0 ** (-line.transceiver_snr_db / 10.0)
        gsnr = 1.0 / (self._ase + self._nli + ends)
        penalty_db = np.zeros(len(gsnr))
        if line.roadm is not None and line.roadm.filter is not None:
            penalty_db = np.array(
                [
                    line.roadm.filter.penalty_db(line.passes, *map(float, each))
                    for each in zip(channels.baud_gbd, channels.spacing_ghz, gsnr, strict=True)
                ]
            )
        ase_in_01nm = self._ase * OSNR_GHZ / channels.baud_gbd
        return MixedLineResult(
            snr_ase=1.0 / self._ase,
            snr_nli=1.0 / self._nli,
            gsnr=gsnr * 10.0 ** (-penalty_db / 10.0),
            osnr_ase_db=-10.0 * np.log10(ase_in_01nm),
            filter_penalty_db=penalty_db,
            span_loss_db=np.array(self._loss_db),
            power_dbm=10.0 * np.log10(1e3 * self._power_w),
        )


def line_channels(
    groups: Sequence[ChannelBlock],
) -> LineChannels:
    """The channels of several groups, in order of frequency.

    Raises:
        GsnrError: channels that overlap.
    """
    names = tuple(dict.fromkeys(group.band for group in groups))
    counts = [len(group.frequency_thz) for group in groups]
    frequency_thz = np.concatenate([group.frequency_thz for group in groups])
    order = np.argsort(frequency_thz, kind="stable")

    def spread(values: Sequence[float]) -> np.ndarray:
        return np.repeat(np.array(values), counts)[order]

    spacing_ghz = spread([group.spacing_ghz for group in groups])
    frequency_thz = frequency_thz[order]
    apart_ghz = 1e3 * np.diff(frequency_thz)
    needed_ghz = (spacing_ghz[1:] + spacing_ghz[:-1]) / 2
    if (apart_ghz < needed_ghz - 1e-3).any():
        at = int(np.argmax(apart_ghz < needed_ghz - 1e-3))
        raise GsnrError(
            f"channels at {frequency_thz[at]:.4f} and {frequency_thz[at + 1]:.4f} THz overlap: they are "
            f"{apart_ghz[at]:.1f} GHz apart and need {needed_ghz[at]:g}"
        )
    return LineChannels(
        band_names=names,
        band=spread([names.index(group.band) for group in groups]),
        frequency_thz=frequency_thz,
        baud_gbd=spread([group.baud_gbd for group in groups]),
        spacing_ghz=spacing_ghz,
        launch_dbm=spread([group.launch_dbm for group in groups]),
    )
