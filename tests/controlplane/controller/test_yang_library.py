"""The YANG library tells the modules that are served, at the revisions of the files that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from controlplane import tapi
from tests.controlplane.controller.northbound import CONNECTIVITY

LIBRARY = "/restconf/data/ietf-yang-library:modules-state"
MONITORING = "/restconf/data/ietf-restconf-monitoring:restconf-state"
OUR_YANG = Path(tapi.__file__).with_name("yang")


def modules(http: TestClient) -> list[dict[str, str]]:
    found: list[dict[str, str]] = http.get(LIBRARY).json()["ietf-yang-library:modules-state"]["module"]
    return found


def test_every_module_that_an_answer_names_is_listed(lab: Any, http: TestClient) -> None:
    for pair in ("AD", "BE"):
        assert http.post(CONNECTIVITY, json=lab.body(*pair)).status_code == 201
    operations = http.get("/restconf/operations").json()
    document = http.get("/restconf/data").json()["ietf-restconf:data"]
    told = json.dumps([document, operations])
    named = {prefix for prefix in re.findall(r'"([a-z][a-z0-9-]*):[a-z][a-z0-9-]*"', told)}
    assert {"tapi-photonic-media", "lightloop", "ietf-yang-library"} <= named
    served = {item["name"] for item in modules(http) if item["conformance-type"] == "implement"}
    assert named <= served
    assert served - named <= {"tapi-notification", "ietf-restconf"}  # the stream; this envelope
    api = http.get("/restconf").json()["ietf-restconf:restconf"]
    version = http.get("/restconf/yang-library-version").json()["ietf-restconf:yang-library-version"]
    assert version == api["yang-library-version"]
    assert {"name": "ietf-yang-library", "revision": version}.items() <= next(
        item for item in modules(http) if item["name"] == "ietf-yang-library"
    ).items()


def test_revisions_and_namespaces_are_those_of_the_files(http: TestClient, shared_data: Path) -> None:
    folder = shared_data / "tapi" / "yang-2.1.3"
    if not folder.exists():
        pytest.skip(f"no YANG modules in {folder}")
    listed = {item["name"] for item in modules(http)}
    for item in modules(http):
        name, revision = item["name"], item["revision"]
        if name.startswith("ietf-"):
            continue
        file = OUR_YANG / f"{name}.yang" if name == "lightloop" else folder / f"{name}@{revision}.yang"
        text = file.read_text()
        assert re.search(r"^\s*namespace \"(.*)\";", text, re.MULTILINE)[1] == item["namespace"]  # type: ignore[index]
        assert max(re.findall(r"^\s*revision (\S+)", text, re.MULTILINE)) == revision
        assert {*re.findall(r"^\s*import (\S+)", text, re.MULTILINE)} <= listed


def test_our_own_module_describes_what_its_operations_take_and_answer(
    lab: Any, http: TestClient, tmp_path: Path
) -> None:
    yangson = pytest.importorskip("yangson")
    library = {"module-set-id": "1", "module": [m for m in modules(http) if m["name"] == "lightloop"]}
    model = yangson.DataModel(json.dumps({"ietf-yang-library:modules-state": library}), [str(OUR_YANG)])
    assert http.post(CONNECTIVITY, json=lab.body("A", "D")).status_code == 201
    answers = []
    for operation, ends in (
        ("fail-link", "AE"),
        ("fail-link", "AB"),
        ("repair-link", "AE"),
    ):
        asked = {"lightloop:input": {"nodes": list(ends)}}
        answer = http.post(f"/restconf/operations/lightloop:{operation}", json=asked)
        assert answer.status_code == 200
        answers.append(answer.json()["lightloop:output"])
        rpc = model.schema.get_child(operation, "lightloop")
        for kind, value in (("input", asked["lightloop:input"]), ("output", answers[-1])):
            node = rpc.get_child(kind, "lightloop")
            node.from_raw({f"lightloop:{name}": item for name, item in value.items()})
    assert any(answer["restored"] for answer in answers)


def test_one_module_is_found_by_name_and_revision(http: TestClient) -> None:
    answer = http.get(f"{LIBRARY}/module=tapi-common,2020-04-23")
    (found,) = answer.json()["ietf-yang-library:module"]
    assert found["namespace"] == "urn:onf:otcc:yang:tapi-common"
    assert http.get(f"{LIBRARY}/module=tapi-common,2099-01-01").status_code == 404
    assert http.get(f"{LIBRARY}?content=config").json() == {"ietf-yang-library:modules-state": {}}
    assert http.get(LIBRARY, headers={"If-None-Match": http.get(LIBRARY).headers["ETag"]}).status_code == 304


def test_the_capabilities_are_the_query_parameters_that_are_taken_and_the_stream_can_be_read(
    http: TestClient,
) -> None:
    state = http.get(MONITORING).json()["ietf-restconf-monitoring:restconf-state"]
    first, *optional = state["capabilities"]["capability"]
    assert first == "urn:ietf:params:restconf:capability:defaults:1.0?basic-mode=explicit"
    # RFC 8040 9.1.1: the parameters that are optional; the last two are of streams.
    asked = {"depth": "2", "fields": "streams", "with-defaults": "report-all"}
    taken = [name for name, value in asked.items() if http.get(MONITORING, params={name: value}).is_success]
    assert optional == [f"urn:ietf:params:restconf:capability:{name}:1.0" for name in taken]
    (stream,) = state["streams"]["stream"]
    ((access,), name) = stream["access"], stream["name"]
    assert not stream["replay-support"]
    assert "GET" in http.options(access["location"]).headers["Allow"]
    found = http.get(f"{MONITORING}/streams/stream={name}/access={access['encoding']}/location").json()
    assert found == {"ietf-restconf-monitoring:location": access["location"]}
    assert http.get(f"{MONITORING}/streams/stream=NETCONF").status_code == 404
    assert http.get(f"{MONITORING}?content=config").json() == {"ietf-restconf-monitoring:restconf-state": {}}
