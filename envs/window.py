"""A stretch of operation that can be lived through again: what stood, what was asked, what became of it.

Times are seconds since the window began. Within a window the order of times is the order in which the network
changed. Not here: making one from the logs (``tasks/operation``), running one (``replay_window.py``).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from envs.errors import PlantError
from envs.network import ServiceLife
from envs.trace import Trace, TraceError, read_trace, write_trace

WINDOW_SCHEMA_VERSION = 1
ABOUT_FILE, TRACE_FOLDER, LIVE_FILE = "window.json", "trace", "live.parquet"

HappeningKind = Literal["link-failed", "link-repaired", "lightpath-added", "lightpath-removed"]


class WindowError(PlantError):
    """A window that cannot be made or read; says which and why."""


@dataclass(frozen=True)
class Placed:
    """The slots that a lightpath holds.

    Attributes:
        nodes: node names, source first.
        first_slot, num_slots: block of slots, guard included.
        modulation_format: by name.
    """

    nodes: tuple[str, ...]
    first_slot: int
    num_slots: int
    modulation_format: str


@dataclass(frozen=True)
class Standing:
    """A lightpath that was up when the window began.

    Attributes:
        service: UUID of its service.
        placed: where it stands.
        bit_rate_gbps: that it carries.
        service_class: by name.
        age_s: since its service was asked for.
        departs_s: when it departs, after the window's begin; may lie after its end.
        is_drawn: the departure was drawn from the fitted holding times, not seen.
        told_end_s: when it ends, as its client told it, after the window's begin; None: not told.
    """

    service: str
    placed: Placed
    bit_rate_gbps: float
    service_class: str
    age_s: float
    departs_s: float
    is_drawn: bool
    told_end_s: float | None = None

    @property
    def life(self) -> ServiceLife:
        """What is known of how long it stays."""
        told_end_s = math.inf if self.told_end_s is None else self.told_end_s
        return ServiceLife(-self.age_s, told_end_s, self.service_class)


@dataclass(frozen=True)
class Live:
    """What became of one request of the window when it was first asked.

    Attributes:
        service: UUID of the service; empty where the asker named none.
        decision_id: key of the decision log.
        placed: None where it was blocked, or its set-up failed.
        decided_by: ``model``, ``fallback`` or ``none``.
        model_version: of the registry; empty unless the model decided.
        is_drawn: its departure was drawn from the fitted holding times: blocked, or still up at the end.
        is_comparable: the version in service must choose the same again: it decided alone, on the state that
            a replay of the logged choices shows, with no constraint of the client's but those of the trace.
    """

    service: str
    decision_id: str
    placed: Placed | None
    decided_by: str
    model_version: str
    is_drawn: bool
    is_comparable: bool


@dataclass(frozen=True)
class Happening:
    """A change of the network that is neither a request's first set-up nor its departure.

    Attributes:
        time_s: when.
        kind: as in the controller's change log.
        cause: ``cut``, ``restore``, ``repair``, ``create`` (asked again and carried then) ...
        service: whose lightpath; empty for a link.
        nodes: ends of the link; empty for a lightpath.
        placed: the lightpath added or removed; None for a link.
    """

    time_s: float
    kind: HappeningKind
    cause: str
    service: str = ""
    nodes: tuple[str, ...] = ()
    placed: Placed | None = None


@dataclass(frozen=True)
class Window:
    """One stretch of operation.

    Attributes:
        trace: the requests in order of arrival; a request counts once, when it was first asked. Its
            ``holding_s`` ends with its departure.
        live: what became of each request of the trace, in the same order.
        standing: what was up at the begin.
        failed_links: ends of the links that were cut at the begin.
        happenings: in order of time.
        at_end: service: where its lightpath stood at the end, by the controller's change log.
        began_s: since 1970-01-01 UTC.
        duration_s: of the window.
        versions: first and last version of the controller's change log in the window, (after, up to).
    """

    trace: Trace
    live: tuple[Live, ...]
    standing: tuple[Standing, ...]
    failed_links: tuple[tuple[str, str], ...]
    happenings: tuple[Happening, ...]
    at_end: dict[str, Placed]
    began_s: float
    duration_s: float
    versions: tuple[int, int]

    def __post_init__(self) -> None:
        if len(self.live) != self.trace.num_requests:
            raise WindowError(f"{len(self.live)} outcomes of {self.trace.num_requests} requests")

    @property
    def id(self) -> str:
        """16 hex digits over the trace's id and everything else that is in it."""
        content = [self.trace.id, [asdict(item) for item in self.live], _about(self)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def write_window(window: Window, folder: str | os.PathLike[str]) -> Path:
    """The folder ``<id>`` in ``folder``, written whole or not at all; one that is there stays as it is."""
    target = Path(folder) / window.id
    if target.is_dir():
        return target
    Path(folder).mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder, prefix=f".{window.id}-"))
    try:
        write_trace(window.trace, unfinished / TRACE_FOLDER)
        import pandas as pd  # here: it loads for half a second

        pd.DataFrame([asdict(item) for item in window.live]).to_parquet(unfinished / LIVE_FILE)
        about = _about(window) | {"schema_version": WINDOW_SCHEMA_VERSION, "trace": window.trace.id}
        (unfinished / ABOUT_FILE).write_text(json.dumps(about))
        os.chmod(unfinished, 0o755)
        os.rename(unfinished, target)
    except OSError as error:
        if not target.is_dir():  # else another process wrote the same
            raise WindowError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def read_window(path_or_id: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> Window:
    """The window in a folder, or by its id in ``folder``.

    Raises:
        WindowError: there is none, it is damaged, or of another schema version.
    """
    import pandas as pd

    path = Path(path_or_id)
    if folder is not None and not path.is_dir():
        path = Path(folder) / path.name
    try:
        about = json.loads((path / ABOUT_FILE).read_text())
        if about.pop("schema_version") != WINDOW_SCHEMA_VERSION:
            raise WindowError(
                f"{path}: of another schema version than {WINDOW_SCHEMA_VERSION}; make it again"
            )
        rows: list[Any] = pd.read_parquet(path / LIVE_FILE).to_dict("records")
        window = Window(
            trace=read_trace(about.pop("trace"), path / TRACE_FOLDER),
            live=tuple(Live(**(row | {"placed": _placed(row["placed"])})) for row in rows),
            standing=tuple(Standing(**(i | {"placed": _placed(i["placed"])})) for i in about["standing"]),
            failed_links=tuple((a, b) for a, b in about["failed_links"]),
            happenings=tuple(_happening(item) for item in about["happenings"]),
            at_end={service: _placed_there(item) for service, item in about["at_end"].items()},
            began_s=about["began_s"],
            duration_s=about["duration_s"],
            versions=(about["versions"][0], about["versions"][1]),
        )
    except FileNotFoundError:
        raise WindowError(f"{path}: no such window; `lightloop trace from-operation` makes one") from None
    except (TraceError, KeyError, TypeError, ValueError, OSError) as error:
        raise error if isinstance(error, WindowError) else WindowError(f"{path}: {error}") from None
    if window.id != path.name:
        raise WindowError(f"{path}: the content has id {window.id}; it was changed after it was written")
    return window


def _about(window: Window) -> dict[str, Any]:
    """What is kept as JSON: everything but the trace and the requests' outcomes."""
    return {
        "standing": [_standing(item) for item in window.standing],
        "failed_links": [list(ends) for ends in window.failed_links],
        "happenings": [asdict(item) for item in window.happenings],
        "at_end": {service: asdict(item) for service, item in sorted(window.at_end.items())},
        "began_s": window.began_s,
        "duration_s": window.duration_s,
        "versions": list(window.versions),
    }


def _standing(item: Standing) -> dict[str, Any]:
    """As JSON; what nobody told is left out, so that windows of older versions keep their ids."""
    fields = asdict(item)
    return fields if item.told_end_s is not None else {k: v for k, v in fields.items() if k != "told_end_s"}


def _placed(fields: Any) -> Placed | None:
    return None if fields is None else _placed_there(fields)


def _placed_there(fields: Any) -> Placed:
    nodes: Sequence[str] = fields["nodes"]
    return Placed(
        tuple(nodes), int(fields["first_slot"]), int(fields["num_slots"]), fields["modulation_format"]
    )


def _happening(fields: dict[str, Any]) -> Happening:
    return Happening(**(fields | {"nodes": tuple(fields["nodes"]), "placed": _placed(fields["placed"])}))
