"""``lightloop train``: find, train and choose a policy; a live curve of its blocking against the baselines.

Trains and writes a policy folder, no more: the flow ``continuous-training`` does the same and also evaluates,
gates, registers and logs. ``TrainingView`` draws the curve for both.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lightloop.given import refuse_beside
from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from agents.generalist import Aim, TrainingSetting
    from agents.spec import TrainPoint, TrainResult, TrainSpec
    from envs.plant import Plant
    from envs.traffic import PoissonTraffic

CHART_WIDTH = 64
CHART_HEIGHT = 9
SEVERAL = (
    "it is trained on several published settings at once; a scenario with a power model or with bands on "
    "several networks"
)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("train")(train_command)


def train_command(
    scenario: Annotated[str, typer.Option(help="A shipped scenario, or a YAML file.")] = "latency-rsa",
    setting: Annotated[
        str,
        typer.Option(
            help="A published setting in the scenario's place; see `lightloop bench settings`. "
            "On DeepRMSA's the agent knows departure times."
        ),
    ] = "",
    generalist: Annotated[
        bool,
        typer.Option(
            "--generalist",
            help="One score for every network, on several published settings at once; with a scenario that "
            "has a power model or bands, on several networks and loads of it.",
        ),
    ] = False,
    budget_s: Annotated[
        float | None, typer.Option(help="Seconds for search and PPO together, shared as in the scenario.")
    ] = None,
    budget_requests: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Requests for search and PPO together, half each, in the place of seconds: "
            "one seed then gives one policy.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the training; one that was killed continues there.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override, e.g. training.seed=2; repeat for several.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Train a policy: search, then PPO; keep the better of the two.

    Examples:
      lightloop train --scenario latency-rsa

      lightloop train --setting deeprmsa-nsfnet --output var/training/deeprmsa-nsfnet

      lightloop train --generalist --output agents/data/generalist

      lightloop train --generalist --scenario energy-rmsa --budget-s 1200 --output agents/data/energy

      lightloop train --generalist --scenario qot-rmbsa --output var/training/qot

      lightloop train --scenario five-node --budget-s 20 --output var/training/try --json

      lightloop train --scenario five-node --budget-requests 2000000 --set training.seed=3
    """
    from configs.home import Home
    from configs.load import load_config

    if budget_s is not None and budget_requests is not None:
        raise typer.BadParameter("a training has one budget: give --budget-s or --budget-requests")
    if generalist:
        refuse_beside("--generalist", {"setting": "--setting"}, SEVERAL)
    if setting:
        refuse_beside("--setting", {"scenario": "--scenario"}, "give one of the two")
    config = load_config(scenario, settings or [])
    of_scenario = bool(config.plant.power_model or config.plant.bands)
    if setting or (generalist and not of_scenario):
        _refuse_plant_settings(settings or [])
    elif generalist:
        _refuse_one_network(settings or [])
    if generalist and not of_scenario:
        refuse_beside("--generalist", {"scenario": "--scenario"}, SEVERAL)
    spec = config.train_spec()
    if spec.algorithm == "search" and not spec.search.enabled:
        raise typer.BadParameter(
            "training.algorithm is search and training.search.enabled is false; drop one"
        )
    if budget_s is not None:
        spec = spec.within_seconds(budget_s)
    if budget_requests is not None:
        spec = spec.within_requests(budget_requests)
    if generalist:
        folder = output or _new_folder(Home.from_environment().training, "generalist")
        lessons = _lessons_of(scenario, settings or []) if of_scenario else _published_lessons()
        _train_generalist(spec, lessons, scenario if of_scenario else "", folder, as_json)
        return
    from agents.lessons import Lessons
    from agents.train import train  # here, as PyTorch loads for seconds
    from configs.build import plant_of, traffic_of

    plant, traffic = (
        _setting(setting, as_published=True) if setting else (plant_of(config), traffic_of(config))
    )
    name = setting or config.scenario
    folder = output or _new_folder(Home.from_environment().training, name)
    view = TrainingView(f"{name} on {plant.topology.name}", spec)
    with Live(view, console=stderr, refresh_per_second=4, transient=as_json):
        result = train(spec, plant, Lessons(traffic), folder, view.add)
    emit(result.to_json(), as_json, lambda console: _print_result(console, result))


def _refuse_plant_settings(settings: list[str]) -> None:
    """Return where no override concerns what a published setting fixes.

    Raises:
        Refusal: one does.
    """
    for item in settings:
        if item.strip().startswith(("plant.", "traffic.")):
            raise Refusal(
                f"--set {item} and a published setting exclude each other: plant and traffic are the "
                "setting's; give a --scenario to change them"
            )


