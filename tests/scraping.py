"""``GET /metrics`` as Prometheus reads it: with the parser of its own client library."""

from __future__ import annotations

from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Scrape:
    """The samples of one answer, in both formats that a server may ask for."""

    def __init__(self, http: Any) -> None:
        plain = http.get("/metrics")
        assert plain.status_code == 200, plain.text
        assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = list(text_string_to_metric_families(plain.text))
        open_text = http.get("/metrics", headers={"Accept": OPENMETRICS}).text
        assert {item.name for item in families} == {item.name for item in read_openmetrics(open_text)}
        self._samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """One sample."""
        return self._samples[f"lightloop_{name}", tuple(sorted(labels.items()))]

    def beside_zero(self, name: str) -> dict[str, float]:
        """The series of a metric with one label that are not 0, by its value."""
        return {
            labels[0][1]: value
            for (found, labels), value in self._samples.items()
            if found == f"lightloop_{name}" and value
        }

    @property
    def names(self) -> set[str]:
        """Every name."""
        return {name for name, _ in self._samples}
