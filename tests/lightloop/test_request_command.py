"""``lightloop request`` says what was set up, or why not, for people and for scripts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from configs.schema import Config
from controlplane import client as client_module
from controlplane.client import ServiceRefused
from controlplane.service_lightpath import ServiceLightpath
from lightloop.main import app
from lightloop.output import stdout

LIGHTPATH = ServiceLightpath(
    "", ("A", "C", "D"), 3, 4, "QPSK", 2.5, "model", "linear", service_uuid="uuid-1", total_ms=12.3456
)


class FakeClient:
    """Stands for the controller: refuses whatever begins or ends at E."""

    deleted: list[str]

    def __init__(self, base_url: str, credentials: Any) -> None:
        assert base_url == "http://127.0.0.1:8702"
        assert credentials.user == "somebody"

    @classmethod
    def of(cls, config: Config, credentials: Any) -> FakeClient:
        (url,) = config.controller_urls
        return cls(url, credentials)

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def nodes(self) -> tuple[str, ...]:
        return tuple("ABCDE")

    def place_service(
        self, source: str, destination: str, gbps: float, bound_ms: float, uuid: Any = None, **_: Any
    ) -> ServiceLightpath:
        if "E" in (source, destination):
            raise ServiceRefused(f"no path within {bound_ms:g} ms", 409)
        return replace(LIGHTPATH, service_uuid=uuid or "uuid-1", nodes=(source, destination))

    def delete_service(self, uuid: str) -> None:
        if uuid != "uuid-1":
            raise ServiceRefused("no connectivity service", 404)


@pytest.fixture(autouse=True)
def controller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(client_module, "ControllerClient", FakeClient)
    monkeypatch.setenv("LIGHTLOOP_HOME", str(tmp_path))
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    for name, value in (("USER", "somebody"), ("PASSWORD", "p"), ("TOKEN", "t")):
        monkeypatch.setenv(f"LIGHTLOOP_{name}", value)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["request", *arguments])


def test_json_is_one_object_with_the_agreed_members() -> None:
    answer = run("--from", "A", "--to", "D", "--gbps", "100", "--max-latency-ms", "20", "--json")
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    assert (document["uuid"], document["path"], document["links"]) == ("uuid-1", ["A", "D"], ["A-D"])
    for member in (
        "first_slot",
        "num_slots",
        "modulation_format",
        "latency_ms",
        "decided_by",
    ):
        assert document[member] == json.loads(json.dumps(getattr(LIGHTPATH, member)))
    assert document["total_ms"] == 12.346


def test_people_see_path_slots_and_who_decided() -> None:
    text = run("--from", "A", "--to", "D").stdout
    for part in ("A - D", "3 to 6, QPSK", "2.500 ms", "model, linear"):
        assert part in text


def test_quantities_are_shown_where_they_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("band", "gsnr_db", "margin_db", "marginal_w")
    plain = json.loads(run("--from", "A", "--to", "D", "--json").stdout)
    assert not set(names) & set(plain)
    assert "GSNR" not in run("--count", "3").stdout
    told = replace(LIGHTPATH, band="S", gsnr_db=17.25, margin_db=3.5, marginal_w=211.0)
    monkeypatch.setattr(FakeClient, "place_service", lambda *_, **__: told)
    document = json.loads(run("--from", "A", "--to", "D", "--json").stdout)
    assert [document[name] for name in names] == ["S", 17.25, 3.5, 211.0]
    text = run("--from", "A", "--to", "D").stdout
    for part in ("band        S", "17.25 dB, 3.50 dB above what QPSK needs", "211.0 W switched on"):
        assert part in text
    monkeypatch.setattr(stdout, "width", 160)
    table = run("--count", "3").stdout
    for part in ("GSNR dB", "17.25", "margin dB", "3.50", "211.0", "band"):
        assert part in table


def test_a_refusal_exits_with_its_reason() -> None:
    answer = run("--from", "A", "--to", "E", "--max-latency-ms", "1", "--json")
    assert isinstance(answer.exception, ServiceRefused)
    assert str(answer.exception) == "no path within 1 ms"
    assert answer.stdout == ""


def test_many_services_between_random_pairs_are_repeatable_and_count_refusals() -> None:
    first, again, other = (run("--count", "40", "--seed", seed, "--json").stdout for seed in ("7", "7", "8"))
    assert first == again != other
    document = json.loads(first)
    assert len(document["lightpaths"]) + len(document["refused"]) == 40
    assert all("E" in (item["from"], item["to"]) for item in document["refused"])
    assert "refused: " in run("--count", "40", "--seed", "7").stdout


def test_a_service_is_deleted_by_its_uuid() -> None:
    assert json.loads(run("--delete", "uuid-1", "--json").stdout) == {"uuid": "uuid-1", "deleted": True}
    assert isinstance(run("--delete", "other").exception, ServiceRefused)


@pytest.mark.parametrize("arguments", [(), ("--from", "A"), ("--from", "A", "--to", "B", "--delete", "x")])
def test_what_is_not_one_request_is_refused(arguments: tuple[str, ...]) -> None:
    answer = run(*arguments)
    assert answer.exit_code != 0
    assert "--from and --to" in str(answer.exception)


def test_where_nothing_was_started_nothing_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIGHTLOOP_PASSWORD")
    assert "nothing was ever started" in str(run("--from", "A", "--to", "B").exception)
    assert list(tmp_path.iterdir()) == []