def _refuse_one_network(settings: list[str]) -> None:
    """Return where no override names the network or the load.

    Raises:
        Refusal: one does.
    """
    for item in settings:
        if item.partition("=")[0].strip() in ("plant.topology", "traffic.load_erlang"):
            raise Refusal(
                f"--set {item} and --generalist exclude each other: its networks and loads are several; "
                "leave --generalist out to train on one"
            )


def _setting(name: str, as_published: bool) -> tuple[Plant, PoissonTraffic]:
    """Plant and traffic of a published setting; ``as_published``: departures known where its agent knows."""
    from envs.plant import build_plant
    from envs.settings import agent_plant, benchmark_setting
    from topologies.catalogue import load_topology

    chosen = benchmark_setting(name)
    traffic = replace(chosen.traffic, load_erlang=chosen.training_load_erlang)
    return build_plant(
        load_topology(chosen.topology), agent_plant(chosen, as_published and chosen.departures_told)
    ), traffic


def _published_lessons() -> tuple[Aim, list[TrainingSetting]]:
    from agents.generalist import LEAST_BLOCKING, TrainingSetting
    from envs.settings import TRAINING_SETTINGS

    return LEAST_BLOCKING, [
        TrainingSetting(name, *_setting(name, as_published=False)) for name in TRAINING_SETTINGS
    ]


def _lessons_of(scenario: str, settings: list[str]) -> tuple[Aim, list[TrainingSetting]]:
    """Several networks and loads of a scenario, and what to begin with.

    With a power model that is the scenario's fallback, with bands the QoT agent that ships.
    """
    from agents.generalist import Aim, TrainingSetting
    from agents.shipped import shipped_for
    from configs.build import plant_of, traffic_of
    from configs.load import load_config
    from envs.heuristics import baseline
    from envs.policy import LinearPolicy
    from envs.settings import ENERGY_LOADS_ERLANG, ENERGY_TOPOLOGIES, QOT_LESSONS

    first = load_config(scenario, settings)
    is_energy = bool(first.plant.power_model)
    places = list(QOT_LESSONS)
    if is_energy:
        places = [(name, load) for name in ENERGY_TOPOLOGIES for load in ENERGY_LOADS_ERLANG]
    plants, found = {}, []
    for topology, load in places:
        if topology not in plants:
            config = load_config(scenario, [*settings, f"plant.topology={topology}"])
            plants[topology] = plant_of(config), traffic_of(config)
        plant, traffic = plants[topology]
        name = f"{plant.topology.name}, {load:g} Erlang"
        found.append(TrainingSetting(name, plant, replace(traffic, load_erlang=load)))
    if not is_energy:
        return Aim("qot", shipped_for(found[0].plant)["shipped QoT agent"], first.reward), found
    start = baseline(first.online.fallback_policy)
    if not isinstance(start, LinearPolicy):
        raise Refusal(f"online.fallback_policy is {start.name!r}, which is no linear score to begin with")
    return Aim("energy", start, first.reward), found


def _train_generalist(
    spec: TrainSpec,
    lessons: tuple[Aim, list[TrainingSetting]],
    scenario: str,
    folder: Path,
    as_json: bool,
) -> None:
    """``scenario``: whose networks they are; "" for published settings."""
    from agents.artefact import save_policy
    from agents.generalist import search_generalist

    aim, settings = lessons
    began = time.monotonic()

    def report(state: Any, costs: dict[str, float]) -> None:
        words = ", ".join(f"{name} {value:.4f}" for name, value in costs.items())
        stderr.print(f"{time.monotonic() - began:5.0f} s  {words}", highlight=False)

    policy, costs = search_generalist(settings, spec.search, spec.warmup_requests, spec.seed, report, aim)
    origin = {
        "origin": f"lightloop train --generalist{scenario and f' --scenario {scenario}'}",
        "settings": [item.name for item in settings],
        "budget": str(spec.search.budget),
        "population": spec.search.population,
        "requests_per_candidate": spec.search.requests_per_candidate,
        "seed": spec.seed,
        "validation_cost": costs,  # mean logarithm of the cost: where the search began, what it found
    }
    save_policy(policy, folder, origin)
    emit(origin | {"folder": str(folder)}, as_json, lambda console: console.print(f"policy in {folder}"))


