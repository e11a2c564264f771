"""Only what has changed is sent; applied to what was there it gives what is there now."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from controlplane.console import charts, spectrum
from controlplane.console.network import NetworkCopy
from controlplane.console.palette import DARK, LIGHT, Palette
from controlplane.console.patches import changed_items, key, patches, row_patch
from topologies.grid import c_band
from topologies.model import Topology


def applied(options: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The items of each series after the patches, as the browser has them; the order does not count."""
    items = {each["id"]: {key(item): item for item in each["data"]} for each in options["series"]}
    for patch in found:
        if "data" in patch:
            items[patch["id"]] = {key(item): item for item in patch["data"]}
            continue
        for name in patch["gone"]:
            del items[patch["id"]][name]
        items[patch["id"]] |= {key(item): item for item in patch["put"]}
    return items


def grid(state: NetworkCopy, palette: Palette = LIGHT) -> dict[str, Any]:
    return spectrum.spectrum_frame(state, palette, None, 1)


def test_a_set_up_and_a_release_send_their_own_blocks_only(fake: Any, nsfnet: Topology) -> None:
    first, *_ = (fake.place(*pair) for pair in (("WA", "NY"), ("CA2", "DC"), ("TX", "MI"), ("UT", "GA")))
    fake.place("CA1", "IL")
    before = NetworkCopy(nsfnet, (c_band(100),), True).apply(fake.version, fake.changes)
    known = fake.version
    fake.remove(first)
    added = fake.place("NE", "NJ")
    after = before.apply(fake.version, fake.changes[known:])

    assert patches(grid(before), grid(after)) == []
    blocks = [spectrum.blocks_of(state) for state in (before, after)]
    gone, put = changed_items(*blocks)
    assert (gone, set(put)) == ([first], {added})
    assert {name: each for name, each in blocks[0].items() if name not in gone} | put == blocks[1]

    window = charts.frame(nsfnet)
    drawn = [charts.network_map(state, None, LIGHT, window) for state in (before, after)]
    found = patches(*drawn)
    assert found is not None
    assert applied(drawn[0], found) == applied(drawn[1], [])
    paths = (before.lightpaths[first], after.lightpaths[added])
    moved = {frozenset(hop) for path in paths for hop in pairwise(path.nodes)}
    sent = next(patch for patch in found if patch["id"] == "fibres")["put"]
    assert {frozenset(item["name"].split(" – ")) for item in sent} <= moved


def test_nothing_changed_sends_nothing_and_other_colours_send_all(fake: Any, nsfnet: Topology) -> None:
    fake.place("WA", "NY")
    state = NetworkCopy(nsfnet, (c_band(100),), True).apply(fake.version, fake.changes)
    assert patches(grid(state), grid(state)) == []
    assert patches(grid(state), grid(state, DARK)) is None


def test_a_table_is_sent_the_rows_that_came_and_went() -> None:
    before = [{"uuid": each, "chosen": each == "c"} for each in "abcde"]
    after = [{"uuid": each, "chosen": each == "b"} for each in "xabcey"]
    found = row_patch(before, after, "uuid")
    assert found is not None
    rows = [row for row in before if row["uuid"] not in found["gone"]]
    for place, row in found["put"]:
        rows.insert(place, row)
    assert rows == after
    assert len(found["put"]) == 4
    assert row_patch(before, before[::-1], "uuid") is None
    assert row_patch(before, [after[0], after[0]], "uuid") is None
