"""Rows and facts of registry, drift and lineage as people read them. Pure. Not here: how they look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.console.loop.document import DemandThenAndNow, LoopDocument, ShownVersion
from controlplane.console.loop.events import PageLink
from controlplane.console.loop.timeline import score_text

GATES = {"": "none needed", "passed": "passed", "failed": "failed", "pending": "awaits its gate"}
WINDOW_NAMES = {"window": "window", "window.learned": "learned from", "window.held_out": "judged on"}
MOST_PAIRS = 8
UNITS = {"gbps": "Gb/s", "ms": "ms", "s": "s", "db": "dB", "km": "km", "w": "W"}  # by the end of a name


@dataclass(frozen=True)
class Fact:
    """A name and what is said of it."""

    name: str
    words: str


@dataclass(frozen=True)
class PairShift:
    """A node pair's share of the requests, then and now, and the forecast's weight (mean 1)."""

    pair: str
    then: float
    now: float
    weight: float | None


def version_rows(document: LoopDocument) -> list[dict[str, Any]]:
    """Rows of the registry, the newest first."""
    return [
        {
            "number": item.number,
            "policy": item.policy,
            "aliases": list(item.aliases),
            "gate": GATES.get(item.gate, item.gate),
            "score": "–" if item.score is None else score_text(item.score),
            "p99": _figure(item, "answer_p99_ms", "{:.1f}"),
            "energy": _figure(item, "energy_per_bit_pj", "{:,.0f}"),
            "made_s": item.made_s,
            "serves": item.number == document.champion,
            "may_serve": item.gate in ("", "passed") and item.number != document.champion,
        }
        for item in reversed(document.versions)
    ]


def version_facts(item: ShownVersion) -> list[Fact]:
    """Everything else of a version."""
    told = [
        Fact("Scenario", f"{item.scenario}, {item.topology}" if item.topology else item.scenario),
        Fact("Started", item.reason or "by the first start of the installation"),
        Fact("Gate", item.verdict or GATES.get(item.gate, item.gate)),
        Fact("Learned from", _learned(item)),
        Fact("Demand forecast", item.forecast or "none"),
        Fact(
            "Rivals at the gate",
            "; ".join(f"{each.role} {each.policy} {score_text(each)}" for each in item.rivals),
        ),
        Fact("Bit-rate blocking", _figure(item, "bit_rate_blocking", "{:.2%}")),
        Fact("Gain over champion", _figure(item, "gain_over_champion", "{:+.1%} of its blocking")),
        Fact("Gain over best baseline", _figure(item, "gain_over_best_baseline", "{:+.1%} of its blocking")),
        Fact("Mean latency", _figure(item, "mean_latency_ms", "{:.2f} ms")),
        Fact("Energy per bit", _figure(item, "energy_per_bit_pj", "{:,.0f} pJ/bit")),
        Fact("Answer, p99", _figure(item, "answer_p99_ms", "{:.1f} ms")),
        Fact("Training took", _figure(item, "training_s", "{:,.0f} s")),
        Fact("Requests searched", _figure(item, "search_requests", "{:,.0f}")),
        Fact("Requests of PPO", _figure(item, "ppo_requests", "{:,.0f}")),
    ]
    return [fact for fact in told if fact.words not in ("", "–")]


def hyperparameters(item: ShownVersion) -> list[Fact]:
    """How it was trained, by name."""
    return [Fact(name, value) for name, value in sorted(item.hyperparameters.items())]


def budget_words(document: LoopDocument) -> str:
    """What is left of the chance of a false promotion."""
    budget = document.budget
    gates = f"{budget.num_gates} gate" + ("" if budget.num_gates == 1 else "s")
    return (
        f"{100 * budget.spent:.2f} % of {100 * budget.yearly:g} % spent by {gates} in 365 days; "
        f"the next gate may spend 1 in {1 / budget.next_alpha:,.0f}"
    )


def pair_shifts(demand: DemandThenAndNow, most: int = MOST_PAIRS) -> tuple[PairShift, ...]:
    """The node pairs whose share has changed most, the greatest change first."""
    weights = {
        (str(pair["source"]), str(pair["destination"])): float(pair["weight"])
        for pair in (demand.forecast.pairs if demand.forecast else ())
    }
    found = []
    then_all, now_all = (max(sum(map(sum, matrix)), 1) for matrix in (demand.then, demand.now))
    for row, source in enumerate(demand.node_names):
        for column, destination in enumerate(demand.node_names):
            then, now = demand.then[row][column] / then_all, demand.now[row][column] / now_all
            if row != column and (then or now):
                both = (source, destination)
                weight = weights.get(both, weights.get(both[::-1]))
                found.append(PairShift(f"{source} → {destination}", then, now, weight))
    return tuple(sorted(found, key=lambda shift: -abs(shift.now - shift.then))[:most])


def lineage_steps(chain: Mapping[str, Any], document: LoopDocument | None) -> Iterator[dict[str, Any]]:
    """A chain as flat steps, each with how deep it lies and with a link where a page tells more."""

    def walk(link: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        facts = [_fact(name, value) for name, value in link["facts"].items()]
        yield {
            "what": str(link["what"]),
            "name": str(link["name"]),
            "depth": depth,
            "facts": facts,
            "missing": link.get("missing") or "",
            "link": _page_of(link, document),
        }
        for behind in link["comes_from"]:
            yield from walk(behind, depth + 1)

    return walk(chain, 0)


def _page_of(link: Mapping[str, Any], document: LoopDocument | None) -> PageLink | None:
    if document is None:
        return None
    what, name, links = link["what"], str(link["name"]), document.links
    if what == "version":
        return PageLink("MLflow", links.version(document.model_name, name.rpartition(" ")[2]))
    if what == "run" and not link.get("missing"):
        return PageLink("MLflow", links.run(name))
    if what == "flow run" and not link.get("missing"):
        return PageLink("Prefect", links.flow_run(name))
    return None


def _learned(item: ShownVersion) -> str:
    parts = [f"trace {trace}" for trace in item.traces]
    parts += [f"{WINDOW_NAMES.get(tag, tag)} {window}" for tag, window in item.windows.items()]
    return ", ".join(parts) or "nothing: it is a rule"


def _figure(item: ShownVersion, name: str, form: str) -> str:
    return form.format(item.figures[name]) if name in item.figures else "–"


def _fact(name: str, value: Any) -> Fact:
    """A fact of a chain, its unit behind the number and not in the name."""
    begin, _, end = name.rpartition("_")
    words = _in_words(value)
    if end in UNITS and isinstance(value, int | float):
        return Fact(begin.replace("_", " "), f"{words} {UNITS[end]}")
    return Fact(name.replace("_", " "), words)


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