class TrainingView:
    """What a training looks like while it runs: two bars, a curve, figures. A rich renderable.

    Feed it with ``add``; ``TrainPoint(**json.loads(line))`` of a ``progress.jsonl`` will do.
    """

    def __init__(self, title: str, spec: TrainSpec) -> None:
        self._title = title
        self._spec = spec
        self._points: list[TrainPoint] = []
        self._began = time.monotonic()

    def add(self, point: TrainPoint) -> None:
        """Show one more point."""
        self._points.append(point)

    def __rich__(self) -> RenderableType:
        """The panel as it stands."""
        parts: list[RenderableType] = [self._bars()]
        if self._points:
            parts += [curve_chart(self._points), self._figures()]
        else:
            waiting = (
                f"compiling the twin and measuring the baselines ({time.monotonic() - self._began:.0f} s)"
            )
            parts.append(Text(waiting, style="dim"))
        return Panel(Group(*parts), title=f"training: {self._title}", width=CHART_WIDTH + 18)

    def _bars(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        stages = [("PPO", "ppo", self._spec.budget)]
        if self._spec.search.enabled:
            stages.insert(0, ("search", "search", self._spec.search.budget))
        for label, stage, budget in stages:
            share = max((point.share_done for point in self._points if point.stage == stage), default=0.0)
            if stage == "search" and any(point.stage != "search" for point in self._points):
                share = 1.0
            grid.add_row(
                label, ProgressBar(total=1.0, completed=share, width=44), f"{share:4.0%} of {budget}"
            )
        return grid

    def _figures(self) -> Text:
        last = self._points[-1]
        name = min(last.baselines, key=lambda key: last.baselines[key])
        best = last.baselines[name]
        text = Text()
        text.append(
            f"blocking {last.blocking:.3%}", style="bold green" if last.blocking < best else "bold red"
        )
        text.append(f"  best baseline {name} {best:.3%}")
        text.append(f"  ({last.blocking / best - 1:+.0%})\n" if best > 0 else "\n")
        text.append(f"{last.steps:,} requests, {last.steps_per_s:,.0f}/s", style="dim")
        if last.entropy is not None:
            text.append(f"  entropy {last.entropy:.2f}", style="dim")
        if last.explained_variance is not None:
            text.append(f"  value network explains {last.explained_variance:.0%}", style="dim")
        return text


def curve_chart(points: list[TrainPoint], width: int = CHART_WIDTH, height: int = CHART_HEIGHT) -> Text:
    """Blocking over time as text: ``s`` while searching, ``*`` under PPO, ``-`` the best baseline."""
    best = min(points[-1].baselines.values())
    top = max([best, *(point.blocking for point in points)]) * 1.05 or 1.0
    end = max(points[-1].elapsed_s, 1e-9)

    def row_of(blocking: float) -> int:
        return min(height - 1, int((1 - blocking / top) * height))

    cells = [[" "] * width for _ in range(height)]
    cells[row_of(best)] = ["-"] * width
    for point in points:
        column = min(width - 1, int(point.elapsed_s / end * (width - 1)))
        cells[row_of(point.blocking)][column] = "s" if point.stage == "search" else "*"
    text = Text()
    for index, row in enumerate(cells):
        text.append(f"{top * (1 - index / height):7.2%} ", style="dim")
        for cell in row:
            text.append(cell, style={"-": "yellow", "s": "cyan", "*": "green"}.get(cell, ""))
        text.append("\n")
    text.append(f"{'':8}0 s{end:>{width - 5}.0f} s", style="dim")
    return text


def _new_folder(root: Path, scenario: str) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return root / f"{scenario}-{stamp}"


def _print_result(console: Console, result: TrainResult) -> None:
    table = Table(title="Request blocking on the validation traces (the same for all)")
    table.add_column("policy")
    table.add_column("blocking", justify="right")
    table.add_column("against the best baseline", justify="right")
    best = result.validation[result.best_baseline]
    for name, blocking in sorted(result.validation.items(), key=lambda item: item[1]):
        style = "bold green" if name == result.chosen_candidate else ""
        table.add_row(name, f"{blocking:.3%}", f"{blocking / best - 1:+.1%}" if best else "", style=style)
    console.print(table)
    low, high = result.gain_ci95
    console.print(
        f"chosen: {result.chosen} ({result.policy_name}); blocks {result.gain * 100:.3f} points less than "
        f"{result.best_baseline} (95 % interval {low * 100:.3f} to {high * 100:.3f})"
    )
    if result.cost_gain != result.gain:
        low, high = result.cost_gain_ci95
        console.print(
            f"earns {result.cost_gain:.5f} a request more than {result.best_baseline} "
            f"(95 % interval {low:.5f} to {high:.5f})"
        )
    steps = f"{result.search_requests:,} requests searched, {result.steps:,} PPO steps"
    console.print(f"{steps}, {result.elapsed_s:.0f} s; policy in {result.policy_folder}", soft_wrap=True)
