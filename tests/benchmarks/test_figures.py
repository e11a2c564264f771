"""Figures of the pages: each is the one that is stored, and none is typed by hand a second time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.figures import FIGURE, TABLE, pages, rewritten

NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*\.?\d*(?: ± [\d.,]*\d)?(?!\w|[.,]\d)")
# The same digits, and not the same figure.
COINCIDENCES = {
    "213.3",  # the earlier generalist on DeepRMSA NSFNET; the one that ships on JPN48
    "4,096",  # slots of a link, in a benchmark and in the grid's law
}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_marked_figures_of_a_page_are_the_stored_ones(page: Path) -> None:
    assert rewritten(page.read_text()) == page.read_text(), "run: make figures"


def test_no_stored_figure_is_typed_by_hand_in_a_second_place() -> None:
    marked: set[str] = set()
    by_hand: dict[str, set[str]] = {}
    for page in pages():
        text = page.read_text()
        for found in (*TABLE.finditer(text), *FIGURE.finditer(text)):
            marked |= precise(re.sub(r"<!--.*?-->", "", found[0], flags=re.DOTALL))
        for figure in precise(FIGURE.sub("", TABLE.sub("", text))):
            by_hand.setdefault(figure, set()).add(page.name)

    assert len(marked) > 300
    assert {figure: by_hand[figure] for figure in marked & by_hand.keys() - COINCIDENCES} == {}
    twice = {figure: where for figure, where in by_hand.items() if "±" in figure and len(where) > 1}
    assert twice == {}


def precise(text: str) -> set[str]:
    """Numbers of four digits or more, and those with an interval: no two figures share them by chance."""
    found = (number.rstrip(",.") for number in NUMBER.findall(text))
    return {number for number in found if "±" in number or len(re.sub(r"\D", "", number).strip("0")) >= 4}


def test_rows_and_single_figures_are_written_from_the_file(tmp_path: Path) -> None:
    rows = [{"load": 1300, "blocked": 0.0116, "bound": None}, {"load": 60, "blocked": 0.5, "bound": 2.25}]
    (tmp_path / "made-up.json").write_text(json.dumps({"runs": [{"rows": rows}], "rate": 7.341e6}))
    mark = "<!-- figures made-up runs[0][rows]\n| {load:,} | {blocked*100:.1f} | {bound} | -->\n\n"
    head = f"{mark}| Erlang | % | |\n|---|---|---|\n"
    sentence = "\nIt does <!--= made-up rate/1e6:.2f-->{}<!--/--> million.\n"

    written = rewritten(f"{head}| stale | 0 | 0 |\n{sentence.format(0)}", tmp_path)

    assert written == f"{head}| 1,300 | 1.2 | |\n| 60 | 50.0 | 2.25 |\n{sentence.format(7.34)}"
    assert rewritten(written, tmp_path) == written


@pytest.mark.parametrize(
    "mark",
    [
        "<!--= made-up blocked:.2f-->1<!--/-->",
        "<!--= nowhere rate-->1<!--/-->",
        "<!-- figures made-up rows\n| {load} | -->\n\n| load |\n|---|\n",
    ],
)
def test_a_mark_without_a_stored_figure_is_an_error(mark: str, tmp_path: Path) -> None:
    (tmp_path / "made-up.json").write_text('{"rate": 1}')

    with pytest.raises(ValueError, match=r"blocked|nowhere|rows"):
        rewritten(mark, tmp_path)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_no_line_begins_with_a_figure_since_markdown_takes_that_for_html(page: Path) -> None:
    begun = [line for line in page.read_text().splitlines() if line.lstrip().startswith("<!--=")]
    assert not begun, "put a word before the comment"
