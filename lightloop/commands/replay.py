"""The command ``lightloop replay``: a stretch of operation lived through again under any policy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from configs.home import Home
from lightloop.commands.services import SetOption
from lightloop.output import JsonFlag, Refusal, emit, stderr
from lightloop.registered import registered_folder, registry_answers

if TYPE_CHECKING:
    from envs.fidelity import Fidelity
    from envs.plant import Plant
    from envs.policy import ScoringPolicy
    from envs.replay_window import Outcomes
    from envs.simulation import KernelPolicy
    from envs.window import Window
    from flows.settings import Settings

Follow = Callable[[int, int], None]
CHAMPION = "@champion"


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("replay")(replay_command)


def replay_command(
    window: Annotated[
        str,
        typer.Option(help="A window's id, its folder, or a stretch of time: T..T, local or with an offset."),
    ],
    policy: Annotated[
        list[str],
        typer.Option(
            help="A policy's name, a policy folder, a version number, @champion, @previous or @challenger; "
            "repeat. Differences are against the first."
        ),
    ] = [CHAMPION],  # noqa: B006
    scenario: Annotated[
        str | None,
        typer.Option(
            help="The scenario that the network ran with. Default: the one last run here, else latency-rsa."
        ),
    ] = None,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Live a stretch of operation through again: what its requests would have met under another policy.

    The requests come in their order, from the lightpaths that stood, and links fail and are repaired when
    they did. Arrivals do not depend on the policy, so this is an exact counterfactual under the assumptions
    of docs/replay.md, and policies are compared request by request.

    First the twin proves itself: with the logged choices, slots at the end that differ from the network's; of
    the versions that were in service, the share of choices that they make again. Where that is not 0 and
    100 %, the first request that differs is named, and nothing below it is to be believed.

    Examples:
      lightloop replay --window 3f0c9a51d2e47b68 --policy @champion --policy ksp_ff --policy mscl_ksp

      lightloop replay --window 2026-01-31T12:00:00..2026-01-31T13:00:00 --policy @champion --policy ksp_ff

      lightloop replay --window var/windows/3f0c9a51d2e47b68 --policy results/agent/policy --json
    """
    from envs.replay_window import replay_window
    from flows.settings import settings_of
    from lightloop.commands.services import installation_config

    config = installation_config(scenario, settings or ())
    context = settings_of(config, Home.from_environment(), running=None)
    found = _window(window, context)
    _check_network(found, context)
    if len(set(policy)) < len(policy):
        raise Refusal(f"--policy is given twice with the same word: {', '.join(policy)}")
    chosen = {word: _policy(word, context) for word in policy}
    with _followed(as_json) as follow:
        fidelity = _fidelity(found, context, follow("fidelity"))
        outcomes = {
            word: replay_window(seen, found, each, follow(word)) for word, (each, seen) in chosen.items()
        }
    document = {
        "window": found.id,
        "requests": found.trace.num_requests,
        "scenario": context.config.scenario,
        "topology": context.plant.topology.name,
        "duration_s": found.duration_s,
        "policies": _figures(outcomes),
        "fidelity": {
            "choices_equal": fidelity.choices_equal,
            "slots_differing": fidelity.slots_differing,
            "passed": fidelity.passed,
            "reason": fidelity.reason,
            "choices_compared": fidelity.num_compared,
            "choices_unknown": fidelity.num_unknown,
            "units_differing": dict(fidelity.units_differing),
            "power_differing_w": fidelity.power_differing_w,
            "first_difference": fidelity.first_difference and asdict(fidelity.first_difference),
        },
    }
    emit(document, as_json, lambda console: _print(console, document))


def _window(word: str, context: Settings) -> Window:
    """The window meant by a word: a folder, an id, or a stretch of time.

    Raises:
        WindowError: there is no such window, times that cannot be read, or no request in that time.
        OperationError: the record of the running network cannot be brought up to date.
    """
    from envs.window import read_window
    from tasks.operation import stretch_of

    if Path(word).is_dir():
        return read_window(word)
    stretch = stretch_of(word)
    return read_window(word, context.home.windows) if stretch is None else _lived(context, *stretch)


def _lived(context: Settings, began_s: float, ended_s: float) -> Window:
    """The window of the running network between two moments, made or found."""
    from flows.operation import mean_holding_s, operation_of
    from tasks.operation import record_until, window_of

    operation, topology = operation_of(context.config, context.home), context.plant.topology
    record, mean_s = record_until(operation, topology, ended_s), mean_holding_s(context.config)
    return window_of(record, operation, topology, mean_s, began_s, ended_s).window


