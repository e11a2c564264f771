"""The gate's report as one page. Not here: what it says (``gate.py``)."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.gate import GateReport


def report_html(report: GateReport) -> str:
    """The report as one page without anything to fetch."""
    rules = [
        ("yes" if rule.passed else "no", rule.rule, f"{rule.margin:+.4g}", rule.why) for rule in report.rules
    ]
    results = [
        (
            row["policy"],
            row["role"],
            _percent(row["request_blocking"], row["request_blocking_ci95"]),
            _percent(row["bit_rate_blocking"], row["bit_rate_blocking_ci95"]),
            f"{row['utilisation']:.1%}",
            f"{row['mean_latency_ms']:.2f}",
            *_energy(row),
        )
        for row in report.evaluation["policies"]
    ]
    classes = [
        (
            found["service_class"],
            row["policy"],
            row["role"],
            _percent(found["request_blocking"], found["request_blocking_ci95"]),
            str(found["violations"]),
            _number(found["mean_latency_ms"]),
            _number(found["p95_latency_ms"]),
            _slack(found["mean_slack"]),
            _slack(found["least_slack"]),
        )
        for row in report.evaluation["policies"]
        for found in row["classes"]
    ]
    classes.sort(key=lambda cells: cells[0])
    slices = [
        (
            found["slice"],
            row["policy"],
            row["role"],
            f"{found['offered']:,}",
            _percent(found["request_blocking"], found["request_blocking_ci95"]),
        )
        for row in report.evaluation["policies"]
        for found in row["slices"]
    ]
    order = list(dict.fromkeys(cells[0] for cells in slices))
    slices.sort(key=lambda cells: order.index(cells[0]))
    style = "body{font:15px sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left}"
    heads = [
        "policy",
        "role",
        "request blocking",
        "bit-rate blocking",
        "utilisation",
        "latency ms",
        *(
            ("mean kW", "pJ/bit", "pairs asleep")
            if "mean_power_w" in report.evaluation["policies"][0]
            else ()
        ),
    ]
    class_heads = [
        "class",
        "policy",
        "role",
        "request blocking",
        "bounds broken",
        "mean latency ms",
        "95th percentile ms",
        "mean slack",
        "least slack",
    ]
    return (
        f"<!doctype html><meta charset=utf-8><title>Gate report</title><style>{style}</style>"
        f"<h1>{'Passed' if report.passed else 'Not passed'}</h1><p>{html.escape(report.verdict)}</p>"
        f"<p>{html.escape(report.power_in_words)}</p>"
        f"<h2>Rules</h2>{_table(['met', 'rule', 'margin', 'why'], rules)}"
        f"<h2>Evaluation</h2>{_table(heads, results)}"
        f"<h2>Service classes</h2>{_table(class_heads, classes)}"
        "<h2>Pairs by distance, parts of the day</h2>"
        f"{_table(['slice', 'policy', 'role', 'requests', 'request blocking'], slices)}"
        f"<p>Held-out traces: {html.escape(', '.join(report.evaluation['trace_ids']))}</p>"
    )


def _percent(mean: float | None, bounds: Sequence[float | None]) -> str:
    low, high = bounds
    if mean is None or low is None or high is None:
        return "–" if mean is None else f"{mean:.3%}"
    return f"{mean:.3%} ({low:.3%} .. {high:.3%})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _energy(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Cells of energy, where it is known."""
    if "mean_power_w" not in row:
        return ()
    low_pj, high_pj = row["energy_per_bit_pj_ci95"]
    return (
        f"{row['mean_power_w'] / 1000:.2f}",
        f"{row['energy_per_bit_pj']:,.0f} ({low_pj:,.0f} .. {high_pj:,.0f})",
        f"{row['sleeping_share']:.1%}",
    )


def _slack(value: float | None) -> str:
    """Slack 1 is that of a class without a bound."""
    return "–" if value is None or value == 1 else f"{value:.1%}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
