"""``content``, ``depth`` and ``fields`` (RFC 8040 4.8), and answers whose parts were serialised before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from controlplane.tapi.context import context
from controlplane.tapi.errors import TapiError
from controlplane.tapi.query import MAX_FIELDS, parse_fields, parse_query
from controlplane.tapi.restconf_monitoring import RESTCONF_STATE, restconf_state
from controlplane.tapi.yang_library import MODULES_STATE, modules_state

CONTEXT = "/restconf/data/tapi-common:context"
CONNECTIVITY = f"{CONTEXT}/tapi-connectivity:connectivity-context"
TOPOLOGY = f"{CONTEXT}/tapi-topology:topology-context"


def whole_context(lab: Any) -> dict[str, Any]:
    """The context as the builders make it; nobody has subscribed to notifications."""
    return context(lab.state.view()) | {"tapi-notification:notification-context": {"notif-subscription": []}}


def populated(lab: Any) -> Any:
    """Services on two routes, one of them moved by a cut."""
    for pair in ("AD", "BE", "CA"):
        lab.manager.create(lab.request(*pair, 25, max_latency_ms=20.0))
    lab.manager.fail_link(["A", "C"])
    return lab


def test_an_answer_of_kept_parts_is_the_document_after_every_change(lab: Any, http: TestClient) -> None:
    def check() -> None:
        whole = whole_context(lab)
        assert http.get(CONTEXT).json() == {"tapi-common:context": whole}
        for name, part in whole.items():
            told = name if ":" in name else f"tapi-common:{name}"
            assert http.get(f"{CONTEXT}/{told}").json() == {told: part}
        data = {"tapi-common:context": whole} | modules_state() | restconf_state()
        assert http.get("/restconf/data").json() == {"ietf-restconf:data": data}
        node = whole["tapi-topology:topology-context"]["topology"][0]["node"][1]
        edge = node["owned-node-edge-point"][0]
        path = f"{TOPOLOGY}/topology={lab.naming.topology_uuid}/node={node['uuid']}/owned-node-edge-point"
        ends = edge["tapi-connectivity:cep-list"]["connection-end-point"]
        for end in ends[:1]:
            found = http.get(f"{path}={edge['uuid']}/cep-list/connection-end-point={end['uuid']}").json()
            assert list(found.values()) == [[end]]

    check()
    populated(lab)
    check()
    lab.manager.repair_link(["A", "C"])
    check()
    lab.manager.delete(lab.state.services()[0].uuid)
    check()
    lab.state.show(lab.state.services()[0])  # another order, the same version
    check()
    planned = lab.request("A", "B", 25)
    lab.manager.create(planned)
    lab.stop()
    lab.start()
    with lab.http() as again:
        assert again.get(CONTEXT).json()["tapi-common:context"] == whole_context(lab)


def test_the_tag_changes_with_the_content_alone(lab: Any, http: TestClient) -> None:
    populated(lab)
    tag = http.get(CONTEXT).headers["ETag"]
    service = lab.state.services()[0]
    lab.manager.create(lab.request("A", "B", 25, uuid="6f1c1b1e-7a5b-4d57-9b9b-0c8e3a1f2d44"))
    assert http.get(CONTEXT).headers["ETag"] != tag
    lab.manager.delete("6f1c1b1e-7a5b-4d57-9b9b-0c8e3a1f2d44")
    assert lab.state.services()[0] is service
    assert http.get(CONTEXT).headers["ETag"] == tag
    assert http.get(CONTEXT, headers={"If-None-Match": tag}).status_code == 304


def test_depth_counts_the_resource_as_the_first_level(lab: Any, http: TestClient) -> None:
    populated(lab)
    whole = whole_context(lab)
    empty = {"uuid": whole["uuid"], "name": [], "service-interface-point": []}
    parts = {name: {} for name in whole if name not in empty}

    def get(depth: Any, path: str = CONTEXT) -> Any:
        (value,) = http.get(path, params={"depth": depth}).json().values()
        return value

    assert get(1) == {}
    assert get(2) == empty | parts
    third = get(3)
    assert third["name"] == whole["name"]
    assert third["tapi-connectivity:connectivity-context"] == {"connectivity-service": [], "connection": []}
    assert third["tapi-topology:topology-context"] == {"nw-topology-service": {}, "topology": []}
    assert get(1, f"{CONNECTIVITY}/connection") == []
    assert get(2, f"{CONNECTIVITY}/connection")[0] == {
        name: [] if isinstance(value, list) else value
        for name, value in whole["tapi-connectivity:connectivity-context"]["connection"][0].items()
    }
    assert get(65535) == get("unbounded") == whole
    assert get(2, "/restconf/data") == {"tapi-common:context": {}, MODULES_STATE: {}, RESTCONF_STATE: {}}


def test_fields_select_on_any_way_and_depth_counts_from_there(lab: Any, http: TestClient) -> None:
    populated(lab)
    whole = whole_context(lab)

    def get(path: str = CONTEXT, **query: Any) -> Any:
        (value,) = http.get(path, params=query).json().values()
        return value

    (topology,) = whole["tapi-topology:topology-context"]["topology"]
    nodes = [{"uuid": node["uuid"], "name": node["name"]} for node in topology["node"]]
    links = [{"uuid": link["uuid"]} for link in topology["link"]]
    for text in ("topology(node(uuid;name);link/uuid)", "topology/node(uuid;name);topology/link(uuid)"):
        assert get(TOPOLOGY, fields=text) == {"topology": [{"node": nodes, "link": links}]}
    service = lab.state.services()[0].uuid
    told = get(f"{CONNECTIVITY}/connectivity-service={service}", fields="uuid;operational-state")
    assert told == [{"uuid": service, "operational-state": "ENABLED"}]
    assert get(fields="tapi-common:uuid;nowhere") == {"uuid": whole["uuid"]}
    assert get(fields="service-interface-point/uuid") == {
        "service-interface-point": [{"uuid": sip["uuid"]} for sip in whole["service-interface-point"]]
    }
    sips = get(fields="service-interface-point", depth=2)["service-interface-point"]
    assert sips[0]["uuid"] == whole["service-interface-point"][0]["uuid"]
    assert sips[0]["name"] == []


def test_content_is_split_as_the_model_says(lab: Any, http: TestClient, model: Any) -> None:
    """Configuration and state together are all of it, and which leaf is which is the YANG model's word."""
    populated(lab)
    for path in (CONTEXT, f"{CONTEXT}/service-interface-point", CONNECTIVITY):
        whole, config, state = (
            http.get(path, params={"content": content}).json() for content in ("all", "config", "nonconfig")
        )
        schema = model.schema
        for segment in path.split("/")[3:-1]:
            schema = child(schema, segment)
        leaves: set[str] = set()
        for is_config, document in ((True, config), (False, state)):
            for way, leaf in walk(schema, document):
                assert leaf.config == is_config or way.endswith("/uuid"), way
                leaves.add(way)
        assert leaves == {way for way, _ in walk(schema, whole)}


