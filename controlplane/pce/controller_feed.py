"""What the controller tells a follower: its state at one version, and the changes after it, page by page.

Pages are checked here, at the border (docs/contracts.md). Not here: what they are applied to
(``databases.py``).
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controlplane.state_headers import STATE_CHANGES
from controlplane.tapi.errors import error_reason

Key = tuple[str, tuple[str, ...], int, int]  # service, nodes, first slot, number of slots


class DatabasesError(ValueError):
    """The databases cannot be brought to the version asked for; says which and why."""


class NotKeptError(DatabasesError):
    """What was asked for is not kept there: the snapshot must be taken, or begun again."""


class FeedEntry(BaseModel):
    """One change of the controller's state; in a snapshot, the change that made what stands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    kind: Literal[
        "lightpath-added",
        "lightpath-removed",
        "link-failed",
        "link-repaired",
        "service-removed",
        "drained",
        "undrained",
        "locked",
        "unlocked",
    ]
    nodes: tuple[str, ...] = Field(min_length=1)  # one: a node is drained, or takes what comes again
    service_uuid: str = ""
    first_slot: int = 0
    num_slots: int = 0
    modulation_format: str = ""  # empty in a store of a version that did not tell it
    ends_s: float | None = None  # when its service ends, as the client told it; since 1970 UTC
    began_s: float = 0.0  # when its service was first set up; 0: with this change, or not known
    service_class: str = ""
    decision_id: str = ""  # that the lightpath was set up by; empty where it is not told
    time_s: float = 0.0  # since 1970 UTC; 0: not known

    @property
    def key(self) -> Key:
        """Which lightpath is meant: a service that is moved has two for a moment."""
        return self.service_uuid, self.nodes, self.first_slot, self.num_slots


class ChangePage(BaseModel):
    """What ``GET /changes`` answers.

    ``version`` is that of the last change in it, ``last`` that of the newest. ``store`` names the
    controller's database: versions of two databases do not compare.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    last: int
    store: str
    changes: tuple[FeedEntry, ...] = ()


class SnapshotPage(BaseModel):
    """What ``GET /snapshot`` answers; ``next`` is None on the last page."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    store: str
    next: int | None
    changes: tuple[FeedEntry, ...] = ()


PageType = TypeVar("PageType", bound=BaseModel)


class ControllerFeed(Protocol):
    """The controller as a follower sees it."""

    async def changes(self, since: int, store: str) -> ChangePage:
        """The next changes after a version of a store.

        Raises:
            NotKeptError: it has them not, or not any more.
            DatabasesError: no answer, or one that is not as agreed.
        """

    async def snapshot(self, version: int | None, after: int) -> SnapshotPage:
        """A page of the state: the first one of now, the others of the version that the first one named.

        Raises:
            NotKeptError: that version is not kept any more.
            DatabasesError: no answer, or one that is not as agreed.
        """


def read_told(header: str) -> ChangePage:
    """The changes that came with a question (``STATE_CHANGES``).

    Raises:
        DatabasesError: they are not as agreed, as of a controller of another version.
    """
    try:
        return ChangePage.model_validate_json(header)
    except ValidationError as error:
        raise DatabasesError(f"the controller's {STATE_CHANGES} is not as agreed: {_first(error)}") from None


class HttpControllerFeed:
    """The controller over HTTP.

    Args:
        client: its base address and credentials are the controller's.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def changes(self, since: int, store: str) -> ChangePage:
        """As ``ControllerFeed.changes``."""
        return await self._page(ChangePage, "/changes", {"since": since, "store": store})

    async def snapshot(self, version: int | None, after: int) -> SnapshotPage:
        """As ``ControllerFeed.snapshot``."""
        asked = {} if version is None else {"version": version, "after": after}
        return await self._page(SnapshotPage, "/snapshot", asked)

    async def _page(self, kind: type[PageType], path: str, asked: dict[str, Any]) -> PageType:
        try:
            response = await self._client.get(path, params=asked)
            if response.status_code == httpx.codes.GONE:
                raise NotKeptError(error_reason(response.json()))
            response.raise_for_status()
            return kind.model_validate_json(response.content)
        except httpx.HTTPStatusError as error:
            raise DatabasesError(
                f"the controller answered {error.response.status_code} to {error.request.url}"
            ) from None
        except httpx.HTTPError as error:
            raise DatabasesError(
                f"no answer from the controller at {self._client.base_url}: {error!r}"
            ) from None
        except ValidationError as error:
            raise DatabasesError(f"the controller's {path} is not as agreed: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """Place and message of the first thing that is wrong."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
