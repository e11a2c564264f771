"""The command ``lightloop offer``: plays a trace over TAPI in compressed time. Not here: sending it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, stderr, tell_line

if TYPE_CHECKING:
    from configs.home import Home
    from configs.schema import Config
    from controlplane.client import ControllerClient
    from envs.plant import Plant
    from envs.trace import Trace
    from lightloop.offered_figures import OfferCounts
    from lightloop.offered_twin import Promise
    from lightloop.offering import Offer, Played
    from tasks.share import Share

BEHIND_S = 0.5  # less is the machine's jitter
INTERRUPTED_STATUS = 130


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("offer")(offer_command)


def offer_command(
    trace: Annotated[
        str | None, typer.Option(help="Id of a stored trace, or the path of one. Default: one is drawn.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(help="Draw the trace from this scenario's traffic. Default: the running one."),
    ] = None,
    requests: Annotated[
        int | None, typer.Option(min=1, help="So many, from the first. Default: all; of a drawn trace 1000.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Seconds of the trace per second: 3600 plays an hour in a second.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Requests under way at a time, at most.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the drawn trace. Default: a fresh one, by the clock.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear/--keep", help="At the end delete what stands of it, or leave it.")
    ] = False,
    twin: Annotated[
        bool, typer.Option("--twin/--no-twin", help="Play the same requests in the twin first.")
    ] = True,
    undo: Annotated[
        str | None, typer.Option(metavar="STAMP", help="Delete what stands of an earlier offer of the trace.")
    ] = None,
    as_json: JsonFlag = False,
    every_s: Annotated[
        float | None, typer.Option(min=0.2, help="With --json: a line of figures so often, and at the end.")
    ] = None,
) -> None:
    """Play a trace over TAPI, creations and deletions, in compressed time, beside the twin's figure.

    Requests go out at their times divided by --speed, in the order of the trace. With one client each waits
    for the answer before it, as the twin has it; with more, only requests of one node pair wait for each
    other. What is late is sent late, never left out. Ctrl-C stops offering and says what stands.

    The twin's figure is of the same requests, under the policy in service, from an empty network. A live
    network that held other services before blocks more.

    Examples:
      lightloop offer --speed 900 --requests 500

      lightloop offer --trace 0123456789abcdef --speed 3600 --clients 4 --clear --json
    """
    from configs.build import plant_of
    from configs.home import Home
    from controlplane.client import ControllerClient
    from lightloop.given import refuse_beside
    from lightloop.offered_figures import document_of
    from lightloop.offering import Offer
    from lightloop.offering import clear as clear_rows
    from lightloop.running import running_config, running_credentials

    if trace is not None:
        refuse_beside("--trace", {"scenario": "--scenario", "seed": "--seed"}, "a trace is drawn or given")
    if undo is None and not (speed is not None and speed > 0):
        raise Refusal(f"--speed is {speed}; give seconds of the trace per second, e.g. --speed 900")
    if undo is not None and trace is None:
        raise Refusal(
            "--undo takes --trace too: stamp and trace name the services; the offer has printed both"
        )
    config, home, credentials = running_config(), Home.from_environment(), running_credentials()
    plant = plant_of(config)
    found = _trace_of(config, home, plant, trace, scenario, requests, seed)
    count = min(requests or found.num_requests, found.num_requests)
    started = undo or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    offer = Offer(found, count, speed or 1.0, started, clients)
    with ControllerClient.of(config, credentials) as controller:
        if undo is not None:
            _undo(offer, controller, as_json)
            return
        before = len(controller.services())
        promise = _promise(config, home, plant, offer) if twin else _no_promise()
        played = _play(offer, controller, promise, every_s if as_json else None)
        document = document_of(offer, played, promise) | {"standing_before": before, "cleared": 0}
        if clear:
            gone, failures = clear_rows(offer, played.standing, controller)
            document |= {"cleared": gone, "standing": len(failures)}
    if as_json and every_s is not None:
        tell_line(document)
    else:
        emit(document, as_json, lambda console: _summary(console, document, clear))
    if played.stopped:
        raise typer.Exit(INTERRUPTED_STATUS)


def _trace_of(
    config: Config,
    home: Home,
    plant: Plant,
    given: str | None,
    scenario: str | None,
    requests: int | None,
    seed: int | None,
) -> Trace:
    """The trace given, or one drawn for the running network and stored, so that it can be named."""
    from configs.build import traffic_of
    from configs.load import load_config
    from envs.trace import read_trace
    from tasks.trace import provide_trace

    if given is not None:
        return read_trace(given, home.traces)
    drawn_from = config if scenario in (None, config.scenario) else load_config(scenario)
    seed = int(time.time()) if seed is None else seed
    stored = provide_trace(plant, traffic_of(drawn_from), requests or 1000, seed, home.traces)
    return read_trace(stored.file)


def _no_promise() -> Promise:
    from lightloop.offered_twin import Promise

    return Promise("none", why="--no-twin")


def _promise(config: Config, home: Home, plant: Plant, offer: Offer) -> Promise:
    from controlplane.client import PceClient, ServiceRefused
    from lightloop.offered_twin import Promise, promise_for

    try:
        with PceClient(config.pce_urls, home.credentials(), timeout_s=5) as pce:
            status = pce.status()
    except ServiceRefused as refusal:
        return Promise("none", why=refusal.reason)
    return promise_for(config, home, plant, offer.trace, offer.num_requests, status, _step)


def _step(text: str) -> None:
    stderr.print(f"· {text}", markup=False, highlight=False, style="dim")


def _play(offer: Offer, controller: ControllerClient, promise: Promise, every_s: float | None) -> Played:
    """The offer played, with a table that redraws itself on stderr, or lines of figures on stdout."""
    from lightloop.offering import play

    stop = threading.Event()
    _step(
        f"trace {offer.trace.id}, {offer.num_requests:,} requests at {offer.speed:g} s per second, "
        f"{offer.num_clients} client(s); this offer is {offer.started}"
    )
    if every_s is not None:
        with _interruptible(stop):
            return play(offer, controller, stop, told_every(every_s, offer, promise))
    with _interruptible(stop), Live(console=stderr, refresh_per_second=4, transient=True) as live:
        return play(offer, controller, stop, lambda played: live.update(_progress(offer, played, promise)))


def told_every(every_s: float, offer: Offer, promise: Promise) -> Callable[[Played], None]:
    """Prints a line of figures, but not more often."""
    from lightloop.offered_figures import document_of

    last_s = -every_s

    def tell(played: Played) -> None:
        nonlocal last_s
        if played.took_s >= last_s + every_s:
            last_s = played.took_s
            tell_line(document_of(offer, played, promise))

    return tell


@contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """During the block the first Ctrl-C only sets ``stop``; a second one is as always."""
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(*_: Any) -> None:
        _step("stopping; what is under way is answered first")
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _progress(offer: Offer, played: Played, promise: Promise) -> Table:
    from lightloop.offered_figures import counts_of, twin_so_far

    counts = counts_of(played)
    duration_s = float(offer.trace.arrival_s[offer.num_requests - 1] - offer.trace.arrival_s[0])
    table = Table.grid(padding=(0, 2))
    table.add_row("played", f"{_hours(played.time_s)} of {_hours(duration_s)}")
    table.add_row("offered", f"{counts.offered:,} of {offer.num_requests:,}, {counts.standing:,} stand")
    table.add_row("blocked", f"{counts.blocked:,}" + (f", {counts.failed:,} failed" if counts.failed else ""))
    table.add_row("blocking", _blocking(counts, twin_so_far(played, promise), promise))
    if played.behind_s > BEHIND_S:
        table.add_row("[yellow]behind[/]", f"[yellow]{played.behind_s:.1f} s: nothing is left out[/]")
    return table


def _blocking(counts: OfferCounts, beside: Share | None, promise: Promise) -> str:
    live = counts.blocking
    if not live.whole:
        return "-"
    low, high = live.ci95
    text = f"{live.value:.2%} (95 %: {low:.2%} .. {high:.2%})"
    if beside is not None:
        return f"{text}; the twin, of the same: {beside.value:.2%}"
    if promise.source == "gate":
        return f"{text}; by its gate: {promise.request_blocking:.2%}"
    return text


def _summary(console: Console, document: dict[str, Any], cleared: bool) -> None:
    """The whole offer for people."""
    table, twin = Table.grid(padding=(0, 2)), document["twin"]
    low, high = document["ci95"]
    shown = [
        ("trace", f"{document['trace']}, offer {document['started']}"),
        ("offered", f"{document['offered']:,} of {document['requests']:,} in {document['took_s']:.1f} s"),
        ("carried", f"{document['carried']:,}"),
        ("blocked", f"{document['blocked']:,}{_reasons(document['blocked_reasons'])}"),
        ("failed", f"{document['failed']:,}{_reasons(document['failed_reasons'])}"),
        ("deleted", f"{document['deleted']:,}{_failures(document)}"),
        ("blocking", f"{document['request_blocking']:.3%} (95 %: {low:.3%} .. {high:.3%})"),
        ("promised", _promised(twin, document["standing_before"])),
        ("answers", _times(document["answer_ms"])),
        ("deletions", _times(document["deletion_ms"])),
        (
            "behind",
            f"{document['behind_s']['most']:.2f} s at most, {document['behind_s']['at_end']:.2f} at the end",
        ),
    ]
    for label, text in shown:
        table.add_row(label, text)
    console.print(table, markup=False, highlight=False)
    if cleared:
        console.print(f"{document['cleared']:,} deleted at the end", highlight=False)
    if document["standing"]:
        console.print(
            f"{document['standing']:,} services stand. They are deleted by\n"
            f"lightloop offer --trace {document['trace']} --undo {document['started']}",
            highlight=False,
            soft_wrap=True,
        )


def _promised(twin: dict[str, Any], standing_before: int) -> str:
    if twin["source"] == "none":
        return f"nothing: {twin['why']}"
    who = f"{twin['policy']}" + (f", version {twin['model_version']}" if twin["model_version"] else "")
    if twin["source"] == "gate":
        return f"{twin['request_blocking']:.3%} by the gate of {who}, on other requests ({twin['why']})"
    stood = f"; {standing_before:,} other services stood here" if standing_before else ""
    said = f"{twin['request_blocking']:.3%} by the twin, the same requests under {who}"
    return f"{said}, from an empty network{stood}"


def _reasons(reasons: list[dict[str, Any]]) -> str:
    words = ", ".join(f"{item['requests']:,} {item['reason']}" for item in reasons)
    return f" ({words})" if words else ""


def _failures(document: dict[str, Any]) -> str:
    if not document["deletions_failed"]:
        return ""
    return f", {document['deletions_failed']:,} deletions failed{_reasons(document['deletion_failures'])}"


def _times(times_ms: dict[str, float]) -> str:
    return f"p50 {times_ms['p50']:.0f} ms, p99 {times_ms['p99']:.0f} ms, max {times_ms['max']:.0f} ms"


def _hours(time_s: float) -> str:
    return f"{time_s / 3600:.1f} h"


def _undo(offer: Offer, controller: ControllerClient, as_json: bool) -> None:
    """Delete what stands of an earlier offer."""
    from lightloop.offering import clear

    standing = {item.service_uuid for item in controller.services()}
    rows = [row for row in range(offer.trace.num_requests) if offer.uuid(row) in standing]
    gone, failures = clear(offer, rows, controller)
    document = {"trace": offer.trace.id, "started": offer.started, "cleared": gone, "standing": len(failures)}
    emit(
        document,
        as_json,
        lambda console: console.print(f"{gone:,} services deleted, {len(failures):,} stand"),
    )
