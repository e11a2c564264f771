"""Flow runs as the demo watches them: a deployment run to its end, a training by its progress log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live

from configs.home import Home
from configs.schema import Config
from deployments.flow_runs import ENDED
from lightloop import drawing
from lightloop.output import Refusal

TRAINING = "continuous-training/continuous-training"
MONITOR = "drift-monitor/drift-monitor"
POLL_S = 0.5
WINDOW_TASK = "window of operation"
STARTED_WITHIN_S = 60.0  # after the event, a training


class FlowRuns:
    """The flow runs of the installation, asked of Prefect."""

    def __init__(self, config: Config) -> None:
        from deployments.orchestration import PrefectApi

        self._api = PrefectApi(config)
        self._url = f"{config.services.url('prefect')}/runs/flow-run"

    def url(self, run_id: str) -> str:
        """Address of a run's page."""
        return f"{self._url}/{run_id}"

    def get(self, run_id: str) -> Any:
        """A run as the server has it."""
        return self._api.flow_run(run_id)

    def monitored(self, on_window: Callable[[], object]) -> str:
        """The id of a run of the drift monitor that has ended well; a look that is under way is waited for.

        Args:
            on_window: called when the window that it looks at has been made.

        Raises:
            Refusal: it failed, or other looks kept it from starting.
        """
        is_told = False
        for _ in range(5):
            run_id = self._api.run_deployment(MONITOR, {})
            while (run := self.get(run_id))["state_type"] not in ENDED:
                if not is_told and any(self._is_window(item) for item in self._api.task_runs(run_id)):
                    on_window()
                    is_told = True
                time.sleep(POLL_S)
            if run["state_type"] != "CANCELLED":  # cancelled: the scheduled look was under way
                self.demand_completed(run)
                return run_id
            time.sleep(10 * POLL_S)
        raise Refusal("the drift monitor is busy with other looks; try lightloop demo again")

    @staticmethod
    def _is_window(task_run: Mapping[str, Any]) -> bool:
        is_it = str(task_run["name"]).startswith(WINDOW_TASK)
        return is_it and task_run.get("state_type") == "COMPLETED"

    def started_by_event(self, since: datetime) -> str:
        """The id of the newest training on a window that was created after ``since``.

        Raises:
            Refusal: none has come within a minute.
        """
        deadline = time.monotonic() + STARTED_WITHIN_S
        deployment = self._api.deployment_id(TRAINING)
        query = {
            "deployments": {"id": {"any_": [deployment]}},
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": 200,
        }
        while time.monotonic() < deadline:
            runs = self._api.post("/flow_runs/filter", query)
            on_window = [run for run in runs if run["parameters"].get("window") and created(run) >= since]
            if on_window:
                return str(max(on_window, key=created)["id"])
            time.sleep(POLL_S)
        raise Refusal(
            f"the alarm has started no training within {STARTED_WITHIN_S:.0f} s: see the event "
            "lightloop.drift.detected and the automation 'retrain on drift' in Prefect, and lightloop status"
        )

    def demand_completed(self, run: Mapping[str, Any]) -> None:
        """Return where a run has ended well.

        Raises:
            Refusal: it failed, crashed or was cancelled; says where its log is.
        """
        if run["state_type"] != "COMPLETED":
            message = run["state"].get("message") or run["state_type"]
            what = f"the flow run {run['name']!r} has {run['state_type'].lower()}"
            raise Refusal(f"{what}: {message}\nits log: {self.url(run['id'])}")


def created(run: Mapping[str, Any]) -> datetime:
    """When the server made a run."""
    return datetime.fromisoformat(run["created"])


class Follower:
    """Shows what the progress log of a training run says, as it says it."""

    def __init__(self, runs: FlowRuns, home: Home, screen: Console) -> None:
        self._runs, self._home, self._screen = runs, home, screen
        self._points: list[Mapping[str, Any]] = []

    def follow(self, run_id: str, on_event: Callable[[str], None]) -> dict[str, Mapping[str, Any]]:
        """The last event of each kind, when the run has ended well.

        Args:
            run_id: of the flow run.
            on_event: told each event's kind.

        Raises:
            Refusal: see ``FlowRuns.demand_completed``.
        """
        from tasks.progress_log import read_progress_log

        self._screen.print(f"flow run {self._runs.url(run_id)}", highlight=False, soft_wrap=True)
        folder, offset, kept = self._home.training / run_id, 0, dict[str, Mapping[str, Any]]()
        with Live(console=self._screen, refresh_per_second=4) as live:
            while True:
                run = self._runs.get(run_id)
                events, offset = read_progress_log(folder, offset)
                for event in events:
                    kept[event["event"]] = event
                    self._show(event, live)
                    on_event(event["event"])
                if run["state_type"] in ENDED and not events:
                    break
                time.sleep(POLL_S)
        self._runs.demand_completed(run)
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