def _check_network(window: Window, context: Settings) -> None:
    its, ours = window.trace.topology_hash, context.plant.topology
    if its and its != ours.content_hash:
        raise Refusal(
            f"window {window.id} was lived through on the network {its}; the plant is {ours.name!r} "
            f"({ours.content_hash}); name the scenario that the network ran with: --scenario, --set"
        )


def _policy(word: str, context: Settings) -> tuple[ScoringPolicy | KernelPolicy, Plant]:
    """The policy that a word means, and the plant with the forecast that it decides with.

    Raises:
        Refusal: none.
        ArtefactError: a folder that holds no policy.
        ForecastError: it decides with a forecast of another plant.
        RegistryError: no such version.
    """
    from agents.artefact import load_policy, plant_of
    from envs.simulation import POLICY_NAMES
    from lightloop.simulated import plant_for, policy_given

    if word.startswith("@") or word.isdigit():
        folder = registered_folder(word, context)
        return load_policy(folder), plant_of(folder, context.plant)
    if word in POLICY_NAMES or Path(word).is_dir():
        return policy_given(word), plant_for(word, context.plant)
    raise Refusal(
        f"--policy is {word!r}; give @champion, @previous, @challenger, a version number, the folder of a "
        f"policy, or one of {', '.join(POLICY_NAMES)}"
    )


def _fidelity(window: Window, context: Settings, on_progress: Follow) -> Fidelity:
    """Without a registry that answers, choices are not compared."""
    from envs.fidelity import measure_fidelity
    from tasks.fidelity import policies_in

    policies = {}
    if any(item.model_version for item in window.live):
        if registry_answers(context):
            policies = policies_in(window, context.registry, context.home.models)
        else:
            where = context.registry.tracking_uri
            stderr.print(f"The registry at {where} does not answer: choices are not compared", markup=False)
    return measure_fidelity(context.plant, window, policies, on_progress)


@contextlib.contextmanager
def _followed(as_json: bool) -> Iterator[Callable[[str], Follow]]:
    """A bar on stderr for each thing that is followed."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    with Progress(*columns, TimeRemainingColumn(), console=stderr, disable=as_json) as progress:

        def follow(what: str) -> Follow:
            task = progress.add_task(what, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield follow


def _figures(outcomes: dict[str, Outcomes]) -> dict[str, dict[str, Any]]:
    from envs.batch_means import blocking_interval, difference_interval

    first = next(iter(outcomes.values()))
    figures: dict[str, dict[str, Any]] = {}
    for word, found in outcomes.items():
        blocking = blocking_interval(found.blocked)
        figures[word] = {
            "request_blocking": blocking.mean,
            "ci95": [blocking.low, blocking.high],
            "bit_rate_blocking": found.bit_rate_blocking,
            "blocked": int(found.blocked.sum()),
            "lightpaths_lost": found.lightpaths_lost,
        }
        if found is not first:
            difference = difference_interval(found.blocked, first.blocked)
            figures[word]["minus_first"] = difference.mean
            figures[word]["minus_first_ci95"] = [difference.low, difference.high]
    return figures


def _print(console: Console, document: dict[str, Any]) -> None:
    fidelity = document["fidelity"]
    console.print(
        f"[bold]Window {document['window']}[/]: {document['requests']} requests in "
        f"{document['duration_s'] / 3600:.2f} h on {document['topology']}",
        highlight=False,
    )
    style, verdict = ("green", "The twin repeats it") if fidelity["passed"] else ("red", "The twin differs")
    console.print(f"{verdict}: {fidelity['reason']}", style=style, markup=False, highlight=False)
    names = list(document["policies"])
    table = Table("policy", "request blocking", "95 %", "bit-rate blocking", f"minus {names[0]}", "95 %")
    for name, row in document["policies"].items():
        table.add_row(
            name,
            _percent(row["request_blocking"]),
            _percents(row["ci95"]),
            _percent(row["bit_rate_blocking"]),
            _percent(row["minus_first"]) if "minus_first" in row else "",
            _percents(row["minus_first_ci95"]) if "minus_first" in row else "",
        )
    console.print(table)
    if any(row["lightpaths_lost"] for row in document["policies"].values()):
        lost = ", ".join(f"{name} {row['lightpaths_lost']}" for name, row in document["policies"].items())
        console.print(f"Lightpaths lost to cuts, not asked for again: {lost}", highlight=False)


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"


def _percents(ends: list[float]) -> str:
    return f"{100 * ends[0]:.3f} to {100 * ends[1]:.3f}"
