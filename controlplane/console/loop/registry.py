"""The registry as a panel: versions with what each learned from and scored, the budget, the buttons."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import ui

from controlplane.console.loop import rows
from controlplane.console.loop.asking import AskRefused, ask
from controlplane.console.loop.charts import training_curve
from controlplane.console.loop.document import LoopDocument
from controlplane.console.loop.events import PageLink
from controlplane.console.loop.panels import anchor, when
from controlplane.console.palette import Palette
from controlplane.console.panels import box, replace_options, text
from controlplane.console.times import Clock

HEADS = ("Version", "Policy", "Gate", "Blocked at the gate (95 %)", "p99, ms", "pJ/bit", "Made", "")
FIELD = "outlined dense hide-bottom-space"
NO_VERSION = "No version yet. The first `lightloop up` registers one, and every training makes another."


class RegistryPanel:
    """Versions with their figures; details and promotion of each; training and roll-back."""

    def __init__(self) -> None:
        self._drawn: object = None
        self._document: LoopDocument | None = None
        with box("panel registry", "registry"):
            with box("panel-head"):
                text("Registry", "panel-title")
                self._budget = text("", "panel-note", "budget")
                box("push")
                self._train = _button("Retrain…", "retrain", self._ask_train)
                self._back = _button("Roll back…", "roll-back", self._ask_roll_back)
            with box("scroll-x"), ui.element("table").classes("tabled"):
                with ui.element("thead"), ui.element("tr"):
                    for head in HEADS:
                        with ui.element("th").props("scope=col"):
                            ui.html(head, sanitize=False, tag="span")
                self._body = ui.element("tbody")
            self._empty = text(NO_VERSION, "empty")

    def show(self, document: LoopDocument | None, clock: Clock) -> None:
        """Bring the panel in step; what has not changed stays, and with it the keyboard's place."""
        self._document = document
        if document is None:
            return
        self._budget.set_text(rows.budget_words(document))
        told = (document.versions, document.champion, clock)
        if told == self._drawn:
            return
        self._drawn = told
        self._back.set_enabled(len(document.served) > 1)
        listed = rows.version_rows(document)
        self._empty.set_visibility(not listed)
        self._body.clear()
        with self._body:
            for row in listed:
                self._row(row, clock)

    def _row(self, row: Mapping[str, Any], clock: Clock) -> None:
        with ui.element("tr").classes("serves" if row["serves"] else "").props("data-testid=version-row"):
            with ui.element("td"):
                ui.button(row["number"], color=None, on_click=lambda: self._details(row["number"])).props(
                    f"flat dense no-caps data-testid=version-{row['number']} "
                    f"aria-label='Version {row['number']}: details'"
                ).classes("as-link")
                for alias in row["aliases"]:
                    ui.label(f"@{alias}").classes("tag")
            for name in ("policy", "gate", "score", "p99", "energy"):
                with ui.element("td").classes(f"gate-{row['gate']}" if name == "gate" else ""):
                    ui.label(row[name])
            with ui.element("td"):
                when(row["made_s"], clock)
            with ui.element("td"):
                if row["may_serve"]:
                    number = row["number"]
                    button = _button("Promote", f"promote-{number}", lambda: self._ask_promote(number))
                    button.props(f"aria-label='Promote version {number}'")

    def _details(self, number: str) -> None:
        document = self._document
        item = document.version(number) if document else None
        if document is None or item is None:
            return
        with _dialog(f"Version {number}: {item.policy}") as dialog:
            _facts(rows.version_facts(item))
            told = rows.hyperparameters(item)
            if told:
                text("Hyperparameters", "panel-title")
                _facts(told)
            with box("event-links"):
                anchor(PageLink("Model version", document.links.version(document.model_name, number)))
                if item.run_id:
                    anchor(PageLink("MLflow run", document.links.run(item.run_id)))
                    if item.gate in ("passed", "failed"):
                        anchor(PageLink("Gate's report", document.links.run(item.run_id, "gate/report.html")))
                if item.flow_run_id:
                    anchor(PageLink("Prefect run", document.links.flow_run(item.flow_run_id)))
        dialog.open()

    def _ask_promote(self, number: str) -> None:
        said = (
            f"Version {number} passed its gate. It is put into a free model slot, its answers are compared "
            "with those that the gate measured, then it takes over."
        )
        _confirm(
            f"Promote version {number}", said, "Promote", lambda: ask("/loop/promote", {"version": number})
        )

    def _ask_roll_back(self) -> None:
        document = self._document
        if document is None or not document.champion:
            return
        number = document.champion
        with _dialog(f"Roll back version {number}") as dialog:
            ui.label("The champion of before is put back into service. The promotion log keeps the reason.")
            reason = ui.input("Reason").props(f"{FIELD} data-testid=roll-back-reason maxlength=200")

            async def go() -> None:
                body = {"version": number, "reason": reason.value or ""}
                await _started(dialog, lambda: ask("/loop/roll-back", body))

            _go("Roll back", go)
        dialog.open()

    def _ask_train(self) -> None:
        with _dialog("Start a training") as dialog:
            ui.label(
                "The challenger meets the gate, and serves only if it passes. What is empty is as configured."
            )
            only = ui.checkbox("Only a new demand forecast for the champion").props(
                "data-testid=only-forecast"
            )
            window = ui.input(
                "Learn from", placeholder="last:5000, or the id of a window; empty: drawn traffic"
            )
            window.props(f"{FIELD} data-testid=train-window")
            budget = ui.number("Budget of search and PPO, s", min=1, format="%g").props(
                f"{FIELD} data-testid=train-budget"
            )
            settings = ui.input("Settings", placeholder="training.seed=7 training.learning_rate=0.0003")
            settings.props(f"{FIELD} data-testid=train-settings")
            reason = ui.input("Reason").props(f"{FIELD} data-testid=train-reason maxlength=200")
            for field in (budget, settings):
                field.bind_enabled_from(only, "value", lambda value: not value)

            async def go() -> None:
                body: dict[str, Any] = {
                    "reason": reason.value or "",
                    "window": window.value or "",
                    "only_forecast": bool(only.value),
                    "settings": (settings.value or "").split(),
                }
                if budget.value:
                    body["training_budget_s"] = budget.value
                await _started(dialog, lambda: ask("/loop/train", body))

            _go("Start", go)
        dialog.open()


