"""What ``lightloop gsnr line`` tells of a line from a file, and the picture of any line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from lightloop.output import Refusal, emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envs.gsnr.bands import Comb
    from envs.gsnr.line import LineResult
    from envs.gsnr.line_file import LoadedLine
    from envs.gsnr.mixed_line import LineChannels, MixedLineResult


def tell_line_of_file(
    file: Path,
    equipment: Path | None,
    at_thz: Sequence[float],
    margin_db: float,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Evaluate the line in a file and print it.

    Raises:
        GsnrError: a file that cannot be used.
        Refusal: a frequency that no channel is near.
    """
    from envs.gsnr.line_file import load_line
    from envs.gsnr.mixed_line import evaluate_mixed_line

    loaded = load_line(file, equipment)
    result = evaluate_mixed_line(loaded.line, loaded.channels)
    if picture is not None:
        draw_ratios(loaded.channels, result, picture)
    rows = _rows(loaded.channels, result, margin_db)
    document = _document(loaded, result, rows, margin_db)
    if at_thz:
        document["channels"] = [rows[_nearest(loaded.channels, thz)] for thz in at_thz]
    shown = document["channels"] if at_thz else _ends_and_worst(loaded.channels, rows)
    emit(document, as_json, lambda console: _print(console, document, shown))


def _rows(channels: LineChannels, result: MixedLineResult, margin_db: float) -> list[dict[str, Any]]:
    import numpy as np

    from envs.gsnr.formats import load_formats

    formats = load_formats()
    gsnr_db = 10 * np.log10(result.gsnr)
    rows = []
    for i in range(len(gsnr_db)):
        met = [item for item in formats if gsnr_db[i] >= item.threshold_db + margin_db]
        rows.append(
            {
                "band": channels.band_names[channels.band[i]],
                "frequency_thz": float(channels.frequency_thz[i]),
                "baud_gbd": float(channels.baud_gbd[i]),
                "spacing_ghz": float(channels.spacing_ghz[i]),
                "launch_dbm": float(channels.launch_dbm[i]),
                "gsnr_db": float(gsnr_db[i]),
                "snr_ase_db": float(10 * np.log10(result.snr_ase[i])),
                "snr_nli_db": float(10 * np.log10(result.snr_nli[i])),
                "osnr_ase_db": float(result.osnr_ase_db[i]),
                "filter_penalty_db": float(result.filter_penalty_db[i]),
                "format": met[-1].name if met else None,
                "margin_db": float(gsnr_db[i] - met[-1].threshold_db) if met else None,
                "gbps": float(channels.baud_gbd[i]) * met[-1].carrier_gbps_per_gbd if met else 0.0,
            }
        )
    return rows


def _document(
    loaded: LoadedLine, result: MixedLineResult, rows: list[dict[str, Any]], margin_db: float
) -> dict[str, Any]:
    from envs.gsnr.formats import load_formats

    worst = min(rows, key=lambda row: row["gsnr_db"])
    return {
        "name": loaded.name,
        "length_km": sum(span.length_km for span in loaded.line.spans),
        "roadm_passes": loaded.line.passes,
        "margin_db": margin_db,
        "channels": rows,
        "worst": worst,
        "formats": [
            {
                "format": item.name,
                "threshold_db": item.threshold_db,
                "channels": sum(row["gsnr_db"] >= item.threshold_db + margin_db for row in rows),
                "worst_margin_db": worst["gsnr_db"] - item.threshold_db,
            }
            for item in load_formats()
        ],
        "spans": [
            {
                "length_km": span.length_km,
                "loss_db": {
                    "least": float(loss_db.min()),
                    "mean": float(loss_db.mean()),
                    "most": float(loss_db.max()),
                },
            }
            for span, loss_db in zip(loaded.line.spans, result.span_loss_db, strict=True)
        ],
    }


def _nearest(channels: LineChannels, thz: float) -> int:
    import numpy as np

    at = int(np.abs(channels.frequency_thz - thz).argmin())
    if abs(channels.frequency_thz[at] - thz) > 1e-3 * channels.spacing_ghz[at] / 2 + 1e-9:
        raise Refusal(
            f"--at-thz {thz:g}: no channel covers it; the nearest is at {channels.frequency_thz[at]:.4f} THz"
        )
    return at


def _ends_and_worst(channels: LineChannels, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shown: set[int] = set()
    for index in range(len(channels.band_names)):
        inside = [i for i in range(len(rows)) if channels.band[i] == index]
        shown |= {inside[0], inside[len(inside) // 2], inside[-1]}
        shown.add(min(inside, key=lambda i: rows[i]["gsnr_db"]))
    return [rows[i] for i in sorted(shown)]


def _print(console: Console, document: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    name = document["name"] or "line"
    title = (
        f"{name}: {len(document['spans'])} spans, {document['length_km']:g} km, "
        f"{document['roadm_passes']} ROADM passes; ratios in dB"
    )
    table = Table(
        "band", "THz", "GBd", "GSNR", "ASE", "NLI", "OSNR", "filters", "format", "margin",
        title=title, box=box.SIMPLE, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for row in shown:
        table.add_row(
            row["band"],
            f"{row['frequency_thz']:.3f}",
            f"{row['baud_gbd']:g}",
            f"{row['gsnr_db']:.2f}",
            f"{row['snr_ase_db']:.2f}",
            f"{row['snr_nli_db']:.2f}",
            f"{row['osnr_ase_db']:.2f}",
            f"{row['filter_penalty_db']:.2f}",
            row["format"] or "none",
            "" if row["margin_db"] is None else f"{row['margin_db']:.2f}",
        )
    console.print(table)
    worst = document["worst"]
    console.print(f"worst channel: {worst['frequency_thz']:.3f} THz, GSNR {worst['gsnr_db']:.2f} dB")
    for item in document["formats"]:
        console.print(
            f"{item['format']}: {item['channels']} channels, worst channel {item['worst_margin_db']:+.2f} dB"
        )


def draw_ratios(comb: Comb | LineChannels, result: LineResult | MixedLineResult, picture: Path) -> None:
    """GSNR and its parts against frequency, into a file.

    Raises:
        Refusal: it cannot be written.
    """
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
