"""What an importer hands over: the network as its file tells it, not yet checked; and how to read it.

Not here: checks, repairs and lengths that are computed (``assembly.py``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from topologies.errors import TopologyError
from topologies.model import FORBIDDEN_IN_NAMES

LENGTH_ATTRIBUTES = ("length_km", "length", "distance_km", "distance", "dist", "km")
PERHAPS_LENGTHS = ("weight", "cost", "metric", "len")  # offered in messages, never taken unasked
KM_BY_UNIT = {"km": 1.0, "m": 1e-3, "mi": 1.609344}


@dataclass(frozen=True)
class ImportOptions:
    """What the reader of a file decides where the file leaves it open."""

    repair: bool = False  # mend what can be mended, and say it
    length_attribute: str | None = None  # link attribute that holds the length
    length_unit: str | None = None  # a key of KM_BY_UNIT, for lengths whose form states no unit
    default_km: float | None = None  # length of links whose length cannot be known
    leave_out_unplaced: bool = False  # drop nodes without coordinates whose links have no length

    def __post_init__(self) -> None:
        if self.length_unit is not None and self.length_unit not in KM_BY_UNIT:
            raise TopologyError(f"length unit {self.length_unit!r}; known: {', '.join(KM_BY_UNIT)}")
        if self.default_km is not None and not 0 < self.default_km < float("inf"):
            raise TopologyError(f"default length is {self.default_km} km; a positive number is needed")


@dataclass(frozen=True)
class Link:
    """A link as a file gives it."""

    node_a: str
    node_b: str
    length_km: float | None  # None: not given
    where: str  # line or element, for messages


@dataclass(frozen=True)
class Draft:
    """A network as read."""

    path: Path  # the file, for messages
    name: str
    source: str  # who published it
    names: Sequence[str]  # nodes in order
    position_deg: Mapping[str, tuple[float, float]]  # (latitude, longitude) of the nodes that have one
    links: Sequence[Link]
    directed: bool = False  # the file says that a link is one direction
    lists_both_ways: bool = False  # the form has each direction of each link; none may be missing
    unit_is_open: bool = False  # lengths were read as km although the form states no unit
    perhaps_lengths: tuple[str, ...] = ()  # link attributes that might be the length
    repairs: tuple[str, ...] = field(default=())  # what the importer mended while reading


def clean_name(text: str) -> str:
    """A node name that can stand in lists and addresses: no commas, slashes or control characters."""
    if not FORBIDDEN_IN_NAMES.search(text):
        return text.strip()
    return " ".join(re.sub(r"[/\\]", "-", text.replace(",", " ")).split())


def distinct_names(labels: Sequence[str], ids: Sequence[str]) -> list[str]:
    """A name for every node: its label, with its id behind where several share the label, or the id alone."""
    cleaned = [clean_name(label) for label in labels]
    count_by_label = Counter(cleaned)
    return [
        (label if count_by_label[label] == 1 else clean_name(f"{label} {node_id}"))
        if label
        else clean_name(node_id)
        for label, node_id in zip(cleaned, ids, strict=True)
    ]


def number(text: object, what: str, where: str) -> float:
    """The number in a text.

    Raises:
        TopologyError: missing, or not a number.
    """
    try:
        return float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TopologyError(f"{where}: {what} is {text!r}; a number is needed") from None


@dataclass
class LengthReader:
    """Finds the length among the attributes of links, and remembers what it was called."""

    options: ImportOptions
    taken: set[str] = field(default_factory=set)
    perhaps: set[str] = field(default_factory=set)

    def length_km(self, attributes: Mapping[str, object], where: str) -> float | None:
        """The length of a link, or None where no attribute holds it.

        Args:
            attributes: of the link, names in lower case.
            where: for messages.

        Raises:
            TopologyError: the attribute is not a number.
        """
        wanted = self.options.length_attribute
        candidates = (wanted.lower(),) if wanted else LENGTH_ATTRIBUTES
        given = next((name for name in candidates if attributes.get(name) not in (None, "")), None)
        if given is None:
            self.perhaps |= {name for name in PERHAPS_LENGTHS if name in attributes}
            return None
        self.taken.add(given)
        unit = "km" if given.endswith("km") else self.options.length_unit or "km"
        return number(attributes[given], given, where) * KM_BY_UNIT[unit]

    @property
    def unit_is_open(self) -> bool:
        """Whether lengths were read as km with nobody having said so."""
        return self.options.length_unit is None and any(not name.endswith("km") for name in self.taken)

    @property
    def remark(self) -> str:
        """What was taken, for the topology's source."""
        unit = self.options.length_unit or "km"
        return f" Lengths: attribute {', '.join(sorted(self.taken))}, read as {unit}." if self.taken else ""


def one_per_pair(links: Sequence[Link]) -> tuple[list[Link], str]:
    """The links with both directions made one, where the file lists each direction of each link; a remark.

    The length of a pair is the longer of its two. In any other case the links come back as they are, and a
    link given twice is for ``assemble`` to judge.
    """
    by_direction = {(link.node_a, link.node_b): link for link in links}
    if len(by_direction) != len(links) or any((b, a) not in by_direction for a, b in by_direction):
        return list(links), ""
    merged: dict[frozenset[str], Link] = {}
    for link in links:
        pair = frozenset((link.node_a, link.node_b))
        kept = merged.setdefault(pair, link)
        if (link.length_km or 0.0) > (kept.length_km or 0.0):
            merged[pair] = Link(kept.node_a, kept.node_b, link.length_km, kept.where)
    return list(merged.values()), " Both directions of a link made one fibre pair, of the longer length."
