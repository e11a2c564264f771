"""``lightloop gsnr``: signal-to-noise ratios of a line, channel by channel, and its best launch powers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.line_options import (
    AtThz,
    Bands,
    BaudGbd,
    Channels,
    DrawSeed,
    EquipmentFile,
    LineFile,
    MarginDb,
    Parameters,
    Partial,
    PowerDbm,
    RoadmLossDb,
    SpacingGhz,
    SpanKm,
    Spans,
    TransceiverSnrDb,
    given_by_hand,
    option,
    powers,
)
from lightloop.line_report import draw_ratios, tell_line_of_file
from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from envs.gsnr.bands import Comb
    from envs.gsnr.launch import LaunchOptimum
    from envs.gsnr.line import Line, LineResult

gsnr = typer.Typer(help="Quality of transmission: GSNR, ASE and NLI of a line.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(gsnr, name="gsnr")


@gsnr.command("line")
def line_command(
    context: typer.Context,
    line_file: LineFile = None,
    equipment: EquipmentFile = None,
    at_thz: AtThz = [],  # noqa: B006
    margin_db: MarginDb = 0.0,
    spans: Spans = 10,
    span_km: SpanKm = 0.0,
    bands: Bands = "C,L",
    power_dbm: PowerDbm = "0",
    channels: Channels = 96,
    spacing_ghz: SpacingGhz = 50.0,
    baud_gbd: BaudGbd = 32.0,
    partial: Partial = 1.0,
    seed: DrawSeed = 1,
    transceiver_snr_db: TransceiverSnrDb = None,
    roadm_loss_db: RoadmLossDb = None,
    parameters: Parameters = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the ratios into this .png or .svg.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """GSNR, SNR of ASE and SNR of NLI of every lit channel at the end of a line.

    The closed-form ISRS GN model (docs/qot.md) with the fibre, bands and noise figures of
    envs/data/line.json. Every amplifier restores each channel's launch power. Only lit channels are printed.

    With --line the line comes from a file, span by span: fibres, amplifiers, ROADMs and channels as they are
    (docs/lines.md). Then each channel's best format and its margin are told, and the worst channel.

    Examples:
      lightloop gsnr line --spans 10 --span-km 80 --bands C,L

      lightloop gsnr line --bands C,L,S --power-dbm L=1,C=0,S=1 --picture gsnr.png

      lightloop gsnr line --spans 20 --bands C --power-dbm -1.5 --partial 0.5 --seed 1 --json

      lightloop gsnr line --line examples/mixed-line.yaml --margin-db 1
    """
    if line_file is not None:
        _refuse_beside_a_file(context)
        tell_line_of_file(line_file, equipment, at_thz, margin_db, picture, as_json)
        return
    for name in ("equipment", "at_thz", "margin_db"):
        if given_by_hand(context, name):
            raise Refusal(f"{option(name)} goes with --line FILE only; add it, or leave this out")
    from envs.gsnr.bands import make_comb, random_part
    from envs.gsnr.isrs_gn import evaluate_line
    from envs.gsnr.line import Line, load_line_parameters

    given = load_line_parameters(parameters)
    chosen = [given.band(name) for name in bands.split(",")]
    comb = make_comb(chosen, channels, spacing_ghz, baud_gbd, powers(power_dbm))
    lit = comb.only(random_part(comb.num_channels, partial, seed))
    line = Line(given.fibre, spans, span_km or given.span_km, transceiver_snr_db, roadm_loss_db)
    result = evaluate_line(line, lit)
    if picture is not None:
        draw_ratios(lit, result, picture)
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


@gsnr.command("optimise")
def optimise_command(
    spans: Spans = 10,
    span_km: SpanKm = 0.0,
    bands: Bands = "C,L",
    power_dbm: PowerDbm = "0",
    objective: Annotated[
        str, typer.Option(help="capacity: the Shannon limit of all channels; worst: the least GSNR.")
    ] = "capacity",
    lowest_dbm: Annotated[float, typer.Option(help="No band goes below.")] = -10.0,
    highest_dbm: Annotated[float, typer.Option(help="No band goes above.")] = 6.0,
    channels: Channels = 96,
    spacing_ghz: SpacingGhz = 50.0,
    baud_gbd: BaudGbd = 32.0,
    partial: Partial = 1.0,
    seed: DrawSeed = 1,
    transceiver_snr_db: TransceiverSnrDb = None,
    roadm_loss_db: RoadmLossDb = None,
    parameters: Parameters = None,
    as_json: JsonFlag = False,
) -> None:
    """The launch power per band that makes the most of a line; --power-dbm is where the search starts.

    Every candidate is a full evaluation of the line, with the Raman transfer between the bands.

    Examples:
      lightloop gsnr optimise --spans 10 --span-km 80 --bands C,L,S

      lightloop gsnr optimise --bands C,L,S --objective worst --json
    """
    from envs.gsnr.bands import make_comb, random_part
    from envs.gsnr.launch import optimise_launch
    from envs.gsnr.line import Line, load_line_parameters

    given = load_line_parameters(parameters)
    chosen = [given.band(name) for name in bands.split(",")]
    comb = make_comb(chosen, channels, spacing_ghz, baud_gbd, powers(power_dbm))
    lit = comb.only(random_part(comb.num_channels, partial, seed))
    line = Line(given.fibre, spans, span_km or given.span_km, transceiver_snr_db, roadm_loss_db)
    with stderr.status("evaluating the line ...") as status:
        found = optimise_launch(
            line,
            lit,
            objective,  # type: ignore[arg-type]  # refused there with what is known
            lowest_dbm,
            highest_dbm,
            lambda count, best: status.update(f"{count} evaluations, best {best:.4g}"),
        )
    document = _optimum(line, found)
    emit(document, as_json, lambda console: _print_optimum(console, line, document))


def _refuse_beside_a_file(context: typer.Context) -> None:
    beside = {"line_file", "equipment", "at_thz", "margin_db", "picture", "as_json"}
    for name in context.params.keys() - beside:
        if given_by_hand(context, name):
            raise Refusal(f"{option(name)} and --line: the file says it all; leave one of them out")


def _optimum(line: Line, found: LaunchOptimum) -> dict[str, Any]:
    import numpy as np

    from envs.gsnr.isrs_gn import evaluate_line
    from envs.gsnr.launch import UNITS, with_powers

    before_db = 10 * np.log10(evaluate_line(line, with_powers(found.comb, found.before_dbm)).gsnr)
    after_db = 10 * np.log10(found.result.gsnr)
    inside = {name: found.comb.band == index for index, name in enumerate(found.comb.band_names)}
    return {
        "objective": found.objective,
        "unit": UNITS[found.objective],
        "before": found.before,
        "after": found.after,
        "power_dbm": found.power_dbm,
        "evaluations": found.evaluations,
        "bands": [
            {
                "band": name,
                "power_before_dbm": found.before_dbm[name],
                "power_dbm": found.power_dbm[name],
                "gsnr_min_before_db": float(before_db[lit].min()),
                "gsnr_mean_before_db": float(before_db[lit].mean()),
                "gsnr_min_db": float(after_db[lit].min()),
                "gsnr_mean_db": float(after_db[lit].mean()),
            }
            for name, lit in inside.items()
            if lit.any()
        ],
    }


def _print_optimum(console: Console, line: Line, document: dict[str, Any]) -> None:
    title = f"{line.spans} spans of {line.span_km:g} km, by {document['objective']}"
    table = Table("band", "dBm", "least GSNR dB", "mean GSNR dB", title=title)
    for row in document["bands"]:
        table.add_row(
            row["band"],
            f"{row['power_before_dbm']:.2f} -> {row['power_dbm']:.2f}",
            f"{row['gsnr_min_before_db']:.2f} -> {row['gsnr_min_db']:.2f}",
            f"{row['gsnr_mean_before_db']:.2f} -> {row['gsnr_mean_db']:.2f}",
        )
    console.print(table)
    unit = document["unit"]
    console.print(
        f"{document['before']:.2f} -> {document['after']:.2f} {unit}, "
        f"{document['evaluations']} evaluations of the line"
    )


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
