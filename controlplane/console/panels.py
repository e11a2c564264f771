"""Parts of the page that only show: header, banner, figures, policy. Not here: the form and the tables."""

from __future__ import annotations

from nicegui import ui

from controlplane.console import charts, viewmodel
from controlplane.console.loop.document import Links
from controlplane.console.palette import Palette
from controlplane.console.patches import patches, script
from controlplane.console.viewmodel import Snapshot

LOGO = """<svg viewBox="0 0 24 24" fill="none" stroke-linecap="round" stroke-width="2.4">
<path d="M12 3.2a8.8 8.8 0 1 1-8.3 5.9" stroke="var(--accent)"/>
<circle cx="6.4" cy="5.2" r="2.1" fill="var(--accent)"/>
<path d="M8.2 12h7.6" stroke="var(--soft)" stroke-width="1.8"/></svg>"""


PAGES = {"Network": "/", "Loop": "/loop", "Side by side": "/compare"}


def box(classes: str, testid: str | None = None) -> ui.element:
    """An empty ``div``; ``with`` it to fill it."""
    element = ui.element("div").classes(classes)
    return element.props(f"data-testid={testid}") if testid else element


def text(words: str, classes: str, testid: str | None = None) -> ui.label:
    """A ``div`` with words."""
    label = ui.label(words).classes(classes)
    return label.props(f"data-testid={testid}") if testid else label


def bring_options(chart: ui.echart, options: dict[str, object], may_patch: bool) -> None:
    """Bring a chart to other options in every browser that shows it; sent is only what has changed.

    Args:
        chart: the chart.
        options: what it is to show.
        may_patch: the browser has drawn it before; else all is sent.
    """
    found = patches(chart.options, options) if may_patch and chart.options else None
    if found is None:
        replace_options(chart, options)
        return
    _keep(chart, options)
    if found:
        chart.client.run_javascript(script(chart.id, found))


def replace_options(chart: ui.echart, options: dict[str, object]) -> None:
    """Draw a chart anew in every browser that shows it."""
    _keep(chart, options)
    chart.update()


def _keep(chart: ui.echart, options: dict[str, object]) -> None:
    """What a browser that comes later gets.

    Set past NiceGUI, which would watch each of thousands of items for changes: 0.1 s for a large network.
    """
    dict.__setitem__(chart.props, "options", options)


def replace_series(chart: ui.echart, series: dict[str, object]) -> None:
    """Draw one series of a chart anew in every browser that shows it, and nothing else."""
    kept = chart.options["series"]
    changed = [series if each["id"] == series["id"] else each for each in kept]
    _keep(chart, {**chart.options, "series": changed})
    chart.run_chart_method("setOption", {"series": [{"id": series["id"], "data": series["data"]}]})


class Header:
    """Name, topology, health of the three parts, links to the other pages, light or dark."""

    def __init__(self, scenario: str, links: Links, model_name: str, dark: bool, page: str) -> None:
        self._scenario, self._pages, self._model_name = scenario, links, model_name
        self._is_pointed = False
        with box("head"):
            with box("brand"):
                ui.html(LOGO, sanitize=False)
                ui.label("lightloop")
            self._place = text("", "brand-sub", "topology")
            box("push")
            with box("chips"):
                self._chips = {name: self._chip(name) for name in ("Controller", "PCE", "Model endpoint")}
            with ui.element("nav").classes("head-links").props("aria-label=Pages"):
                for name, url in PAGES.items():
                    here = " aria-current=page" if name == page else ""
                    ui.link(name, url).classes("head-link").props(
                        f"data-testid=page-{name.split()[0].lower()}{here}"
                    )
                self._links = {
                    name: self._outside(name, url)
                    for name, url in (("Prefect", links.prefect), ("MLflow", links.model(model_name)))
                }
                self.theme_button = ui.button(icon="light_mode" if dark else "dark_mode", color=None).classes(
                    "icon-button"
                )
                self.theme_button.props(
                    "flat round dense size=sm data-testid=theme aria-label='Light or dark'"
                )

    @staticmethod
    def _outside(name: str, url: str) -> ui.link:
        link = ui.link(name, url, new_tab=True).classes("head-link")
        return link.props(f"data-testid=link-{name.lower()}")

    def point(self, url: str) -> None:
        """Have MLflow's link lead to a page, whichever version serves."""
        self._is_pointed = True
        self._links["MLflow"].props(f'href="{url}"')

    @staticmethod
    def _chip(name: str) -> tuple[ui.element, ui.tooltip]:
        with box("chip", f"health-{name.split()[0].lower()}"):
            dot = box("dot")
            ui.label(name)
            tip = ui.tooltip("")
        return dot, tip

    def show(self, snapshot: Snapshot) -> None:
        """Bring the header in step with a snapshot."""
        if snapshot.network:
            topology = snapshot.network.topology
            size = f"{topology.num_nodes} nodes, {len(topology.fibres)} fibre pairs"
            self._place.set_text(f"{topology.name} · {size} · {self._scenario}")
        if not self._is_pointed:
            self._links["MLflow"].props(f'href="{model_page(self._pages, self._model_name, snapshot)}"')
        said = {
            "Controller": viewmodel.controller_health(snapshot),
            "PCE": viewmodel.pce_health(snapshot),
            "Model endpoint": viewmodel.endpoint_health(snapshot),
        }
        for name, (health, words) in said.items():
            dot, tip = self._chips[name]
            dot.classes(replace=f"dot {health}")
            tip.set_text(words)


