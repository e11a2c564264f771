"""The command ``lightloop demo``: the whole loop, watched from the terminal. The story: ``demo_story.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from configs.home import Home
from configs.schema import Config
from lightloop import drawing
from lightloop.commands.services import (
    ScenarioOption,
    SetOption,
    installation_config,
    print_addresses,
    start,
    status_document,
)
from lightloop.output import JsonFlag, Refusal, emit, stderr, stdout

SHOWN = 12  # lightpaths


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("demo")(demo)


def demo(
    scenario: ScenarioOption = None,
    shifted: Annotated[
        int, typer.Option(min=100, help="Requests of the shifted traffic before the drift monitor looks.")
    ] = 2000,
    fresh: Annotated[
        int, typer.Option(min=40, help="Requests of the last stretch, that before and after are compared on.")
    ] = 800,
    per_s: Annotated[float, typer.Option(min=1, max=100, help="Requests offered a second.")] = 40,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Requests under way at a time, at most.")] = 4,
    training_budget_s: Annotated[
        float | None, typer.Option(min=1, help="Seconds of search and PPO together. Default: as configured.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear/--keep", help="At the end delete the demo's services, or leave them.")
    ] = True,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """The whole loop in a quarter of an hour or so; everything is left running.

    Starts everything and loads the network over TAPI. Then the traffic shifts: the load stays, two node
    pairs ask 20 times as often. The drift monitor raises an alarm; the alarm starts a training on what was
    seen; the gate judges, and whoever wins serves, without a failed request. At the end a fresh stretch of
    the shifted traffic is replayed under the champion of before, the champion of now and the best baseline.

    Traffic is played faster than it was described; drift.clock_speed tells the installation so.

    Examples:
      lightloop demo --scenario latency-rsa

      lightloop demo --scenario five-node --shifted 600 --fresh 200
    """
    from flows.settings import settings_of
    from lightloop.demo_story import StoryLength, tell
    from lightloop.registered import registry_answers

    home, screen = Home.from_environment(), stderr if as_json else stdout
    config = demo_config(scenario, settings or (), per_s, training_budget_s)
    statuses = start(config, home)
    context = settings_of(config, home, running=config)
    if not registry_answers(context):
        raise Refusal(
            f"the registry at {context.registry.tracking_uri} does not answer; see lightloop status"
        )
    document = tell(context, StoryLength(shifted, fresh, clients, clear), screen)
    document["status"] = status_document(config, home, statuses)

    def render(console: Console) -> None:
        console.rule("running")
        console.print(drawing.lightpath_table(document["lightpaths"][-SHOWN:]))
        print_addresses(console, config, home)
        console.print(
            f"The whole story stands on one time axis: {config.services.url('console')}/loop", highlight=False
        )
        console.print(
            f"drift.clock_speed stays {config.drift.clock_speed:g}; for traffic at its own pace: "
            "lightloop up --set drift.clock_speed=1\n"
            "make down (or lightloop down) stops it; make demo tells it again.",
            highlight=False,
        )

    emit(document, as_json, render)


def demo_config(
    scenario: str | None, settings: Sequence[str], per_s: float, training_budget_s: float | None
) -> Config:
    """The installation's configuration, with the speed at which ``per_s`` requests a second are offered."""
    from configs.build import traffic_of
    from flows.settings import with_budget

    traffic = traffic_of(installation_config(scenario, settings))
    speed = per_s * traffic.mean_holding_s / traffic.load_erlang
    config = installation_config(scenario, [*settings, f"drift.clock_speed={speed:.6g}"])
    return with_budget(config, training_budget_s, None)
