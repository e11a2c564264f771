"""Every metric of our processes, declared once: name, labels with their values, meaning. For Prometheus.

One object a process, with a registry of its own, so that several applications can live in one program.
Counters are counted where the thing happens; gauges are set when somebody asks (``monitored.py`` beside each
application). No label takes a value that grows with the traffic. ``python -m controlplane.metrics`` prints
the table of ``docs/monitoring.md``. Not here: alert rules and dashboard (``deployments/monitoring``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Literal, Protocol, TypeVar, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, Response

from controlplane.pce.reasons import BlockedBy, FallbackReason
from controlplane.tapi.errors import TapiError
from controlplane.tapi.purpose import CREATE, MOVE, RESTORE

METRICS, READY = "/metrics", "/ready"
Kind = Literal["counter", "gauge", "histogram"]
Wrapped = TypeVar("Wrapped", bound=MetricWrapperBase)

FALLBACK_REASONS: tuple[str, ...] = get_args(FallbackReason)
BLOCKED_BY: tuple[str, ...] = get_args(BlockedBy)
UNANSWERED = ("databases", "decision-log")
CHALLENGER_COUNTS = ("asked", "agreed", "skipped", "failed", "canary_decisions")
SET_UP_STEPS = ("path-computation", "check", "elements", "database")
CAUSES = (CREATE, RESTORE, MOVE)
LOOP_CHANGES = ("promote", "rollback")
REGRET_VALUES = ("mean", "low", "high")
RELEASES = ("delete", "ended", "cut", "move")
ELEMENT_OPERATIONS = ("edit",)
# A set-up takes some ms, and at worst the time limits of everybody whom it asks.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BLOCKED_STATUS = 409

disable_created_metrics()  # a second series for each counter, which nobody asks for


@dataclass(frozen=True)
class Declared:
    """One metric as it is declared.

    Attributes:
        name: as in an expression; of a histogram without ``_bucket``, ``_sum``, ``_count``.
        labels: each with its values; without values where they are names, of models or networks.
    """

    name: str
    kind: Kind
    labels: Mapping[str, tuple[str, ...]]
    text: str

    @property
    def series(self) -> tuple[str, ...]:
        """Names that an expression can ask for."""
        if self.kind == "histogram":
            return tuple(self.name + end for end in ("_bucket", "_sum", "_count"))
        return (self.name,)


class _Told(Collector):
    """A counter that is kept elsewhere; ``read`` gives its numbers by the value of its label."""

    def __init__(self, name: str, text: str, label: str) -> None:
        self._declared = name, text, label
        self.read: Callable[[], Mapping[str, float]] = dict

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The numbers of now."""
        name, text, label = self._declared
        family = CounterMetricFamily(name, text, labels=[label])
        for value, number in self.read().items():
            family.add_metric([value], number)
        yield family


class Metrics:
    """The metrics of one application. Those of the process itself (memory, processor) are among them."""

    process: ClassVar[str]

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []
        ProcessCollector(registry=self.registry)

    def answer(self, accept: str | None) -> Response:
        """What ``GET /metrics`` answers: the text format, or OpenMetrics where that is asked for."""
        encoder, content_type = choose_encoder(accept or "")
        return Response(encoder(self.registry), headers={"Content-Type": content_type})

    def _counter(self, name: str, text: str, **labels: tuple[str, ...]) -> Counter:
        full = self._note(f"{name}_total", "counter", labels, text)
        return _begun(Counter(full, text, tuple(labels), registry=self.registry), labels)

    def _gauge(self, name: str, text: str, **labels: tuple[str, ...]) -> Gauge:
        full = self._note(name, "gauge", labels, text)
        return _begun(Gauge(full, text, tuple(labels), registry=self.registry), labels)

    def _histogram(self, name: str, text: str, **labels: tuple[str, ...]) -> Histogram:
        full = self._note(f"{name}_seconds", "histogram", labels, text)
        made = Histogram(full, text, tuple(labels), registry=self.registry, buckets=_BUCKETS_S)
        return _begun(made, labels)

    def _told(self, name: str, text: str, label: str, values: tuple[str, ...]) -> _Told:
        told = _Told(self._note(f"{name}_total", "counter", {label: values}, text), text, label)
        self.registry.register(told)
        return told

    def _note(self, name: str, kind: Kind, labels: Mapping[str, tuple[str, ...]], text: str) -> str:
        full = f"lightloop_{self.process}_{name}"
        self.declared.append(Declared(full, kind, labels, text))
        return full


