"""The loop: trace, train, evaluate, gate, register, provision. Run by cron, by hand, or by a drift event."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.approval import approved
from flows.settings import Settings, load_settings
from flows.sites import site_of
from tasks.evaluate import evaluate_task
from tasks.gate import GateReport, judge_task
from tasks.journal import Journal
from tasks.package import PackagedModel, package_task
from tasks.provision import Staged, put_in_service_task, stage_task, unstage_task
from tasks.registry import promote_task, register_task
from tasks.report import publish_evaluation_task, publish_gate_task, publish_version_task
from tasks.trace import held_out_traces_task, provide_trace_task, traffic_for
from tasks.train import train_task

TRAINING = "training"


def _run_name() -> str:
    scenario = flow_run.parameters.get("scenario") or "as running"
    started = flow_run.scheduled_start_time
    return f"train {scenario} {started:%Y-%m-%d %H:%M:%S}"


@flow(name="continuous-training", flow_run_name=_run_name, log_prints=True)
def continuous_training(
    scenario: str | None = None,
    trace: str | None = None,
    training_budget_s: float | None = None,
    training_budget_requests: int | None = None,
    overrides: list[str] | None = None,
    reason: str = "",
) -> str:
    """The verdict on a new challenger, in words; a challenger that does not pass is a successful run.

    Args:
        scenario: a name in configs/scenarios; empty: the one that is running.
        trace: id or path of a trace to train on; empty: drawn from the scenario's traffic.
        training_budget_s: wall-clock seconds for search and PPO together; empty: as configured.
        training_budget_requests: the same in requests, in the place of seconds: one seed, one policy.
        overrides: settings such as ``training.seed=2``.
        reason: why this run was started, for the record.
    """
    settings = load_settings(scenario, overrides or (), training_budget_s, training_budget_requests)
    journal = Journal(settings.home.training / str(flow_run.id))
    name = f"train {settings.config.scenario}"
    tags = settings.model_tags | {"kind": TRAINING, "reason": reason or "by hand"}
    with settings.registry.run(name, tags) as run_id:
        model, report, staged = _make_and_judge(settings, trace, run_id, journal)
        if not report.passed or not approved(settings.config.gate.require_approval, report.verdict):
            unstage_task(site_of(settings), staged)
            return f"the champion stays: {report.verdict}"
        return _put_in_charge(settings, model, report, staged, journal)


def _make_and_judge(
    settings: Settings, trace: str | None, run_id: str, journal: Journal
) -> tuple[PackagedModel, GateReport, Staged]:
    """A challenger, trained, evaluated, running in the idle slot, and the gate's report on it."""
    config, plant, registry, home = settings.config, settings.plant, settings.registry, settings.home
    registry.log_config(run_id, settings.parameters, settings.resolved_yaml)
    section, held_out = config.traffic, config.evaluation
    training = provide_trace_task(
        plant, settings.traffic, section.requests_per_trace, section.seed, home.traces, trace, journal
    )
    traffic = traffic_for(plant, settings.traffic, training, trace)
    champion = registry.champion()
    champion_folder = registry.policy_folder(champion, home.root / "models") if champion else None
    spec = settings.training_spec(seed_offset=registry.count_runs(TRAINING, config.scenario) - 1)
    trained = train_task(spec, plant, traffic, training, registry, run_id, journal)
    traces = held_out_traces_task(
        plant, traffic, held_out.num_traces, held_out.requests_per_trace, held_out.seed, home.traces
    )
    registry.log_traces(run_id, [item.id for item in traces], home.traces, "evaluation")
    evaluation = evaluate_task(
        plant,
        traces,
        trained.policy_folder,
        champion_folder,
        held_out.baselines,
        held_out.warmup_requests,
        home.root / "evaluations",
        journal.step,
    )
    publish_evaluation_task(registry, run_id, evaluation, journal)
    model = package_task(
        registry,
        run_id,
        plant,
        training,
        trained.policy_folder,
        held_out.warmup_requests,
        settings.model_tags,
    )
    staged = stage_task(site_of(settings), model.uri, model.recorded, journal.step)
    report = judge_task(evaluation, staged.p99_ms, settings.gate_limits)
    publish_gate_task(registry, run_id, report, journal)
    return model, report, staged


def _put_in_charge(
    settings: Settings, model: PackagedModel, report: GateReport, staged: Staged, journal: Journal
) -> str:
    """What was done with a challenger that passed, in words."""
    registry, site = settings.registry, site_of(settings)
    tags = settings.model_tags | {"kind": "agent", "gate": "passed"}
    version = register_task(registry, model.uri, model.run_id, model.policy, tags)
    if settings.is_in_service:
        names = (version.name, version.version, version.policy, version.uri)
        put_in_service_task(site, staged, *names, journal.step)
        text = f"in service at {staged.slot.url}"
    else:
        unstage_task(site, staged)
        text = f"not in service: this installation operates another plant than {settings.config.scenario}"
    promote_task(registry, version, report.verdict)
    publish_version_task(registry, version, text, journal)
    return f"version {version.version} is the champion, {text}: {report.verdict}"


if __name__ == "__main__":
    continuous_training()