def model_page(links: Links, model_name: str, snapshot: Snapshot) -> str:
    """MLflow's page of the version in service; while none is, of the model of that name."""
    pce = snapshot.pce
    if pce is None or not pce.model_name or not pce.model_version:
        return links.model(model_name)
    return links.version(pce.model_name, pce.model_version)


class Banner:
    """A line that appears while the controller or the PCE does not answer."""

    def __init__(self) -> None:
        self._box = box("banner", "banner").props("role=alert")
        with self._box:
            ui.icon("cloud_off", size="18px")
            self._words = ui.label("")
        self._box.set_visibility(False)

    def show(self, snapshot: Snapshot) -> None:
        """Appear or vanish."""
        words = ""
        if snapshot.controller_fault:
            words = f"Controller {snapshot.controller_fault}. Showing the last known state; trying again."
        elif snapshot.pce_fault:
            words = f"PCE {snapshot.pce_fault}. New services cannot be computed; trying again."
        self._words.set_text(words)
        self._box.set_visibility(bool(words))


class CountsLine:
    """The line of counts."""

    def __init__(self) -> None:
        with box("figures"):
            self._services = self._figure("Services up", "services")
            self._capacity = self._figure("Capacity carried", "capacity", "Gb/s")
            self._latency = self._figure("Mean latency", "latency", "ms")
            self._use = self._figure("Spectrum in use", "utilisation", "%")
            self._blocked = self._figure("Requests refused", "blocked")
            with ui.element("div").classes("figure-slot") as self._margin_slot:
                self._margin = self._figure("GSNR margin, mean at set-up", "margin", "dB")
            with ui.element("div").classes("figure-slot") as self._power_slot:
                self._power = self._figure("Power switched on", "power", "W")

    @staticmethod
    def _figure(name: str, testid: str, unit: str = "") -> tuple[ui.label, ui.label]:
        with box("figure"):
            text(name, "figure-name")
            with box("figure-line"):
                value = text("–", "figure-value", f"figure-{testid}")
                if unit:
                    text(unit, "figure-unit")
                note = text("", "figure-note")
        return value, note

    def show(self, snapshot: Snapshot) -> None:
        """Bring the figures in step with a snapshot."""
        now = viewmodel.counts(snapshot)
        self._put(self._services, str(now.services), _set_up_by(snapshot))
        self._put(self._capacity, f"{now.capacity_gbps:,.0f}", "")
        slowest = (
            max((p.latency_ms for p in snapshot.network.lightpaths.values()), default=None)
            if snapshot.network
            else None
        )
        self._put(
            self._latency,
            "–" if now.mean_latency_ms is None else f"{now.mean_latency_ms:.1f}",
            "" if slowest is None else f"highest {slowest:.1f} ms",
        )
        fullest = f"fullest {now.fullest[0]} {100 * now.fullest[1]:.0f} %" if now.fullest else ""
        self._put(self._use, f"{100 * now.utilisation:.1f}", fullest)
        self._put(self._blocked, str(now.blocked), f"of the last {now.decided}" if now.decided else "")
        self._margin_slot.set_visibility(now.mean_margin_db is not None)
        if now.mean_margin_db is not None:
            self._put(self._margin, f"{now.mean_margin_db:.1f}", f"lowest {now.least_margin_db:.1f} dB")
        self._power_slot.set_visibility(now.switched_on_w is not None)
        if now.switched_on_w is not None:
            self._put(self._power, f"{now.switched_on_w:,.0f}", "at set-up")

    @staticmethod
    def _put(figure: tuple[ui.label, ui.label], value: str, note: str) -> None:
        figure[0].set_text(value)
        figure[1].set_text(note)


