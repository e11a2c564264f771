"""The registry as a panel: versions with what each learned from and scored, the budget, the buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from controlplane.console.loop import rows
from controlplane.console.loop.asking import ask
from controlplane.console.loop.charts import training_curve
from controlplane.console.loop.dialogs import Dialogs, go_button
from controlplane.console.loop.document import LoopDocument
from controlplane.console.loop.events import PageLink
from controlplane.console.loop.panels import anchor
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
        self._rows: dict[str, _VersionRow] = {}
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
        self._dialogs = Dialogs()

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
        for number in self._rows.keys() - {row["number"] for row in listed}:
            self._rows.pop(number).delete()
        for place, row in enumerate(listed):
            number = row["number"]
            if number not in self._rows:
                with self._body:
                    self._rows[number] = _VersionRow(number, place, self._details, self._ask_promote)
            self._rows[number].show(row, clock)

    def _details(self, number: str) -> None:
        document = self._document
        item = document.version(number) if document else None
        if document is None or item is None:
            return

        def fill(_: ui.dialog) -> None:
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

        self._dialogs.open(f"Version {number}: {item.policy}", fill)

    def _ask_promote(self, number: str) -> None:
        def fill(dialog: ui.dialog) -> None:
            ui.label(
                f"Version {number} may serve. It is put into a free model slot, its answers are compared "
                "with those that were recorded when it was made, then it takes over."
            )
            go_button("Promote", dialog, lambda: ask("/loop/promote", {"version": number}))

        self._dialogs.open(f"Promote version {number}", fill)

    def _ask_roll_back(self) -> None:
        document = self._document
        if document is None or not document.champion:
            return
        number = document.champion

        def fill(dialog: ui.dialog) -> None:
            ui.label("The champion of before is put back into service. The promotion log keeps the reason.")
            reason = ui.input("Reason").props(f"{FIELD} data-testid=roll-back-reason maxlength=200")
            go_button(
                "Roll back",
                dialog,
                lambda: ask("/loop/roll-back", {"version": number, "reason": reason.value or ""}),
            )

        self._dialogs.open(f"Roll back version {number}", fill)

    def _ask_train(self) -> None:
        self._dialogs.open("Start a training", _fill_training)


class _VersionRow:
    """One version; its elements stay as long as it is listed, only their words change.

    An element that is made anew under somebody's pointer takes the press with it.
    """

    def __init__(
        self, number: str, place: int, on_details: Callable[[str], None], on_promote: Callable[[str], None]
    ) -> None:
        self._shown: Mapping[str, Any] = {}
        self._number, self._on_promote = number, on_promote
        with ui.element("tr").props("data-testid=version-row") as self._row:
            with ui.element("td"):
                ui.button(number, color=None, on_click=lambda: on_details(number)).props(
                    f"flat dense no-caps data-testid=version-{number} aria-label='Version {number}: details'"
                ).classes("as-link")
                self._aliases = ui.element("span")
            self._words: dict[str, tuple[ui.element, ui.label]] = {}
            for name in ("policy", "gate", "score", "p99", "energy"):
                with ui.element("td") as cell:
                    self._words[name] = cell, ui.label("")
            with ui.element("td"):
                self._made = ui.html("", sanitize=False, tag="span").classes("when")
            self._buttons = ui.element("td")
        self._row.move(target_index=place)

    def delete(self) -> None:
        """Take it away."""
        self._row.delete()

    def show(self, row: Mapping[str, Any], clock: Clock) -> None:
        """Bring it in step."""
        before, self._shown = self._shown, row
        self._row.classes(replace="serves" if row["serves"] else "")
        self._made.set_content(clock.html(row["made_s"]))
        for name, (_, label) in self._words.items():
            label.set_text(row[name])
        self._words["gate"][0].classes(replace=f"gate-{row['gate']}")
        if row["aliases"] != before.get("aliases"):
            self._aliases.clear()
            with self._aliases:
                for alias in row["aliases"]:
                    ui.label(f"@{alias}").classes("tag")
        if row["may_serve"] != before.get("may_serve"):
            self._buttons.clear()
            if row["may_serve"]:
                number = self._number
                with self._buttons:
                    button = _button("Promote", f"promote-{number}", lambda: self._on_promote(number))
                button.props(f"aria-label='Promote version {number}'")


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


def _fill_training(dialog: ui.dialog) -> None:
    """What a training may be told, and the button that starts it."""
    ui.label("What is empty is as configured. The challenger serves only if it passes the gate.")
    only = ui.checkbox("Only a new demand forecast for the champion").props("data-testid=only-forecast")
    window = ui.input("Learn from, such as last:5000 or the id of a window")
    window.props(f"{FIELD} data-testid=train-window")
    budget = ui.number("Budget of search and PPO, s", min=1, format="%g").props(
        f"{FIELD} data-testid=train-budget"
    )
    settings = ui.input("Settings, such as training.seed=7 training.learning_rate=0.0003")
    settings.props(f"{FIELD} data-testid=train-settings")
    reason = ui.input("Reason").props(f"{FIELD} data-testid=train-reason maxlength=200")
    for field in (budget, settings):
        field.bind_enabled_from(only, "value", lambda value: not value)

    def order() -> dict[str, Any]:
        body: dict[str, Any] = {
            "reason": reason.value or "",
            "window": window.value or "",
            "only_forecast": bool(only.value),
            "settings": (settings.value or "").split(),
        }
        return body | ({"training_budget_s": budget.value} if budget.value else {})

    go_button("Start", dialog, lambda: ask("/loop/train", order()))


def _facts(told: list[rows.Fact]) -> None:
    with ui.element("dl").classes("facts wide"):
        for fact in told:
            with ui.element("dt").classes("fact-name"):
                ui.label(fact.name)
            with ui.element("dd").classes("fact-value"):
                ui.label(fact.words)