class PceMetrics(Metrics):
    """Of the path computation element."""

    process = "pce"

    def __init__(self) -> None:
        super().__init__()
        self.decisions = self._counter(
            "decisions",
            "decisions that are in the decision log, by who took them; none: nothing could carry the request",
            decided_by=("model", "canary", "fallback", "none"),
        )
        self.fallbacks = self._counter(
            "fallbacks", "decisions of the fallback, by why it was its turn", reason=FALLBACK_REASONS
        )
        self.blocked = self._counter(
            "blocked",
            "requests that nothing could carry, by the first rule that no path passes",
            reason=BLOCKED_BY,
        )
        self.unanswered = self._counter(
            "unanswered", "computations that ended with 503, by what was not there", reason=UNANSWERED
        )
        self.computation = self._histogram(
            "computation", "from the question read to the decision handed to the log"
        )
        self.model_answer = self._histogram(
            "model_answer", "from the question to the model to its answer, or to the end of patience"
        )
        self.staleness = self._gauge(
            "databases_staleness_seconds", "since the databases were last known to be the controller's state"
        )
        self.state_version = self._gauge(
            "state_version", "version of the controller's state that the databases show"
        )
        self.lightpaths = self._gauge("lightpaths", "lightpaths in the databases")
        self.model_in_service = self._gauge("model_in_service", "1 where a model is in service, else 0")
        self.model_since = self._gauge(
            "model_in_service_since_timestamp_seconds",
            "when the model in service was put there, since 1970 UTC; NaN where none is",
        )
        self.degraded = self._gauge(
            "degraded", "1 where the model that is said to decide does not, as GET /status tells with reasons"
        )
        names: dict[str, tuple[str, ...]] = {
            "model_name": (), "model_version": (), "policy": (), "forecast": ()
        }  # fmt: skip
        self.model_info = self._gauge(
            "model_info", "1; its labels name model and demand forecast in service", **names
        )
        self.challenger_info = self._gauge(
            "challenger_info",
            "1; its labels name the model beside the one in service, where there is one",
            **names,
        )
        self.challenger_share = self._gauge(
            "challenger_share_ratio",
            "share of the decisions that the challenger takes; 0: none, or a shadow only",
        )
        self.challenger = self._told(
            "challenger_questions",
            "what became of the questions to the challenger; begins anew with each challenger",
            "count",
            CHALLENGER_COUNTS,
        )
        self.switches = self._counter(
            "endpoint_switches", "times that another model was put in service: promotions and rollbacks"
        )


class SetUpStep(Protocol):
    """Where a set-up is, so that a failure can be counted against it."""

    step: str  # of SET_UP_STEPS


class ControllerMetrics(Metrics):
    """Of the controller."""

    process = "controller"

    def __init__(self) -> None:
        super().__init__()
        self.offered = self._counter(
            "setups_offered",
            "set-ups that were tried: for a client, to restore after a cut, or to move a service",
            cause=CAUSES,
        )
        self.blocked = self._counter(
            "setups_blocked", "of them refused, because the network cannot carry the request", cause=CAUSES
        )
        self.failed = self._counter(
            "setups_failed",
            "of them ended by an error, by the step that it came in",
            cause=CAUSES,
            step=SET_UP_STEPS,
        )
        self.set_up = self._histogram(
            "setup",
            "of set-ups that were carried, waiting included; its count is how many were",
            cause=CAUSES,
        )
        self.releases = self._counter(
            "releases",
            "lightpaths and services that ended, by why: delete by a client, ended as told, cut, move",
            cause=RELEASES,
        )
        self.refusals = self._counter("refusals", "answers with an error, by their HTTP status", status=())
        self.services = self._gauge(
            "services",
            "services that are set up, with their lightpath (lit) or without (dark)",
            state=("lit", "dark"),
        )
        self.spectrum_used = self._gauge(
            "spectrum_used_ratio", "share of the slots of all links that lightpaths hold, in 0 to 1"
        )
        self.failed_links = self._gauge("failed_links", "links that are cut")
        self.drained = self._gauge("drained", "links and nodes that are drained", kind=("link", "node"))
        self.elements = self._gauge("elements", "elements of the network")
        self.suspect_elements = self._gauge(
            "suspect_elements", "elements that may not hold what the state says, and are audited"
        )
        self.element_answers = self._gauge(
            "element_answers", "1 where an element answered when it was asked last, else 0", element=()
        )
        self.element_queue = self._gauge(
            "element_queue_tasks", "tasks that wait for their turn at an element", element=()
        )
        self.reservations = self._gauge(
            "reservations_open", "set-ups that have their slots, and whose lightpath is not stored yet"
        )
        self.waiting = self._gauge("waiting_changes", "set-ups that wait for their turn")
        self.state_version = self._gauge("state_version", "version of the network's state")
        self.database_answers = self._gauge("database_answers", "1 where the database can be read, else 0")
        self.change_log = self._gauge("change_log_changes", "changes that are kept in the log")

    @contextmanager
    def setting_up(self, cause: str, began: float, at: SetUpStep) -> Iterator[None]:
        """Count a set-up and what came of it.

        Args:
            cause: ``create``, ``restore`` or ``move``.
            began: when it began, by ``time.perf_counter``.
            at: the step that it is in.
        """
        self.offered.labels(cause).inc()
        try:
            yield
        except BaseException as error:
            if isinstance(error, TapiError) and error.status == _BLOCKED_STATUS:
                self.blocked.labels(cause).inc()
            else:
                self.failed.labels(cause, at.step).inc()
            raise
        self.set_up.labels(cause).observe(time.perf_counter() - began)


