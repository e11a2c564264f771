"""The command ``lightloop request``: place and delete services over TAPI."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit

if TYPE_CHECKING:
    from controlplane.client import ControllerClient
    from controlplane.service_lightpath import ServiceLightpath
    from controlplane.tapi.wishes import Wishes


class Protection(StrEnum):
    """Against cuts."""

    NONE = "none"
    ONE_PLUS_ONE = "one-plus-one"
    ONE_PLUS_ONE_NODE = "one-plus-one-node"


# What the two lightpaths must not have in common.
_DISJOINT = {Protection.NONE: "", Protection.ONE_PLUS_ONE: "link", Protection.ONE_PLUS_ONE_NODE: "node"}


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""

    @app.command()
    def request(
        source: Annotated[str | None, typer.Option("--from", help="Node where the service begins.")] = None,
        destination: Annotated[str | None, typer.Option("--to", help="Node where it ends.")] = None,
        gbps: Annotated[float, typer.Option(help="Bit rate, whole Gb/s.")] = 100,
        max_latency_ms: Annotated[float | None, typer.Option(help="One-way latency bound.")] = None,
        count: Annotated[
            int | None, typer.Option(min=1, help="Place so many services between random pairs instead.")
        ] = None,
        seed: Annotated[int, typer.Option(help="Of the random pairs.")] = 1,
        uuid: Annotated[str | None, typer.Option(help="UUID of the service; made when not given.")] = None,
        delete: Annotated[str | None, typer.Option(metavar="UUID", help="Delete this service.")] = None,
        service_class: Annotated[
            str, typer.Option("--class", help="Service class, by name; the record tells them apart.")
        ] = "",
        start: Annotated[
            str | None,
            typer.Option(metavar="TIME", help="Set it up then, and hold no spectrum before: RFC 3339."),
        ] = None,
        end: Annotated[
            str | None,
            typer.Option(
                "--end", "--ends", metavar="TIME", help="Release it then, e.g. 2031-05-01T18:00:00Z."
            ),
        ] = None,
        protection: Annotated[
            Protection,
            typer.Option(
                help="one-plus-one: two lightpaths without a link in common; a cut of one leaves the service "
                "up. one-plus-one-node: without a node in common either."
            ),
        ] = Protection.NONE,
        lowest_rate_gbps: Annotated[
            int | None,
            typer.Option(min=1, help="After a cut it may come back with as little as this, if no more fits."),
        ] = None,
        revert: Annotated[
            bool, typer.Option("--revert", help="After the repair it goes back to its first lightpath.")
        ] = False,
        wait_to_revert_min: Annotated[
            int | None,
            typer.Option(min=0, help="Minutes that the repair must last before it goes back; with --revert."),
        ] = None,
        as_json: JsonFlag = False,
    ) -> None:
        """Place a service over TAPI and show the lightpath set up for it; or delete one.

        Examples:
          lightloop request --from WA --to TX --gbps 100 --max-latency-ms 30

          lightloop request --from WA --to TX --start 2031-05-01T18:00:00Z --end 2031-05-01T20:00:00Z

          lightloop request --from WA --to TX --protection one-plus-one

          lightloop request --from WA --to TX --gbps 400 --lowest-rate-gbps 100 --revert
        """
        from controlplane.client import ControllerClient, ServiceRefused
        from controlplane.tapi.wishes import Wishes
        from lightloop.running import running_config, running_credentials

        if (delete is None) + (count is None) + (source is None and destination is None) < 2:
            raise Refusal("give --from and --to, or --count, or --delete; one of them at a time")
        if delete is None and count is None and (source is None or destination is None):
            raise Refusal("give --from and --to; `lightloop topologies` lists the nodes")
        if start is not None and count is not None:
            raise Refusal("--start is for one service: give --from and --to in the place of --count")
        if wait_to_revert_min is not None and not revert:
            raise Refusal("--wait-to-revert-min is how long to wait before it goes back: give --revert too")
        wishes = Wishes(
            service_class,
            None if start is None else _time(start, "--start"),
            None if end is None else _time(end, "--end"),
            _DISJOINT[protection],
            lowest_rate_gbps,
            revert,
            wait_to_revert_min,
        )
        asked = gbps, math.inf if max_latency_ms is None else max_latency_ms
        with ControllerClient.of(running_config(), running_credentials()) as client:
            if delete is not None:
                client.delete_service(delete)
                emit({"uuid": delete, "deleted": True}, as_json, lambda out: out.print(f"{delete} deleted"))
            elif count is not None:
                lightpaths, refusals = _place_many(client, count, seed, asked, wishes)
                document = {"lightpaths": [_document(item) for item in lightpaths], "refused": refusals}
                emit(document, as_json, lambda out: _render(out, lightpaths, refusals))
                if not lightpaths:
                    raise ServiceRefused(
                        f"none of {count} services was set up; first reason: {refusals[0]['reason']}"
                    )
            elif source is not None and destination is not None:
                if wishes.starts_s is not None and wishes.starts_s > time.time():
                    made = client.request_service(source, destination, *asked, uuid, wishes=wishes)
                    emit({"uuid": made, "start": start}, as_json, lambda out: _render_kept(out, made, start))
                    return
                lightpath = client.place_service(source, destination, *asked, uuid, wishes=wishes)
                other = _other(client, lightpath) if wishes.disjoint else None
                told = _document(lightpath) | ({"protection": _document(other)} if other else {})
                emit(told, as_json, lambda out: _render_one(out, lightpath, other))


def _other(client: ControllerClient, lightpath: ServiceLightpath) -> ServiceLightpath | None:
    """The second lightpath of a service; None where a cut has taken it already."""
    found = client.lightpaths(lightpath.service_uuid)
    return next((item for item in found if item.uuid != lightpath.uuid), None)


def _place_many(
    client: ControllerClient,
    count: int,
    seed: int,
    asked: tuple[float, float],
    wishes: Wishes,
) -> tuple[list[ServiceLightpath], list[dict[str, Any]]]:
    """Lightpaths of services between random pairs, and which were refused and why.

    Args:
        client: of the controller.
        count: of services.
        seed: of the pairs.
        asked: bit rate in Gb/s and latency bound in ms of each.
        wishes: of each.

    Raises:
        ServiceRefused: the controller does not answer.
    """
    import random

    from controlplane.client import ServiceRefused

    choose = random.Random(seed)
    nodes = sorted(client.nodes())
    lightpaths, refusals = [], []
    for _ in range(count):
        source, destination = choose.sample(nodes, 2)
        try:
            lightpaths.append(client.place_service(source, destination, *asked, wishes=wishes))
        except ServiceRefused as refusal:
            if not refusal.status:
                raise
            refusals.append({"from": source, "to": destination, "gbps": asked[0], "reason": refusal.reason})
    return lightpaths, refusals


def _time(text: str, option: str) -> float:
    """Seconds since 1970 UTC.

    Raises:
        Refusal: no date and time with a zone.
    """
    from controlplane.tapi.errors import TapiError
    from controlplane.tapi.schedule import read_time

    try:
        return read_time(text, option)
    except TapiError as error:
        raise Refusal(error.message) from None


def _document(lightpath: ServiceLightpath) -> dict[str, Any]:
    return lightpath.document | {"total_ms": round(lightpath.total_ms, 3)}


def _render_kept(out: Console, uuid: str, start: str | None) -> None:
    for label, value in (
        ("service", uuid),
        ("planned", f"to be set up at {start}; until then it holds no slots"),
    ):
        out.print(f"{label:<12}{value}", markup=False, highlight=False, soft_wrap=True)


def _render_one(out: Console, lightpath: ServiceLightpath, other: ServiceLightpath | None) -> None:
    who = f"{lightpath.decided_by}, {lightpath.policy}" if lightpath.policy else lightpath.decided_by
    for label, value in (
        ("service", lightpath.service_uuid),
        ("path", " - ".join(lightpath.nodes)),
        ("slots", _slots(lightpath)),
        ("protection", None if other is None else " - ".join(other.nodes)),
        ("slots", None if other is None else _slots(other)),
        ("band", lightpath.band),
        ("latency", f"{lightpath.latency_ms:.3f} ms"),
        ("gsnr", _gsnr(lightpath)),
        ("power", None if lightpath.marginal_w is None else f"{lightpath.marginal_w:.1f} W switched on"),
        ("decided by", who),
        ("took", f"{lightpath.total_ms:.0f} ms"),
    ):
        if value is not None:
            out.print(f"{label:<12}{value}", markup=False, highlight=False, soft_wrap=True)


def _slots(lightpath: ServiceLightpath) -> str:
    last_slot = lightpath.first_slot + lightpath.num_slots - 1
    return f"{lightpath.first_slot} to {last_slot}, {lightpath.modulation_format}"


def _gsnr(lightpath: ServiceLightpath) -> str | None:
    if lightpath.gsnr_db is None:
        return None
    margin_db = lightpath.margin_db
    above = (
        "" if margin_db is None else f", {margin_db:.2f} dB above what {lightpath.modulation_format} needs"
    )
    return f"{lightpath.gsnr_db:.2f} dB{above}"


def _render(out: Console, lightpaths: Sequence[ServiceLightpath], refusals: Sequence[dict[str, Any]]) -> None:
    if lightpaths:
        table = Table(box=None)
        table.add_column("service")
        table.add_column("path", no_wrap=True)
        columns = [column for column in _COLUMNS if any(column[1](item) is not None for item in lightpaths)]
        for heading, _ in columns:
            table.add_column(heading, overflow="fold")
        for item in lightpaths:
            cells = (cell(item) for _, cell in columns)
            table.add_row(item.service_uuid[:8], "-".join(item.nodes), *(cell or "" for cell in cells))
        out.print(table)
    for refusal in refusals:
        out.print(
            f"refused: {refusal['from']} to {refusal['to']}, {refusal['gbps']:g} Gb/s: {refusal['reason']}",
            markup=False,
        )


def _number(value: float | None, places: int) -> str | None:
    return None if value is None else f"{value:.{places}f}"


# Heading and cell of a lightpath's table; a column in which nothing is known is left out.
_COLUMNS: tuple[tuple[str, Callable[[ServiceLightpath], str | None]], ...] = (
    ("slots", lambda item: f"{item.first_slot}-{item.first_slot + item.num_slots - 1}"),
    ("band", lambda item: None if item.gsnr_db is None else item.band),  # one band alone needs no name
    ("format", lambda item: item.modulation_format),
    ("latency ms", lambda item: _number(item.latency_ms, 2)),
    ("GSNR dB", lambda item: _number(item.gsnr_db, 2)),
    ("margin dB", lambda item: _number(item.margin_db, 2)),
    ("W", lambda item: _number(item.marginal_w, 1)),
    ("decided by", lambda item: f"{item.decided_by} ({item.policy})" if item.policy else item.decided_by),
    ("total ms", lambda item: _number(item.total_ms, 0)),
)
