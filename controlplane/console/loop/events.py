"""What happened to the loop, each with a time and with links to its runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from controlplane.console.loop.document import (
    CONTINUOUS_TRAINING,
    LoopDocument,
    ServedStretch,
    ShownLook,
    ShownRun,
)

Lane = Literal["drift", "training", "gate", "service"]
Tone = Literal["good", "warn", "bad", "plain"]
LANES: tuple[Lane, ...] = ("drift", "training", "gate", "service")
SWITCH_S = 120.0  # a change is written into the promotion log so soon before its flow run ends
TONES: dict[str, Tone] = {"Promoted": "good", "Refused": "warn", "COMPLETED": "plain"}


@dataclass(frozen=True)
class PageLink:
    """A page that a mark leads to."""

    words: str
    url: str


@dataclass(frozen=True)
class LoopEvent:
    """One mark.

    Attributes:
        key: the same for the same event at every look.
        time_s: since 1970-01-01 UTC.
        lane: of the picture.
        tone: how it is coloured.
        title: what happened, in a few words.
        said: why, or with what result.
        links: where more of it is told; the first is the mark's own.
    """

    key: str
    time_s: float
    lane: Lane
    tone: Tone
    title: str
    said: str
    links: tuple[PageLink, ...]


def events_of(document: LoopDocument) -> tuple[LoopEvent, ...]:
    """Every event, oldest first: alarms, trainings and their verdicts, switches, roll-backs, probation."""
    found = [
        *_alarms(document),
        *_trainings(document),
        *_switches(document),
        *_changes(document),
        *_probation(document),
    ]
    return tuple(sorted(found, key=lambda event: event.time_s))


def _alarms(document: LoopDocument) -> Iterator[LoopEvent]:
    for look in document.looks:
        if look.drifted:
            said = f"{look.summary}. {regret_in_words(look)}".strip()
            yield LoopEvent(
                f"drift-{look.run_id}",
                look.time_s,
                "drift",
                "bad",
                "Drift seen",
                said,
                links_of(document, look),
            )


def _trainings(document: LoopDocument) -> Iterator[LoopEvent]:
    for run in document.runs:
        if run.flow != CONTINUOUS_TRAINING or run.began_s is None:
            continue
        key, links = run.flow_run_id or run.run_id, run_links(document, run)
        began = f"Started {run.reason}" if run.reason else "Started by hand"
        yield LoopEvent(f"began-{key}", run.began_s, "training", "plain", "Training began", began, links)
        if run.ended_s is None:
            continue
        tone = TONES.get(run.state, TONES.get(run.state_type, "bad"))
        title = (
            f"Version {run.version}: {run.state.lower()}" if run.version else f"Training: {run.state.lower()}"
        )
        yield LoopEvent(f"ended-{key}", run.ended_s, "gate", tone, title, run.verdict, links)


def _switches(document: LoopDocument) -> Iterator[LoopEvent]:
    """Promotions and roll-backs that run, and those that failed; of the others the change itself is told."""
    for run in document.runs:
        if run.flow == CONTINUOUS_TRAINING or run.began_s is None:
            continue
        key, links = f"switch-{run.flow_run_id}", run_links(document, run)
        if run.ended_s is None:
            said = f"{run.name} has begun"
            yield LoopEvent(key, run.began_s, "service", "plain", "A switch is under way", said, links)
        elif run.state_type != "COMPLETED":
            title = f"Switch: {run.state.lower()}"
            said = f"{run.name}: {run.verdict}"
            yield LoopEvent(key, run.ended_s, "service", "bad", title, said, links)


def _changes(document: LoopDocument) -> Iterator[LoopEvent]:
    for item in document.served:
        is_back = item.came["action"] == "rollback"
        title = f"Rolled back to version {item.version}" if is_back else f"Version {item.version} in service"
        model = document.links.version(document.model_name, item.version)
        links = (PageLink(f"Version {item.version}", model), *_flow_run_at(document, item))
        tone: Tone = "warn" if is_back else "good"
        key = f"served-{item.version}-{item.from_s}"
        yield LoopEvent(key, item.from_s, "service", tone, title, item.came["reason"], links)


def _probation(document: LoopDocument) -> Iterator[LoopEvent]:
    """Of the last promotion, at the last look that its version was champion of."""
    verdict = document.probation
    if verdict is None or verdict.outcome == "not judged":
        return
    looks = [look for look in document.looks if look.time_s >= verdict.promoted_s and look.version]
    mine = [look for look in looks if look.version == verdict.version]
    if not mine:
        return
    is_kept = verdict.outcome == "kept"
    title = f"Probation of version {verdict.version}: promise {verdict.outcome}"
    yield LoopEvent(
        f"probation-{verdict.version}-{verdict.promoted_s}",
        mine[-1].time_s,
        "gate",
        "good" if is_kept else "bad",
        title,
        verdict.reason,
        links_of(document, mine[-1])[:2],
    )


def regret_in_words(look: ShownLook) -> str:
    """What another policy would have blocked less; empty where it was not worked out."""
    if look.regret is None:
        return ""
    low, high = (100 * (end or 0.0) for end in look.regret.ci95)
    mean = 100 * look.regret.mean
    return (
        f"Regret {mean:+.2f} % of the requests ({low:+.2f} to {high:+.2f} %) against {look.regret.against}."
    )


def links_of(document: LoopDocument, look: ShownLook) -> tuple[PageLink, ...]:
    """Where a look is told."""
    links = [PageLink("MLflow run", document.links.run(look.run_id))]
    if look.flow_run_id:
        links.append(PageLink("Prefect run", document.links.flow_run(look.flow_run_id)))
    if look.page:
        links.append(PageLink("Evidently's report", document.links.run(look.run_id, look.page)))
    return tuple(links)


def run_links(document: LoopDocument, run: ShownRun) -> tuple[PageLink, ...]:
    """Where a training, and what came of it, is told."""
    links = []
    if run.flow_run_id:
        links.append(PageLink("Prefect run", document.links.flow_run(run.flow_run_id)))
    if run.run_id:
        links.append(PageLink("MLflow run", document.links.run(run.run_id)))
    if run.version:
        url = document.links.version(document.model_name, run.version)
        links.append(PageLink(f"Version {run.version}", url))
    return tuple(links)


def _flow_run_at(document: LoopDocument, item: ServedStretch) -> tuple[PageLink, ...]:
    """The flow run that brought a version into service; nothing where none was under way."""
    for run in document.runs:
        if run.began_s is None or not run.flow_run_id:
            continue
        if run.began_s <= item.from_s <= (run.ended_s or float("inf")) + SWITCH_S:
            is_it = run.flow != CONTINUOUS_TRAINING or run.version in ("", item.version)
            if is_it and run.state != "Refused":
                return (PageLink("Prefect run", document.links.flow_run(run.flow_run_id)),)
    return ()
