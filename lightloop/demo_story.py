"""The demo's story, step by step: traffic, a shift, the alarm, what is learned of it, who serves afterwards.

Everything is done by the services and by flows that start by themselves; the story offers traffic like any
client, asks the drift monitor for a look, and reads what comes of it. Not here: offering
(``demo_traffic.py``), watching flow runs (``demo_follow.py``), the last table (``demo_replay.py``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from controlplane.client import ControllerClient
from lightloop.demo_follow import FlowRuns, Follower, created
from lightloop.demo_replay import Rival, best_of, deciders, replay_table, replayed, window_since
from lightloop.demo_traffic import OfferedStretch, Offering, Stream, shifted
from lightloop.output import Refusal

if TYPE_CHECKING:
    from flows.settings import Settings

HOLDING_TIMES = 3  # after which a network is as good as loaded
ENDLESS = 50_000  # requests of a stretch that is ended from outside
QUARTERS = 4


@dataclass(frozen=True)
class StoryLength:
    """How long the story is.

    Attributes:
        num_shifted: requests of the shifted traffic before the monitor looks.
        num_fresh: of the last stretch, that before and after are compared on.
        num_clients: requests under way at a time, at most.
        clear: the demo's services are deleted at the end.
    """

    num_shifted: int
    num_fresh: int
    num_clients: int
    clear: bool


def tell(context: Settings, asked: StoryLength, screen: Console) -> dict[str, Any]:
    """What happened, as ``--json`` prints it, but for the services' status.

    Raises:
        Refusal: no alarm, no training after it, or one that failed.
    """
    config, plant = context.config, context.plant
    with ControllerClient.of(config, context.home.credentials()) as client:
        stream = Stream(client, plant, config.drift.clock_speed, asked.num_clients, seed=int(time.time()))
        story = _Story(context, asked, screen, stream)
        try:
            document = story.tell()
            document["lightpaths"] = [item.document for item in client.services()]
        finally:
            gone = stream.clear() if asked.clear else 0
        if gone:
            screen.print(f"{gone} services of the demo deleted (--keep leaves them)", highlight=False)
    return document


class _Story:
    """One telling."""

    def __init__(self, context: Settings, asked: StoryLength, screen: Console, stream: Stream) -> None:
        self._context, self._asked, self._screen, self._stream = context, asked, screen, stream
        self._runs = FlowRuns(context.config)
        self._traffic = context.traffic
        self._shifted, self._hot = shifted(context.traffic, context.plant)
        self._stretches: list[OfferedStretch] = []

    def tell(self) -> dict[str, Any]:
        before = self._champion()
        self._load()
        drift, run_id = self._shift_and_look()
        events, verdict = self._train(run_id)
        now = self._champion()
        table = self._compare(before, now, run_id, events, verdict)
        return {
            "run_id": run_id,
            **{name: events.get(name) for name in ("trace", "evaluation", "gate", "version")},
            "drift": drift,
            "verdict": verdict,
            "offers": [item.document for item in self._stretches],
            "replayed": table,
        }

    def _load(self) -> None:
        self._screen.rule("1. the network fills")
        load_erlang, mean_s = self._traffic.load_erlang, self._traffic.mean_holding_s
        num_requests = round(HOLDING_TIMES * load_erlang)
        speed = self._context.config.drift.clock_speed
        self._say(
            f"The scenario's own traffic, {load_erlang:g} Erlang, over TAPI: {num_requests:,} requests, "
            f"{load_erlang / mean_s * speed:.0f} a second. A second stands for {speed:,.0f} s of traffic."
        )
        with self._stream.offering("own traffic", self._traffic, num_requests) as offering:
            self._watch(offering, num_requests)
            self._note(offering.end())

    def _shift_and_look(self) -> tuple[dict[str, Any], str]:
        """The alarm, and the id of the training that it has started."""
        self._screen.rule("2. the traffic shifts")
        count = self._asked.num_shifted
        self._say(
            f"The same load, but {' and '.join(self._hot)} ask 20 times as often as other pairs. It is the "
            "shift, of those measured (docs/forecast.md), where a forecast and learning pay most."
        )
        with self._stream.offering("shifted traffic", self._shifted, count + ENDLESS) as offering:
            self._watch(offering, count)
            self._screen.rule("3. the drift monitor looks")
            self._say("The traffic goes on until it has its window.")
            run_id = self._runs.monitored(offering.stop)
            drift = _drift_report(self._context, run_id)
            self._note(offering.end())
        self._show_drift(drift)
        since = created(self._runs.get(run_id)) if drift["drifted"] else self._since()
        if not drift["drifted"]:
            self._say("This look raised none. A look by the clock may have raised it before.")
        try:
            return drift, self._runs.started_by_event(since)
        except Refusal:
            if drift["drifted"]:
                raise
            raise Refusal(
                f"the drift monitor raised no alarm: {drift['summary']}; offer more of it: "
                f"--shifted {2 * count}"
            ) from None

    def _train(self, run_id: str) -> tuple[dict[str, Mapping[str, Any]], str]:
        """The last event of each kind of a training, and its verdict; traffic goes on from the judging on."""
        self._screen.rule("4. the alarm has started a training on what was seen")
        window = self._runs.get(run_id)["parameters"]["window"]
        self._say(
            f"Nobody else started it: its parameters carry window {window}. The traffic pauses while it "
            "searches, so that it has the machine, and goes on while it judges and switches."
        )
        offerings: list[Offering] = []
        with ExitStack() as stack:

            def on_event(kind: str) -> None:
                if kind == "evaluation" and not offerings:
                    offering = self._stream.offering("during the switch", self._shifted, ENDLESS)
                    offerings.append(stack.enter_context(offering))

            events = Follower(self._runs, self._context.home, self._screen).follow(run_id, on_event)
            state = self._runs.get(run_id)["state"]
            verdict = f"{state['name']}: {state.get('message') or ''}"
            self._screen.rule("5. who serves now")
            self._say(verdict)
            if offerings:
                stretch = offerings[0].end()
                self._note(stretch)
                self._say_who_decided(stretch)
        return events, verdict

    def _compare(
        self, before: str, now: str, run_id: str, events: Mapping[str, Mapping[str, Any]], verdict: str
    ) -> dict[str, Any]:
        self._screen.rule("6. before and after, on the same fresh requests")
        with self._stream.offering("fresh", self._shifted, self._asked.num_fresh) as offering:
            self._watch(offering, self._asked.num_fresh)
            fresh = offering.end()
        self._note(fresh)
        stored = window_since(self._context, fresh.began_s, fresh.ended_s)
        table = replayed(self._context, stored, self._contenders(before, now, run_id, events))
        self._screen.print(replay_table(table, f"version {now}"))
        passed = table["fidelity"]["passed"]
        said = "The twin repeats this stretch" if passed else "The twin differs, so believe no figure of it"
        self._say(f"{said}: {table['fidelity']['reason']}")
        if now == before:
            self._say(f"Version {now} stays: the gate decides, and nothing here is tuned for a challenger.")
        self._say(
            "A stretch this short shows large differences only; every policy begins with the lightpaths of "
            "whoever was in service. The gate has judged on far more requests."
        )
        return table

    def _contenders(
        self, before: str, now: str, run_id: str, events: Mapping[str, Mapping[str, Any]]
    ) -> list[Rival]:
        """Who was champion first, then who is or wanted to be, then the best baseline."""
        found = [Rival(f"before, version {before}", self._folder(before))]
        if now != before:
            found.append(Rival(f"now, version {now}", self._folder(now)))
        elif (folder := self._challenger(run_id)) is not None:
            found.append(Rival("refused challenger", folder))
        baseline = best_of(events.get("evaluation"), self._context.config.evaluation.baselines)
        return [*found, Rival(baseline, baseline)]

    def _challenger(self, run_id: str) -> Path | None:
        from tasks.challenger import recall_challenger

        made = recall_challenger(self._context.home.training / run_id)
        return None if made is None else made.policy_folder

    def _champion(self) -> str:
        return self._context.registry.version("@champion").version

    def _folder(self, version: str) -> Path:
        from lightloop.registered import registered_folder

        return registered_folder(version, self._context)

    def _since(self) -> datetime:
        """When the shift began."""
        return datetime.fromtimestamp(self._stretches[-1].began_s, UTC)

    def _watch(self, offering: Offering, count: int) -> None:
        """Return when so many requests are out; says so at each quarter."""
        told = 0
        while True:
            offered, blocked = offering.so_far
            if offered * QUARTERS // count > told:
                told = min(offered * QUARTERS // count, QUARTERS)
                self._say(f"{offered:,} offered, {blocked:,} blocked ({blocked / offered:.2%})")
            if offering.is_over or offered >= count:
                return
            offering.wait()

    def _note(self, stretch: OfferedStretch) -> None:
        self._stretches.append(stretch)
        failed = f"{stretch.failed} failed" + "".join(f"; {reason}" for reason in stretch.failed_reasons)
        self._say(
            f"{stretch.name}: {stretch.offered:,} requests, {stretch.carried:,} carried, {stretch.blocked:,} "
            f"blocked, {failed}; answers p99 {stretch.answer_p99_ms:.0f} ms, "
            f"{stretch.most_behind_s:.1f} s late at most"
        )

    def _say_who_decided(self, stretch: OfferedStretch) -> None:
        if not stretch.offered:
            return
        window = window_since(self._context, stretch.began_s, stretch.ended_s).window
        who = ", ".join(f"{name} {count:,}" for name, count in deciders(window).items())
        self._say(f"decided by: {who}")

    def _show_drift(self, drift: Mapping[str, Any]) -> None:
        colour = "bold red" if drift["drifted"] else "yellow"
        head = "ALARM" if drift["drifted"] else "no alarm"
        self._screen.print(f"{head}: {drift['summary']}", style=colour, markup=False, highlight=False)
        table = Table("column", "log e", "seen", "ordinary", "drifted")
        for name, row in drift["columns"].items():
            seen, ordinary = f"{row['seen']:.3f}", f"{row['ordinary']:.3f} {row['measure']}"
            table.add_row(name, f"{row['log_e']:+.1f}", seen, ordinary, "yes" if row["drifted"] else "")
        self._screen.print(table)
        if (regret := drift["regret"]) is not None:
            low, high = regret["ci95"]
            self._say(
                f"Regret: {regret['mean']:+.3%} of the requests ({low:+.3%} .. {high:+.3%}): so many more "
                f"does the champion block than {regret['against']}, the best of the others. Below zero it is "
                "better than all of them."
            )

    def _say(self, text: str) -> None:
        self._screen.print(text, markup=False, highlight=False)


def _drift_report(context: Settings, flow_run_id: str) -> dict[str, Any]:
    """What a run of the drift monitor has logged.

    Raises:
        Refusal: the registry has no such run.
    """
    import mlflow

    from tasks.registry_reader import FLOW_RUN_TAG

    registry = context.registry
    query = f"tags.`{FLOW_RUN_TAG}` = '{flow_run_id}'"
    runs = registry.client.search_runs([registry.experiment_id], query, max_results=1)
    if not runs:
        raise Refusal(
            f"MLflow at {registry.tracking_uri} has no report of the drift monitor's run {flow_run_id}"
        )
    mlflow.set_tracking_uri(registry.tracking_uri)
    report: dict[str, Any] = mlflow.artifacts.load_dict(f"runs:/{runs[0].info.run_id}/drift/report.json")
    return report
