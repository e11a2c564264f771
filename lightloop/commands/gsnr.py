"""``lightloop gsnr``: signal-to-noise ratios of a line, channel by channel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit

if TYPE_CHECKING:
    from envs.gsnr.bands import Comb
    from envs.gsnr.line import LineResult

gsnr = typer.Typer(help="Quality of transmission: GSNR, ASE and NLI of a line.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(gsnr, name="gsnr")


@gsnr.callback()
def _group() -> None:
    """Keep ``line`` a subcommand while it is the only one."""


@gsnr.command("line")
def line_command(
    spans: Annotated[int, typer.Option(help="Identical spans.")] = 10,
    span_km: Annotated[float, typer.Option(help="Length of each; 0 takes the file's.")] = 0.0,
    bands: Annotated[str, typer.Option(help="Bands, separated by commas.")] = "C,L",
    power_dbm: Annotated[
        str, typer.Option(help="Launch power per channel; one for all, or per band: C=0,L=1.")
    ] = "0",
    channels: Annotated[int, typer.Option(help="Channels per band.")] = 96,
    spacing_ghz: Annotated[float, typer.Option(help="Between channels.")] = 50.0,
    baud_gbd: Annotated[float, typer.Option(help="Symbol rate of every channel.")] = 32.0,
    partial: Annotated[float, typer.Option(help="Share of the channels that is lit, drawn at random.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw; same seed, same channels.")] = 1,
    transceiver_snr_db: Annotated[
        float | None, typer.Option(help="Back-to-back SNR of both ends together; left out by default.")
    ] = None,
    roadm_loss_db: Annotated[
        float | None, typer.Option(help="Loss of the ROADMs at both ends together; left out by default.")
    ] = None,
    parameters: Annotated[Path | None, typer.Option(help="Another file like envs/data/line.json.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the ratios into this .png or .svg.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """GSNR, SNR of ASE and SNR of NLI of every lit channel at the end of a line.

    The closed-form ISRS GN model (docs/qot.md) with the fibre, bands and noise figures of
    envs/data/line.json. Every amplifier restores each channel's launch power. Only lit channels are printed.

    Examples:
      lightloop gsnr line --spans 10 --span-km 80 --bands C,L

      lightloop gsnr line --bands C,L,S --power-dbm L=1,C=0,S=1 --picture gsnr.png

      lightloop gsnr line --spans 20 --bands C --power-dbm -1.5 --partial 0.5 --seed 1 --json
    """
    from envs.gsnr.bands import make_comb, random_part
    from envs.gsnr.isrs_gn import evaluate_line
    from envs.gsnr.line import Line, load_line_parameters

    given = load_line_parameters(parameters)
    chosen = [given.band(name) for name in bands.split(",")]
    comb = make_comb(chosen, channels, spacing_ghz, baud_gbd, _powers(power_dbm))
    lit = comb.only(random_part(comb.num_channels, partial, seed))
    line = Line(given.fibre, spans, span_km or given.span_km, transceiver_snr_db, roadm_loss_db)
    result = evaluate_line(line, lit)
    if picture is not None:
        _draw(lit, result, picture)
    rows = _rows(lit, result)

    def render(console: Console) -> None:
        table = Table(
            "band", "THz", "GSNR dB", "ASE dB", "NLI dB", title=f"{spans} spans of {line.span_km:g} km"
        )
        for row in _ends_and_middles(lit, rows):
            table.add_row(
                str(row["band"]),
                f"{row['frequency_thz']:.2f}",
                f"{row['gsnr_db']:.2f}",
                f"{row['snr_ase_db']:.2f}",
                f"{row['snr_nli_db']:.2f}",
            )
        console.print(table)
        console.print(f"{lit.num_channels} of {comb.num_channels} channels lit; ends and middle of each band")

    emit({"channels": rows}, as_json, render)


def _powers(text: str) -> float | dict[str, float]:
    try:
        if "=" not in text:
            return float(text)
        pairs = (part.split("=", 1) for part in text.split(","))
        return {name.strip().upper(): float(value) for name, value in pairs}
    except ValueError:
        raise Refusal(f"--power-dbm is {text!r}; give a number, or one per band as in C=0,L=1") from None


def _rows(comb: Comb, result: LineResult) -> list[dict[str, float | str]]:
    import numpy as np

    ratios = (10 * np.log10(values) for values in (result.gsnr, result.snr_ase, result.snr_nli))
    return [
        {
            "band": comb.band_names[band],
            "frequency_thz": float(thz),
            "gsnr_db": float(gsnr_db),
            "snr_ase_db": float(ase_db),
            "snr_nli_db": float(nli_db),
        }
        for band, thz, gsnr_db, ase_db, nli_db in zip(comb.band, comb.frequency_thz, *ratios, strict=True)
    ]


def _ends_and_middles(comb: Comb, rows: list[dict[str, float | str]]) -> list[dict[str, float | str]]:
    shown: list[int] = []
    for name in comb.band_names:
        inside = [i for i, row in enumerate(rows) if row["band"] == name]
        if inside:
            shown += sorted({inside[0], inside[len(inside) // 2], inside[-1]})
    return [rows[i] for i in shown]


def _draw(comb: Comb, result: LineResult, picture: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for values, label, colour in (
        (result.snr_ase, "ASE", "#4477aa"),
        (result.snr_nli, "NLI", "#cc6677"),
        (result.gsnr, "GSNR", "black"),
    ):
        axes.plot(comb.frequency_thz, 10 * np.log10(values), ".", ms=3, color=colour, label=label)
    for index, name in enumerate(comb.band_names):
        inside = comb.frequency_thz[comb.band == index]
        if len(inside):
            axes.text(
                inside.mean(), 1.0, name, transform=axes.get_xaxis_transform(), ha="center", va="bottom"
            )
    axes.set(xlabel="frequency in THz", ylabel="signal to noise in dB")
    axes.grid(alpha=0.3)
    axes.legend()
    try:
        figure.savefig(picture, dpi=130)
    except (OSError, ValueError) as error:
        raise Refusal(
            f"cannot draw into {picture}: {error}; name a .png or .svg in a folder that exists"
        ) from None