class ElementsMetrics(Metrics):
    """Of the elements' host."""

    process = "elements"

    def __init__(self) -> None:
        super().__init__()
        self.operation_time = self._histogram(
            "operation", "of operations that changed an element", operation=ELEMENT_OPERATIONS
        )
        self.refused = self._counter(
            "operations_refused", "operations that an element refused", operation=ELEMENT_OPERATIONS
        )
        self.elements = self._gauge("elements", "elements that live here")
        self.cross_connects = self._gauge("cross_connects", "cross-connects that the elements hold")

    @contextmanager
    def operation(self, name: str) -> Iterator[None]:
        """Time an operation; one that is refused is counted instead."""
        began = time.perf_counter()
        try:
            yield
        except BaseException:
            self.refused.labels(name).inc()
            raise
        self.operation_time.labels(name).observe(time.perf_counter() - began)


class ConsoleMetrics(Metrics):
    """Of the console."""

    process = "console"

    def __init__(self) -> None:
        super().__init__()
        self.pages = self._gauge("open_pages", "pages that are open")
        self.answers = self._gauge(
            "source_answers", "1 where the last question was answered, else 0", source=("controller", "pce")
        )
        self.state_version = self._gauge(
            "state_version", "version of the network's state that the pages show"
        )
        self.loop_changes = self._told(
            "loop_changes", "changes of the champion, as the promotion log has them", "action", LOOP_CHANGES
        )
        self.champion_since = self._gauge(
            "champion_since_timestamp_seconds",
            "when the last of them was, since 1970 UTC; NaN where there was none",
        )
        self.last_drift_check = self._gauge(
            "last_drift_check_timestamp_seconds",
            "when the drift monitor last looked at new requests, since 1970 UTC; NaN where it never did",
        )
        self.last_regret = self._gauge(
            "last_regret_ratio",
            "share of the requests that the champion blocked and the best of the others would not have, "
            "after the last drift: mean, and the ends of its 95 % interval; NaN where it never was measured",
            value=REGRET_VALUES,
        )
        self.last_regret_measured = self._gauge(
            "last_regret_timestamp_seconds", "when that was measured, since 1970 UTC; NaN where it never was"
        )


def ready_answer(missing: list[str], degraded: list[str]) -> Response:
    """What ``GET /ready`` answers: 503 where something is missing; what only degrades is told with 200."""
    status = "not ready" if missing else "degraded" if degraded else "ready"
    return JSONResponse({"status": status, "reasons": [*missing, *degraded]}, 503 if missing else 200)


def every_metric() -> tuple[Declared, ...]:
    """What all processes declare."""
    kinds = (PceMetrics, ControllerMetrics, ElementsMetrics, ConsoleMetrics)
    return tuple(item for kind in kinds for item in kind().declared)


def table() -> str:
    """All of them as a table in Markdown."""
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for item in every_metric():
        labels = "; ".join(
            f"`{name}`" + (": " + ", ".join(values) if values else "") for name, values in item.labels.items()
        )
        lines.append(f"| `{item.name}` | {item.kind} | {labels} | {item.text} |")
    return "\n".join(lines) + "\n"


def _begun(made: Wrapped, labels: Mapping[str, tuple[str, ...]]) -> Wrapped:
    """Series that are there from the start, with 0: a rate then shows the first event too."""
    if labels:
        for values in product(*labels.values()):
            made.labels(*values)
    return made


if __name__ == "__main__":
    print(table(), end="")