def child(schema: Any, name: str) -> Any:
    prefix, _, plain = name.rpartition(":")
    return schema.get_data_child(plain, prefix or schema.ns)


def walk(schema: Any, value: Any, way: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf's way, with its schema; an entry of a list goes by its key where that is a UUID."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            key = item.get("uuid", number) if isinstance(item, dict) else number
            yield from walk(schema, item, f"{way}[{key}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from walk(child(schema, name), item, f"{way}/{name}")
    else:
        yield way, schema


@pytest.mark.parametrize(
    "query",
    [
        "depth=0",
        "depth=65536",
        "depth=-1",
        "depth=one",
        "depth=1&depth=2",
        "content=both",
        "fields=",
        "fields=a(b",
        "fields=a)b",
        "fields=;a",
        "fields=a//b",
        "fields=" + "a(" * 40 + "b" + ")" * 40,
        "fields=" + "a;" * MAX_FIELDS,
        "filter=x",
    ],
)
def test_what_is_no_query_is_refused(http: TestClient, query: str) -> None:
    answer = http.get(f"{CONTEXT}?{query}")
    (error,) = answer.json()["ietf-restconf:errors"]["error"]
    assert (answer.status_code, error["error-tag"]) == (400, "invalid-value")


trees = st.recursive(
    st.just({}), lambda inner: st.dictionaries(st.sampled_from("abcde"), inner, min_size=1, max_size=3)
)


def written(tree: dict[str, Any]) -> str:
    return ";".join(f"{name}({written(below)})" if below else name for name, below in tree.items())


@given(trees)
def test_fields_are_read_as_they_are_written(tree: dict[str, Any]) -> None:
    if tree:
        assert parse_fields(written(tree)) == tree


@given(st.text("ab/();:=", max_size=12))
def test_no_text_of_fields_is_a_defect(text: str) -> None:
    try:
        parse_query([("fields", text)])
    except TapiError as error:
        assert error.status == 400  # noqa: PT017 - either it is read, or it is refused
