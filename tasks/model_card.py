"""What a model's page in the registry says: what it is, how good, its limits, the way back.

Markdown; MLflow shows it on the page of the registered model and of each version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Cards:
    """Texts of the registered model's page and of a version's."""

    model: str
    version: str


NO_CARDS = Cards("", "")


def model_card(model_name: str, scenario: str, topology: str) -> str:
    """The text of a registered model: the same for all its versions."""
    return (
        f"Policies that choose path and spectrum for connection requests: scenario **{scenario}**, topology "
        f"**{topology}**.\n\n"
        "- `@champion` decides, `@previous` did before it; only the flows move these aliases, and they "
        "write every move into the promotion log. Do not move them here.\n"
        "- A version is made by the flow `continuous-training` and registered when it has passed the gate.\n"
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
        rows: ``PolicyResult.row`` of the policy and of those it was compared with, each with ``role``.
        report: the gate's; None for a first champion, which meets no gate.
    """
    lines = [
        f"**{policy}**: a score of the listed candidates of a request (path, first slot, width); the highest "
        "is set up.",
        "",
        f"- Made for: scenario {origin.scenario}, topology {origin.topology}; {origin.traffic}.",
        f"- Made by: {origin.made_by}; started {origin.reason}.",
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
    if report is None:
        lines += ["It is a first champion: chosen in a quick evaluation, without a gate.", ""]
    else:
        lines += [f"**Gate**: {report.verdict}. p99 of an answer: {report.p99_ms:.1f} ms.", ""]
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


def _rollback() -> str:
    return '`prefect deployment run rollback/rollback -p reason="..."`'


def _share(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_ci95"]
    return f"{row[name]:.3%} ({low:.3%} .. {high:.3%})"