def _set_up_by(snapshot: Snapshot) -> str:
    paths = snapshot.network.lightpaths.values() if snapshot.network else ()
    by_model = sum(path.decided_by == "model" for path in paths)
    return f"{by_model} chosen by the model" if paths else ""


class Policy:
    """Who decides: the champion, its endpoint, how often the fallback had to, how long it takes."""

    def __init__(self, links: Links, model_name: str) -> None:
        self._pages, self._model_name = links, model_name
        self._drawn: tuple[object, ...] = ()
        with box("panel grow-1"):
            with box("panel-head"):
                text("Policy in service", "panel-title")
            with box("panel-body"):
                with box("facts"):
                    self._policy = self._fact("Policy", "policy")
                    text("Champion", "fact-name")
                    with box("fact-value"):
                        self._version = ui.link("–", links.model(model_name), new_tab=True)
                        self._version.classes("fact-link").props("data-testid=champion")
                    self._endpoint = self._fact("Endpoint", "endpoint")
                    self._state = self._fact("State", "endpoint-state")
                    self._fallback = self._fact("Fallback", "fallback-policy")
                with box("field-name"):
                    self._listed = ui.label("Last decisions")
                    self._since_start = text("", "panel-note", "decisions-since-start")
                with box("split"):
                    self._model_bar = box("split-model")
                    self._fallback_bar = box("split-fallback")
                with box("split-names"):
                    self._by_model = self._share("model")
                    self._by_fallback = self._share("fallback")
                    self._refused = self._share("none")
                with box("field-name"):
                    ui.label("Time to decide")
                    self._median = ui.label("")
            self._times = ui.echart({}).classes("chart times").props("data-testid=decision-times")

    @staticmethod
    def _fact(name: str, testid: str) -> ui.label:
        text(name, "fact-name")
        return text("–", "fact-value", testid)

    @staticmethod
    def _share(who: str) -> ui.label:
        with ui.element("div"):
            ui.element("span").classes(f"mark {who}")
            return ui.label("").style("display:inline").props(f"data-testid=by-{who}")

    def show(self, snapshot: Snapshot, palette: Palette, may_patch: bool) -> None:
        """Bring the panel in step with a snapshot; ``may_patch``: the browser has drawn it before."""
        pce, now = snapshot.pce, viewmodel.counts(snapshot)
        if pce:
            self._policy.set_text(pce.policy or "–")
            version = f"version {pce.model_version}" if pce.model_version else "none"
            self._fallback.set_text(pce.fallback_policy or "–")
            self._since_start.set_text(f"{pce.decisions:,} since start")
            self._version.set_text(f"{pce.model_name} {version}" if pce.model_name else version)
            self._version.props(f'href="{model_page(self._pages, self._model_name, snapshot)}"')
            self._endpoint.set_text(pce.endpoint_url.partition("//")[2] if pce.endpoint_url else "none")
        self._state.set_text(viewmodel.endpoint_health(snapshot)[1])
        self._listed.set_text(f"Last {now.decided} decisions" if now.decided else "No decisions yet")
        total = max(now.decided, 1)
        self._model_bar.style(f"width:{now.by_model / total:.1%}")
        self._fallback_bar.style(f"width:{now.by_fallback / total:.1%}")
        self._by_model.set_text(f"model {now.by_model:,}")
        self._by_fallback.set_text(f"fallback {now.by_fallback:,}")
        self._refused.set_text(f"refused {now.blocked:,}")
        self._median.set_text("" if now.median_ms is None else f"median {now.median_ms:.1f} ms")
        drawn = (snapshot.decisions, palette)
        if drawn != self._drawn:
            self._drawn = drawn
            bring_options(self._times, charts.decision_times(snapshot.decisions, palette), may_patch)
