"""Tables of simulated figures, drawn from their JSON form: ``SimulationResult.row``, a row for each point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from lightloop.drawing import class_table

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]


def plain(heading: str, name: str, scale: float = 1.0, digits: int = 2) -> Column:
    """A column of one figure."""
    return heading, lambda row: f"{scale * row[name]:,.{digits}f}"


def measured(heading: str, name: str, scale: float = 1.0, digits: int = 2, part: str = "") -> Column:
    """A column of one figure with half of its 95 % interval; ``part``: of a figure told in parts."""

    def cell(row: Row) -> str:
        mean, (low, high) = (
            (row[name][part], row[f"{name}_ci95"][part]) if part else (row[name], row[f"{name}_ci95"])
        )
        return f"{scale * mean:,.{digits}f} ± {scale * (high - low) / 2:,.{digits}f}"

    return heading, cell


def part(heading: str, name: str, key: str) -> Column:
    """A column of the watts of one part, in kW."""
    return heading, lambda row: f"{row[name][key] / 1000:.2f}"


POLICY: Column = ("policy", lambda row: row["policy"])
ERLANG: Column = ("Erlang", lambda row: f"{row['load_erlang']:g}")
BLOCKED = measured("blocked %", "request_blocking", 100, 3)
BIT_RATE = measured("bit rate %", "bit_rate_blocking", 100, 3)
USED = plain("used %", "utilisation", 100, 1)
FRAGMENTATION = plain("frag.", "fragmentation")
HOPS = plain("hops", "mean_hops")
LATENCY = plain("ms", "mean_latency_ms", digits=1)
SPEED: Column = ("M/s", lambda row: f"{row['requests'] / row['seconds'] / 1e6:.2f}")
POWER = plain("kW", "mean_power_w", 1e-3)
PARTS = [
    part(heading, "mean_power_by_part_w", key)
    for heading, key in (("transp.", "transponders"), ("ampl.", "amplifiers"), ("nodes", "nodes"))
]
ENERGY = measured("pJ/bit", "energy_per_bit_pj", digits=0)
ASLEEP = plain("asleep %", "sleeping_share", 100, 1)
THROUGHPUT = measured("Tb/s", "throughput_gbps", 1e-3, 1)
CHANNELS = measured("channels", "mean_channels")


def against_first(heading: str) -> Column:
    """A column of the energy per bit against the first policy's, run by run."""

    def cell(row: Row) -> str:
        low, high = row["energy_per_bit_vs_first_pj_ci95"]
        return f"{row['energy_per_bit_vs_first_pj']:+,.0f} ± {(high - low) / 2:,.0f}"

    return heading, cell


def table_of(rows: Sequence[Row], *columns: Column, title: str | None = None) -> Table:
    """Rows as a table, narrow enough for a terminal of 80 columns where a figure may break before its ±."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading, _ in columns:
        table.add_column(heading, no_wrap=heading == POLICY[0])
    for row in rows:
        table.add_row(*(cell(row) for _, cell in columns))
    return table


def _is_bounded(item: Row) -> bool:
    return item["least_slack"] is not None and item["least_slack"] < 1


def figure_tables(rows: Sequence[Row]) -> list[Table]:
    """Every figure that the rows have: of slots, by service class, of transmission, of power."""
    first = rows[0]
    tables = [table_of(rows, POLICY, ERLANG, BLOCKED, BIT_RATE, USED, FRAGMENTATION, HOPS, LATENCY, SPEED)]
    if any(_is_bounded(item) for row in rows for item in row["classes"]):
        several = len({row["load_erlang"] for row in rows}) > 1
        names = [row["policy"] + (f" {row['load_erlang']:g}" if several else "") for row in rows]
        tables.append(
            class_table(
                [(name, item) for name, row in zip(names, rows, strict=True) for item in row["classes"]]
            )
        )
    if "throughput_gbps" in first:
        margins = [
            measured("least" if key == "0.0" else f"{100 * float(key):g} %", "margin_db", part=key)
            for key in first["margin_db"]
        ]
        shares = [
            measured(band, name, 100, 1, band)
            for name in ("lightpath_share", "spectrum_used")
            for band in first[name]
        ]
        margin_title = "GSNR over threshold at set-up (dB): least, and what so many % are below"
        tables += [
            table_of(rows, POLICY, ERLANG, THROUGHPUT, CHANNELS),
            table_of(rows, POLICY, ERLANG, *margins, title=margin_title),
            table_of(
                rows, POLICY, ERLANG, *shares, title="% of lightpaths in each band, then of spectrum used"
            ),
        ]
    if "energy_per_bit_pj" in first:
        tables += [
            table_of(rows, POLICY, ERLANG, ENERGY, against_first("vs first"), ASLEEP),
            table_of(rows, POLICY, ERLANG, POWER, *PARTS),
        ]
    return tables
