"""The files for Prometheus and Grafana load, and ask only for what our processes declare."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from configs.load import load_config
from controlplane.metrics import Declared, every_metric

FOLDER = Path(__file__).parents[2] / "deployments" / "monitoring"
# Of Prometheus itself, and of the process collector of its client library.
FOREIGN = {"up", "process_resident_memory_bytes"}
TARGET_LABELS = {"job", "instance"}


def loaded(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in loaded("alerts.yml")["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    return document


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    board = dashboard()
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    yield from (item["expr"] for item in board["annotations"]["list"])


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def note(node: Any) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression.replace("$__rate_interval", "1m")), note)
    return found


@pytest.mark.parametrize("expression", list(expressions()))
def test_expressions_ask_for_series_and_labels_that_are_declared(expression: str) -> None:
    declared: dict[str, Declared] = {name: item for item in every_metric() for name in item.series}
    asked = selectors(expression)
    assert asked
    for selector in asked:
        if selector.name in FOREIGN:
            continue
        assert selector.name in declared, selector.name
        labels = declared[selector.name].labels
        for matcher in selector.matchers.matchers:
            assert matcher.name in TARGET_LABELS or matcher.value in labels[matcher.name], matcher


def test_rules_and_panels_are_whole() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) > 10
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "remedy"}
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)


def test_the_targets_are_where_our_processes_listen() -> None:
    services = load_config("five-node").services
    jobs = {job["job_name"]: job for job in loaded("prometheus.yml")["scrape_configs"]}
    for name in ("pce", "controller", "elements", "console"):
        job = jobs.pop(f"lightloop-{name}")
        assert job["static_configs"] == [{"targets": [services.url(name).removeprefix("http://")]}]
        assert job["authorization"] == {"type": "Bearer", "credentials_file": "token"}
    assert not jobs
    for file in loaded("prometheus.yml")["rule_files"]:
        assert (FOLDER / file).exists()


def test_promtool_takes_them(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: the files are only checked by our own reading of them")
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "token").write_text("a-token")
    config = [promtool, "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(config, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
