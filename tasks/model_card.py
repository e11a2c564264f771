"""What a model's page in the registry says: what it is, how good, its limits, the way back.

Markdown; MLflow shows it on the page of the registered model and of each version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.gate import GateReport


@dataclass(frozen=True)
class Origin:
    """Where a policy comes from, in words."""

    scenario: str
    topology: str
    traffic: str
    made_by: str  # "search and PPO, seed 3, 20 s" or "the best of the baselines"
    reason: str
    trace_id: str  # that its drift reference was observed on
    windows: Mapping[str, str] = field(default_factory=dict)  # of operation, by the tags of its run
    forecast: str = ""  # hash of the demand forecast that it decides with


@dataclass(frozen=True)
class Cards:
    """Texts of the registered model's page and of a version's."""

    model: str
    version: str


NO_CARDS = Cards("", "")
FIRST_CHAMPION = "It is a first champion: chosen in a quick evaluation, without a gate."
NOT_JUDGED = "It has not met its gate yet."


def model_card(model_name: str, scenario: str, topology: str) -> str:
    """The text of a registered model: the same for all its versions."""
    return (
        f"Policies that choose path and spectrum for connection requests: scenario **{scenario}**, topology "
        f"**{topology}**.\n\n"
        "- `@champion` decides, `@previous` did before it; only the flows move these aliases, and they "
        "write every move into the promotion log. Do not move them here.\n"
        "- A version is made by the flow `continuous-training`. `@challenger` is the one made last, until it "
        "is champion; its tag `gate` says whether it is `pending`, has `passed` or has `failed`.\n"
        f"- Back to `@previous`: {_rollback()}.\n"
        f"- Serve one by hand: `mlflow models serve -m models:/{model_name}@champion --env-manager local`.\n"
    )


def version_card(
    policy: str, origin: Origin, rows: Sequence[Mapping[str, Any]], report: GateReport | None = None
) -> str:
    """The text of a version.

    Args:
        policy: its name.
        origin: where it comes from.
        rows: ``PolicyResult.row`` of the policy and of those it was compared with, each with ``role``; none
            before it is measured.
        report: the gate's; None for a first champion, which meets no gate, and before the gate.
    """
    windows = ", ".join(f"{tag} `{window}`" for tag, window in origin.windows.items())
    forecast = f"demand forecast `{origin.forecast}`" if origin.forecast else "no demand forecast"
    lines = [
        f"**{policy}**: a score of the listed candidates of a request (path, first slot, width); the highest "
        "is set up.",
        "",
        f"- Made for: scenario {origin.scenario}, topology {origin.topology}; {origin.traffic}.",
        f"- Made by: {origin.made_by}; started {origin.reason}.",
        f"- Learned from what the network lived through: {windows or 'nothing'}.",
        f"- Decides with {forecast}.",
        f"- Drift is measured against its behaviour on trace `{origin.trace_id}`.",
        "",
        "| role | policy | request blocking (95 %) | bit-rate blocking (95 %) |",
        "|---|---|---|---|",
        *(
            f"| {row['role']} | {row['policy']} | {_share(row, 'request_blocking')} "
            f"| {_share(row, 'bit_rate_blocking')} |"
            for row in rows
        ),
        "",
    ]
    lines += _slices(rows)
    if report is None:
        lines += [FIRST_CHAMPION if rows else NOT_JUDGED, ""]
    else:
        lines += [f"**Gate**: {report.verdict}. p99 of an answer: {report.p99_ms:.1f} ms.", ""]
        lines += [report.power_in_words, ""]
        lines += [
            f"- {'met' if rule.passed else '**not met**'}: {rule.rule}: {rule.why}" for rule in report.rules
        ]
        lines += [""]
    lines += [
        "**Limits.** The figures hold for traffic like the above, on this topology; other traffic is what "
        "the drift monitor looks for. It serves code with the same feature schema and path table (tags). It "
        "only ranks candidates that the PCE has found feasible; without an answer in time the fallback "
        "decides.",
        "",
        f"**Back.** {_rollback()}; or this version again: "
        "`prefect deployment run provision/provision -p version=<number>`.",
    ]
    return "\n".join(lines)


def _slices(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Request blocking of everybody by class, pair group and part of the day."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for item in (*row["classes"], *row["slices"]):
            name = item.get("service_class") or item["slice"]
            found.setdefault(name, []).append(_share(item, "request_blocking"))
    if not found:
        return []
    heads = ["slice", *(f"{row['role']} {row['policy']}" for row in rows)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in found.items()), ""]


def _rollback() -> str:
    return '`prefect deployment run rollback/rollback -p reason="..."`'


def _share(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "not asked for"
    low, high = row[f"{name}_ci95"]
    return f"{row[name]:.3%}" + ("" if low is None or high is None else f" ({low:.3%} .. {high:.3%})")
