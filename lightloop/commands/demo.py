"""The command ``lightloop demo``: the whole loop, watched from the terminal. It does nothing by itself.

Everything is done by the services and by the ``continuous-training`` deployment; the demo starts them, reads
the run's progress log and places services like any client.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from configs.build import plant_of, traffic_of
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

DEPLOYMENT = "continuous-training/continuous-training"
FINAL_STATES = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
POLL_S = 0.5


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("demo")(demo)


def demo(
    scenario: ScenarioOption = None,
    requests: Annotated[int, typer.Option(min=0, help="Services to place at the end.")] = 50,
    training_budget_s: Annotated[
        float | None, typer.Option(min=1, help="Seconds of search and PPO together. Default: as configured.")
    ] = None,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Start everything, train and judge a challenger, put services on the network. Leaves it running."""
    home, config = Home.from_environment(), installation_config(scenario, settings or ())
    screen = stderr if as_json else stdout
    statuses = start(config, home)
    follower = Follower(config, home, screen)
    events = follower.follow(training_budget_s)
    screen.rule("services")
    lightpaths = place_services(config, home, requests)
    screen.print(drawing.lightpath_table(lightpaths))
    document = {
        "run_id": follower.run_id,
        **{name: events.get(name) for name in ("trace", "evaluation", "gate", "version")},
        "lightpaths": lightpaths,
        "status": status_document(config, home, statuses),
    }

    def render(console: Console) -> None:
        console.rule("running")
        print_addresses(console, config, home)
        console.print("make down (or lightloop down) stops it; make demo trains the next challenger.")

    emit(document, as_json, render)


class Follower:
    """Starts a training run and shows what its progress log says, as it says it."""

    def __init__(self, config: Config, home: Home, screen: Console) -> None:
        from deployments.orchestration import PrefectApi

        self._config = config
        self._home = home
        self._screen = screen
        self._api = PrefectApi(config)
        self._points: list[Mapping[str, Any]] = []
        self.run_id = ""

    def follow(self, training_budget_s: float | None) -> dict[str, Mapping[str, Any]]:
        """The last event of each kind, when the run has ended well.

        Raises:
            Refusal: the run failed, crashed or was cancelled; says where its log is.
        """
        from tasks.progress_log import read_progress_log

        parameters = {
            "scenario": self._config.scenario,
            "training_budget_s": training_budget_s,
            "reason": "demo",
        }
        self.run_id = self._api.run_deployment(DEPLOYMENT, parameters)
        url = f"{self._config.services.url('prefect')}/runs/flow-run/{self.run_id}"
        self._screen.rule("continuous-training")
        self._screen.print(f"flow run {url}", highlight=False, soft_wrap=True)
        folder, offset, kept = self._home.training / self.run_id, 0, {}
        with Live(console=self._screen, refresh_per_second=4) as live:
            while True:
                run = self._api.flow_run(self.run_id)
                events, offset = read_progress_log(folder, offset)
                for event in events:
                    kept[event["event"]] = event
                    self._show(event, live)
                if run["state_type"] in FINAL_STATES and not events:
                    break
                time.sleep(POLL_S)
        if run["state_type"] != "COMPLETED":
            message = run["state"].get("message") or run["state_type"]
            raise Refusal(f"the training run has {run['state_type'].lower()}: {message}\nits log: {url}")
        return kept

    def _show(self, event: Mapping[str, Any], live: Live) -> None:
        kind, screen = event["event"], live.console
        if kind == "trace":
            found = "found" if event["was_there"] else "made"
            screen.print(
                f"trace {event['id']} {found}: {event['num_requests']:,} requests over "
                f"{event['duration_s'] / 86400:.1f} days, mean {event['mean_bit_rate_gbps']:.0f} Gb/s "
                f"({event['origin']})",
                highlight=False,
            )
        elif kind == "training":
            self._points.append(event)
            if screen.is_terminal:
                live.update(drawing.training_plot(self._points))
            else:
                screen.print(drawing.training_line(event))
            if event["stage"] == "choice" and not screen.is_terminal:
                screen.print(drawing.training_plot(self._points))
        elif kind == "evaluation":
            screen.print(drawing.evaluation_table(event))
        elif kind == "gate":
            screen.print(drawing.gate_table(event))
        elif kind == "version":
            screen.print(f"registered: {event['name']} version {event['version']} ({event['policy']})")
            screen.print(event["text"], style="bold")
        else:
            screen.print(f"· {event['text']}", markup=False, highlight=False, style="dim")


def place_services(config: Config, home: Home, num_requests: int) -> list[dict[str, Any]]:
    """Services asked of the controller, one after the other, in the scenario's mix; what became of each."""
    from controlplane.client import ControllerClient
    from envs.traffic import make_trace
    from lightloop.offering import Offer, play

    if not num_requests:
        return []
    seed = int(time.time())
    trace = make_trace(traffic_of(config), plant_of(config), num_requests, seed)
    offer = Offer(trace, num_requests, math.inf, f"demo-{seed}", deletes=False)
    with ControllerClient(config.services.url("controller"), home.credentials()) as client:
        played = play(offer, client)
        set_up = {item.service_uuid: item.document for item in client.services()}
    return [
        offer.asked(row) | set_up.get(offer.uuid(row), {"reason": played.reasons.get(row, "cut meanwhile")})
        for row in range(num_requests)
    ]
