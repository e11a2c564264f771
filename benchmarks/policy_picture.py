"""The picture of ``lightloop bench policy``: blocking against load of who matters, and what bounds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.policy import AGENT, AT_PERMILLE, FAMILIES, GENERALIST, TEACHER

DASHED = {
    "estimate": "re-placing (estimate)",
    "optimistic": "optimistic reference",
    "proven": "proven bound",
}


def best_of_families(policies: Mapping[str, Any]) -> dict[str, str]:
    """Family to the name of the policy in it that carries most at 0.1 %; drawn for all of the family."""
    best = {}
    for family, prefixes in FAMILIES.items():
        names = [name for name in policies if name.startswith(prefixes)]
        if names:
            best[family] = max(names, key=lambda name: float(policies[name][AT_PERMILLE]))
    return best


def draw(measured: Mapping[str, Any], picture: Path) -> None:
    """Draw ``figures`` of ``benchmarks.policy`` into a .png or .svg; bars are 95 % intervals."""
    from matplotlib.figure import Figure

    policies = measured["policies"]
    shown = [(name, name) for name in (AGENT, TEACHER, GENERALIST) if name in policies]
    shown += [
        (name, f"{name.replace('_', ' ')} (best {family})")
        for family, name in best_of_families(policies).items()
    ]
    curves = [(policies[name], label) for name, label in shown]
    dashed = [(measured[name], label) for name, label in DASHED.items()]
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    for row, label in curves + dashed:
        points = [point for point in row["points"] if point["request_blocking"] > 0]
        loads = [point["load_erlang"] for point in points]
        percent = [100 * point["request_blocking"] for point in points]
        low = [100 * (point["request_blocking"] - max(point["ci95"][0], 1e-6)) for point in points]
        high = [100 * (point["ci95"][1] - point["request_blocking"]) for point in points]
        style = "--" if (row, label) in dashed else "-"
        axes.errorbar(
            loads, percent, yerr=[low, high], fmt=style, marker="o", ms=3, lw=1.4, capsize=2, label=label
        )
    axes.axhline(0.1, color="grey", lw=0.8, ls=":")
    axes.set(yscale="log", xlabel="offered load (Erlang)", ylabel="requests blocked (%)")
    axes.set_title(f"{measured['setting']}: request blocking against load")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.savefig(picture, dpi=130)