class CurvePanel:
    """The live curve of the training that runs, or of the last one."""

    def __init__(self) -> None:
        self._drawn: object = None
        with box("panel curve", "curve"):
            with box("panel-head"):
                text("Training", "panel-title")
                self._note = text("", "panel-note", "curve-note")
            self._chart = ui.echart({}).classes("chart")
            self._chart.props(
                "role=img aria-label='Blocking of the policy in training against the best baseline'"
            )
            self._said = text("", "curve-said", "curve-said")
            self._empty = text("No training yet. Retrain starts one; so do drift and the night.", "empty")

    def show(self, document: LoopDocument | None, palette: Palette) -> None:
        """Bring the curve in step."""
        curve = document.curve if document else None
        told = (curve, palette)
        if told == self._drawn:
            return
        self._drawn = told
        has_points = curve is not None and bool(curve.points)
        self._chart.set_visibility(has_points)
        self._empty.set_visibility(curve is None)
        self._said.set_text(curve.steps[-1].text if curve and curve.steps else "")
        if curve is None:
            return
        last = curve.points[-1] if curve.points else None
        done = f", {last.stage} {100 * last.share_done:.0f} % done" if last and curve.is_running else ""
        self._note.set_text(f"under way{done}" if curve.is_running else "ended")
        if has_points:
            replace_options(self._chart, training_curve(curve, palette))


def _button(words: str, testid: str, on_click: Callable[[], Any]) -> ui.button:
    button = ui.button(words, color=None, on_click=on_click).classes("small-button")
    return button.props(f"flat dense no-caps data-testid={testid}")


def _dialog(title: str) -> Any:
    """A dialog with its title; what is put into it stands below."""
    dialog = ui.dialog().props(f"aria-label='{title}'")
    with dialog:
        card = ui.card().classes("dialog").props("data-testid=dialog")
    with card:
        text(title, "dialog-title")
    return _Filled(dialog, card)


class _Filled:
    """A dialog whose ``with`` fills its card."""

    def __init__(self, dialog: ui.dialog, card: ui.card) -> None:
        self._dialog, self._card = dialog, card

    def __enter__(self) -> ui.dialog:
        self._card.__enter__()
        return self._dialog

    def __exit__(self, *_: Any) -> None:
        with ui.row().classes("dialog-foot"):
            ui.button("Close", color=None, on_click=self._dialog.close).props(
                "flat no-caps data-testid=close"
            )
        self._card.__exit__(*_)


def _facts(told: list[rows.Fact]) -> None:
    with ui.element("dl").classes("facts wide"):
        for fact in told:
            with ui.element("dt").classes("fact-name"):
                ui.label(fact.name)
            with ui.element("dd").classes("fact-value"):
                ui.label(fact.words)


def _go(words: str, on_click: Callable[[], Awaitable[None]]) -> None:
    button = ui.button(words, color=None, on_click=on_click).classes("main-button")
    button.props("unelevated no-caps data-testid=go")


def _confirm(title: str, said: str, words: str, asked: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    with _dialog(title) as dialog:
        ui.label(said)
        _go(words, lambda: _started(dialog, asked))
    dialog.open()


async def _started(dialog: ui.dialog, asked: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Ask, and say what came of it."""
    try:
        told = await asked()
    except AskRefused as error:
        ui.notify(f"Not done: {error}", type="negative", position="bottom-right", timeout=8000)
        return
    dialog.close()
    ui.notify(
        f"Under way: flow run {told['flow_run_id'][:8]}. It appears on the time axis.",
        type="positive",
        position="bottom-right",
    )
