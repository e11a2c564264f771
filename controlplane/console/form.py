"""The form that requests a service, and what became of the request. Not here: HTTP."""

from __future__ import annotations

import math
import time
from asyncio import to_thread
from collections.abc import Awaitable, Callable

from nicegui import ui

from controlplane.client import ControllerClient, ServiceRefused
from controlplane.console import viewmodel
from controlplane.console.feed import Feed
from controlplane.console.network import ChangeError, ShownLightpath
from controlplane.console.panels import box, text
from topologies.model import Topology

FIELD = "outlined dense options-dense hide-bottom-space"


class RequestForm:
    """Source, destination, bit rate, latency bound; below it the answer."""

    def __init__(
        self,
        feed: Feed,
        controller: ControllerClient,
        bit_rates_gbps: tuple[float, ...],
        bounds_ms: tuple[float, ...],
        on_answer: Callable[[str | None], None],
        on_why: Callable[[str], Awaitable[None]],
    ) -> None:
        self._feed = feed
        self._controller = controller
        self._on_answer, self._on_why = on_answer, on_why
        self._next_end = "source"
        with box("panel form", "request-form"):
            with box("panel-head"):
                text("Request a service", "panel-title")
            with box("panel-body"):
                with box("pair"):
                    with ui.element("div"):
                        text("From", "field-name")
                        self.source = self._node_field("source", "From")
                    ui.button(icon="swap_horiz", color=None, on_click=self._swap).classes(
                        "icon-button"
                    ).props("flat dense size=sm aria-label='Swap ends'")
                    with ui.element("div"):
                        text("To", "field-name")
                        self.destination = self._node_field("destination", "To")
                with box("field-name"):
                    ui.label("Bit rate")
                    with box("presets"):
                        for rate in bit_rates_gbps:
                            self._preset(f"{rate:g}", lambda: self.bit_rate, rate)
                self.bit_rate = ui.number(value=max(bit_rates_gbps), min=0, format="%g")
                self.bit_rate.props(
                    f"{FIELD} suffix='Gb/s' data-testid=bit-rate aria-label='Bit rate in Gb/s'"
                )
                with box("field-name"):
                    ui.label("Latency bound")
                    with box("presets"):
                        for bound in bounds_ms:
                            self._preset(f"{bound:g}", lambda: self.bound, bound)
                        self._preset("any", lambda: self.bound, None)
                self.bound = ui.number(placeholder="any", min=0, format="%g")
                self.bound.props(
                    f"{FIELD} suffix='ms' data-testid=max-latency aria-label='Latency bound in ms'"
                )
                self.button = ui.button("Request service", color=None, on_click=self._submit).classes(
                    "main-button"
                )
                self.button.props("unelevated no-caps data-testid=submit")
                self._answer = box("answer", "result")

    @staticmethod
    def _node_field(testid: str, label: str) -> ui.select:
        field = ui.select([], with_input=True)
        return field.props(f"{FIELD} dropdown-icon=expand_more data-testid={testid} aria-label='{label}'")

    @staticmethod
    def _preset(words: str, field: Callable[[], ui.number], value: float | None) -> None:
        button = ui.element("button").classes("preset").props("type=button")
        with button:
            ui.html(words, tag="span", sanitize=False)
        button.on("click", lambda: field().set_value(value))

    def offer(self, topology: Topology) -> None:
        """Offer a topology's nodes as ends; the first time choose two far apart in the list."""
        names = list(topology.node_names)
        if self.source.options == names:
            return
        for field, preset in ((self.source, names[0]), (self.destination, names[-1])):
            field.set_options(names, value=field.value if field.value in names else preset)

    def take_end(self, node: str) -> None:
        """Fill in an end by a click on the map: the source, then the destination, in turn."""
        if self._next_end == "source":
            self.source.set_value(node)
            self._next_end = "destination"
        else:
            self.destination.set_value(node)
            self._next_end = "source"

    def _swap(self) -> None:
        self.source.value, self.destination.value = self.destination.value, self.source.value

    async def _submit(self) -> None:
        fault = self._fault()
        if fault is None and self._feed.snapshot.network is None:
            fault = "the controller has not answered yet; the form works as soon as it does"
        if fault is not None:
            self._refused(fault)
            return
        self.button.props("loading")
        try:
            await to_thread(self._controller.sips)  # known but right after a start: not timed
            begun = time.perf_counter()
            with self._feed.watching():
                uuid = await to_thread(
                    self._controller.request_service,
                    self.source.value,
                    self.destination.value,
                    self.bit_rate.value,
                    math.inf if self.bound.value is None else self.bound.value,
                )
            took_ms = (time.perf_counter() - begun) * 1000
            await self._feed.refresh_network()
        except ServiceRefused as error:
            silence = error.__cause__
            self._refused(
                f"the controller does not answer ({type(silence).__name__}); "
                "the table will show whether the service is up once it is back"
                if silence
                else str(error)
            )
            self._on_answer(None)  # its steps are to be seen, not those of a service chosen before
        except ChangeError as error:
            self._refused(str(error))
        else:
            state = self._feed.snapshot.network
            path = state.lightpaths.get(uuid) if state else None
            self._placed(path, uuid, took_ms)
            self._on_answer(uuid)
        finally:
            self.button.props(remove="loading")
            self._feed.stir()

    def _fault(self) -> str | None:
        source, destination = self.source.value, self.destination.value
        rate, bound = self.bit_rate.value, self.bound.value
        if not source or not destination:
            return "choose both ends"
        if source == destination:
            return f"both ends are {source}; choose two different nodes"
        if rate is None or rate <= 0:
            return "the bit rate must be a positive number of Gb/s"
        if bound is not None and bound <= 0:
            return "the latency bound must be a positive number of ms; leave it empty for none"
        return None

    def _placed(self, path: ShownLightpath | None, uuid: str, took_ms: float) -> None:
        self._answer.clear()
        slots = viewmodel.slot_text(path.first_slot, path.num_slots) if path else ""
        with self._answer, box("result done", "result-done"):
            with box("result-title"):
                ui.label(path.label if path else f"Service {uuid[:8]}")
                text(f"set up in {took_ms:.0f} ms", "result-note")
            if path is None:
                return  # set up and already gone again, e.g. deleted elsewhere
            with box("facts"):
                for name, value in (
                    ("Route", " · ".join(path.nodes)),
                    ("Slots", f"{slots}, {path.modulation_format}"),
                    ("Band", path.band if self._has_bands() else None),
                    ("Latency", f"{path.latency_ms:.2f} ms"),
                    ("Quality", viewmodel.quality_text(path)),
                    ("Power", viewmodel.power_text(path)),
                    ("Decided by", path.decided_by),
                ):
                    if value is None:
                        continue
                    text(name, "fact-name")
                    text(value, "fact-value", f"result-{name.lower().replace(' ', '-')}")
            why = ui.button("Why this path", color=None, on_click=lambda: self._on_why(path.decision_id))
            why.classes("small-button result-why").props("flat dense no-caps data-testid=result-why")

    def _has_bands(self) -> bool:
        network = self._feed.snapshot.network
        return network is not None and len(network.bands) > 1

    def _refused(self, reason: str) -> None:
        self._answer.clear()
        with self._answer, box("result refused", "result-refused"):
            with box("result-title"):
                ui.label("Refused")
                text("nothing allocated", "result-note")
            text(reason, "result-reason", "result-reason")
