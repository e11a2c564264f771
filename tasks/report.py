"""What a run leaves for people: tables and pages in MLflow and in Prefect, and lines of the progress log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.decorate import as_task
from tasks.drift import DriftReport
from tasks.figures import (
    Table,
    class_table,
    evaluation_metrics,
    gate_metrics,
    policy_table,
    rule_table,
    slice_table,
)
from tasks.gate import GateReport
from tasks.gate_page import report_html
from tasks.progress_log import ProgressLog
from tasks.registry import ModelVersion, Registry
from tasks.results import Evaluation


def publish_evaluation(
    registry: Registry, run_id: str, evaluation: Evaluation, progress: ProgressLog
) -> None:
    """The evaluation as metrics, tables and JSON in MLflow and as a table in Prefect."""
    document = evaluation.to_json()
    registry.log_metrics(run_id, evaluation_metrics(evaluation))
    registry.log_table(run_id, policy_table(evaluation), "tables/policies.json")
    registry.log_table(run_id, class_table(evaluation), "tables/service-classes.json")
    registry.log_table(run_id, slice_table(evaluation), "tables/slices.json")
    registry.log_document(run_id, document, "evaluation.json")
    table = [
        {
            "policy": row["policy"],
            "role": row["role"],
            "request blocking": f"{row['request_blocking']:.3%}",
            "95 %": " .. ".join(f"{bound:.3%}" for bound in row["request_blocking_ci95"]),
            "bit-rate blocking": f"{row['bit_rate_blocking']:.3%}",
            "utilisation": f"{row['utilisation']:.1%}",
            "latency ms": f"{row['mean_latency_ms']:.2f}",
        }
        for row in document["policies"]
    ]
    traces = f"{len(evaluation.trace_ids)} held-out traces, the same for everybody"
    create_table_artifact(table=table, key="evaluation", description=traces)
    progress.write("evaluation", **document)


def publish_gate(registry: Registry, run_id: str, report: GateReport, progress: ProgressLog) -> None:
    """The gate's report as metrics, table, JSON and HTML in MLflow and as a page in Prefect."""
    registry.log_metrics(run_id, gate_metrics(report))
    registry.log_table(run_id, rule_table(report), "tables/gate-rules.json")
    registry.log_document(run_id, report.to_json(), "gate/report.json")
    registry.log_text(run_id, report_html(report), "gate/report.html")
    registry.log_tags(
        run_id, {"gate": "passed" if report.passed else "failed", "gate.verdict": report.verdict}
    )
    rules = "\n".join(
        f"| {'yes' if rule.passed else '**no**'} | {rule.rule} | {rule.why} |" for rule in report.rules
    )
    page = (
        f"# Gate: {'passed' if report.passed else 'not passed'}\n\n{report.verdict}\n\n"
        f"{report.power_in_words}\n\n"
        f"| met | rule | why |\n|---|---|---|\n{rules}\n\n"
        f"[MLflow run]({registry.run_url(run_id)}), with the report under `gate/`\n"
    )
    create_markdown_artifact(markdown=page, key="gate", description=report.verdict)
    document = report.to_json()
    document.pop("evaluation")
    progress.write("gate", **document)


def publish_version(
    registry: Registry, version: ModelVersion, in_service: str, progress: ProgressLog
) -> None:
    """The registered version as a page in Prefect."""
    link = f"[{version.name} version {version.version}]({registry.version_url(version.version)})"
    page = (
        f"# {link}\n\npolicy {version.policy}, {in_service}; [its run]({registry.run_url(version.run_id)})\n"
    )
    create_markdown_artifact(markdown=page, key="model-version", description=in_service)
    progress.write(
        "version", name=version.name, version=version.version, policy=version.policy, text=in_service
    )


def publish_drift(registry: Registry, run_id: str, report: DriftReport) -> None:
    """The drift report in MLflow and as a page in Prefect."""
    document = report.to_json()
    metrics = {"drift/log_e": report.log_e, "drift/requests": float(report.num_requests)}
    metrics |= {f"drift/{column.name.replace(' ', '_')}": column.log_e for column in report.columns}
    if document["regret"]:
        metrics["drift/regret"] = document["regret"]["mean"]
    registry.log_metrics(run_id, metrics)
    registry.log_tags(run_id, {"drift": str(report.has_drifted).lower(), "drift.summary": report.summary})
    rows = tuple(
        (item.name, item.log_e, item.measure, item.seen, item.ordinary, item.name in report.drifted_columns)
        for item in report.columns
    )
    heads = ("column", "log e", "measure", "seen", "ordinary", "drifted")
    registry.log_table(run_id, Table(heads, rows), "tables/drift.json")
    registry.log_document(run_id, document, "drift/report.json")
    if report.html:
        registry.log_text(run_id, report.html, "drift/report.html")
    lines = "\n".join(
        f"| {name} | {log_e:+.1f} | {seen:.3f} {measure} | {ordinary:.3f} | {'yes' if drifted else ''} |"
        for name, log_e, measure, seen, ordinary, drifted in rows
    )
    regret = document["regret"]
    worth = "" if regret is None else "\n\n" + _regret_in_words(regret)
    page = (
        f"# {'Drift' if report.has_drifted else 'No drift'}\n\n{report.summary}{worth}\n\n"
        f"An alarm is an evidence of {report.threshold_log_e:.1f} or more; it is {report.log_e:+.1f}.\n\n"
        f"| column | evidence | seen | ordinary | drifted |\n|---|---|---|---|---|\n{lines}\n\n"
        f"[MLflow run]({registry.run_url(run_id)})\n"
    )
    create_markdown_artifact(markdown=page, key="drift", description=report.summary)


def _regret_in_words(regret: Mapping[str, Any]) -> str:
    low, high = regret["ci95"]
    return (
        f"Regret on this window: of all requests the champion blocks {regret['mean']:+.3%} "
        f"({low:+.3%} .. {high:+.3%}) more than {regret['against']}."
    )


publish_evaluation_task = as_task(publish_evaluation, "publish the evaluation", retries=2, timeout_s=120)
publish_gate_task = as_task(publish_gate, "publish the verdict", retries=2, timeout_s=120)
publish_version_task = as_task(publish_version, "publish the version", retries=2, timeout_s=120)
publish_drift_task = as_task(publish_drift, "publish the drift report", retries=2, timeout_s=120)
