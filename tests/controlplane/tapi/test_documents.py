"""TAPI documents read back as what they were built from, whatever a client does to their form."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.home import Credentials
from controlplane.auth import own_identity
from controlplane.lightpath import Lightpath
from controlplane.tapi import ids, names
from controlplane.tapi.context import NetworkView, topology
from controlplane.tapi.errors import TapiError, error_reason, errors_document
from controlplane.tapi.fields import as_uint64, strip_prefixes
from controlplane.tapi.frequency import pool, runs, spectrum, wire_modulation
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import (
    build_compute_input,
    build_compute_output,
    build_path,
    parse_compute_input,
    parse_compute_output,
)
from controlplane.tapi.service_body import ComputeRequest, build_service, parse_service
from envs.latency import LatencyModel
from topologies.catalogue import load_topology
from topologies.grid import block_between, c_band, slots_of, spectrum_bands
from topologies.model import RiskGroup

NAMING = Naming(load_topology("five-node"))
NODES = NAMING.topology.node_names
BANDS = (c_band(400),)
THREE_BANDS = spectrum_bands(("L", "C", "S"), 384)
UUID = "5d0ee4a4-7f8b-4e0c-9d9b-1d5a6e5e9b11"
two_nodes = st.permutations(NODES).map(lambda order: order[:2])


def parse_path(document: dict[str, Any]) -> Lightpath:
    """The path behind the body of ``GET .../path={uuid}``."""
    (entry,) = document["tapi-path-computation:path"]
    return Lightpath.from_names(entry["uuid"], entry["name"])


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(two_nodes, st.integers(1, 10**6), st.one_of(st.just(math.inf), st.integers(1, 10**9)))
def test_a_service_body_reads_back(pair: list[str], gbps: int, bound_us: float) -> None:
    source, destination = pair
    bound_ms = bound_us / 1000.0
    body = build_service(UUID, NAMING.sip_uuid(source), NAMING.sip_uuid(destination), gbps, bound_ms)
    request = parse_service(body, NAMING, shared_spectrum=False)
    assert (request.uuid, request.source, request.destination) == (UUID, source, destination)
    assert (request.bit_rate_gbps, request.max_latency_ms) == (gbps, bound_ms)
    assert parse_service(_with_numbers(strip_prefixes(body)), NAMING, False).digest == request.digest


def test_a_link_lists_the_risks_that_it_shares() -> None:
    group = RiskGroup("bridge", (("B", "A"), ("A", "C")))
    plant = replace(NAMING.topology, risk_groups=(group,))
    view = NetworkView(Naming(plant), LatencyModel(), ("BPSK",), BANDS)
    found = {}
    for link in topology(view)["link"]:
        (risk,) = link["risk-characteristic"]
        found[link["name"][0]["value"]] = set(risk["risk-identifier-list"])
    assert {name for name, risks in found.items() if "bridge" in risks} == {"A-B", "A-C"}
    assert all(f"duct-{name}" in risks for name, risks in found.items())


@given(st.floats(0.001, 1e6))
def test_a_promised_bound_is_never_looser_than_asked(bound_ms: float) -> None:
    body = build_service(UUID, NAMING.sip_uuid("A"), NAMING.sip_uuid("B"), 100, bound_ms)
    sent_ms = parse_service(body, NAMING, False).max_latency_ms
    assert bound_ms - 0.001 - 1e-6 <= sent_ms <= bound_ms + 1e-8


@given(
    two_nodes,
    st.integers(1, 1000),
    st.one_of(st.just(math.inf), st.integers(1, 10**8).map(lambda us: us / 1000.0)),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_a_computation_request_reads_back(
    pair: list[str], gbps: int, bound_ms: float, hops: int | None
) -> None:
    request = ComputeRequest(
        pair[0], pair[1], float(gbps), bound_ms, "UNIDIRECTIONAL", hops, (("A", "B"),), (NODES[2],)
    )
    assert parse_compute_input(build_compute_input(request, NAMING), NAMING, False) == request


@given(st.integers(0, 300), st.integers(1, 80), st.floats(0, 1e4), texts, texts)
def test_a_path_reads_back(first: int, size: int, latency_ms: float, policy: str, version: str) -> None:
    path = Lightpath(
        UUID, ("A", "C", "D"), first, size, "64QAM", latency_ms, "model", policy, version, "d", 0.1
    )
    assert parse_path(build_path(path, NAMING, BANDS, "BIDIRECTIONAL")) == path
    asked = ComputeRequest("A", "D", 100.0)
    assert parse_compute_output(build_compute_output(asked, NAMING, "service", path)) == path


@given(
    st.sampled_from([None, "L", "C", "S"]),
    *[st.one_of(st.none(), st.floats(-1e3, 1e6))] * 3,
)
def test_quantities_read_back_and_what_is_not_known_is_left_out(
    band: str | None, gsnr_db: float | None, margin_db: float | None, marginal_w: float | None
) -> None:
    path = Lightpath(
        UUID,
        ("A", "C"),
        388,
        4,
        "PM-16QAM",
        1.0,
        "model",
        "x",
        "1",
        "d",
        0.1,
        band,
        gsnr_db,
        margin_db,
        marginal_w,
    )
    document = build_path(path, NAMING, THREE_BANDS, "BIDIRECTIONAL")
    assert parse_path(document) == path
    values = names.as_dict(document["tapi-path-computation:path"][0]["name"])
    assert values["lower-frequency"] == "191375000"
    for name, value in (("band", band), ("gsnr-db", gsnr_db), ("margin-db", margin_db)):
        assert (name in values) == (value is not None)


@pytest.mark.parametrize("value", ["nan", "inf", "high", ""])
def test_a_quantity_that_is_no_number_is_refused(value: str) -> None:
    path = Lightpath(UUID, ("A", "C"), 0, 4, "PM-QPSK", 1.0, "model", "x", gsnr_db=9.0)
    document: Any = build_path(path, NAMING, THREE_BANDS, "BIDIRECTIONAL")
    (entry,) = document["tapi-path-computation:path"]
    entry["name"] = names.pairs(names.as_dict(entry["name"]) | {"gsnr-db": value})
    with pytest.raises(TapiError) as caught:
        parse_path(document)
    assert caught.value.status == 502


@pytest.mark.parametrize(("first_slot", "num_slots"), [(380, 8), (1150, 4), (0, 1152)])
def test_a_path_across_bands_or_outside_them_has_no_document(first_slot: int, num_slots: int) -> None:
    path = Lightpath(UUID, ("A", "C"), first_slot, num_slots, "PM-QPSK", 1.0, "model", "x")
    with pytest.raises(ValueError, match=str(first_slot)):
        build_path(path, NAMING, THREE_BANDS, "BIDIRECTIONAL")


@pytest.mark.parametrize(
    ("name", "on_the_wire"),
    [
        ("QPSK", "QPSK"),
        ("PM-BPSK", "BPSK"),
        ("PM-QPSK", "QPSK"),
        ("PM-8QAM", "8QAM"),
        ("PM-16QAM", "16QAM"),
        ("PM-32QAM", None),
        ("PM-64QAM", None),
        ("64QAM", None),
    ],
)
def test_formats_go_by_the_enumerations_names(name: str, on_the_wire: str | None) -> None:
    assert wire_modulation(name) == on_the_wire


@given(st.lists(texts, min_size=1, max_size=5))
def test_node_names_survive_whatever_they_contain(nodes: list[str]) -> None:
    assert list(names.split_list(names.join_list(nodes))) == nodes


@pytest.mark.parametrize(
    "lost", ["nodes", "first-slot", "num-slots", "modulation-format", "latency-ms", "decided-by"]
)
def test_a_path_without_its_essentials_is_refused(lost: str) -> None:
    path = Lightpath(UUID, ("A", "C"), 0, 4, "QPSK", 1.0, "model", "x")
    document: Any = build_path(path, NAMING, BANDS, "BIDIRECTIONAL")
    (entry,) = document["tapi-path-computation:path"]
    entry["name"] = [pair for pair in entry["name"] if pair["value-name"] != lost]
    with pytest.raises(TapiError, match=lost):
        parse_path(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        [],
        {"input": {}},
        {"tapi-path-computation:input": {"sep": [{}, {}]}},
        {"input": {"sep": [1, 2]}},
    ],
)
def test_a_computation_request_that_cannot_be_read_is_refused(document: Any) -> None:
    with pytest.raises(TapiError) as caught:
        parse_compute_input(document, NAMING, True)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "document", [None, {}, {"output": {}}, {"output": {"service": {}}}, {"output": {"service": {"path": []}}}]
)
def test_an_answer_without_a_path_is_not_taken_for_one(document: Any) -> None:
    with pytest.raises(TapiError):
        parse_compute_output(document)


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(
        ["uuid", "end-point", "requested-capacity", "max-allowed-delay", "name", "include-link", "x"]
    ),
)
def test_whatever_stands_in_a_member_is_taken_or_refused_never_a_crash(junk: Any, member: str) -> None:
    body = copy.deepcopy(build_service(UUID, NAMING.sip_uuid("A"), NAMING.sip_uuid("B"), 100))
    body["tapi-connectivity:connectivity-service"][0][member] = junk
    refusals = []
    for document in (body, junk, {"tapi-connectivity:connectivity-service": junk}):
        try:
            parse_service(document, NAMING, True)
        except TapiError as error:
            refusals.append(error)
    assert all(400 <= error.status < 500 and error.message for error in refusals)


@given(st.one_of(st.integers(0, 2**64 - 1)))
def test_uint64_is_read_as_number_and_as_string(number: int) -> None:
    assert as_uint64(number, "x") == as_uint64(str(number), "x") == number


@pytest.mark.parametrize(
    "wrong", [-1, 2**64, "x", "1e3", 1.5, math.inf, math.nan, None, True, [], "99999999999999999999999999"]
)
def test_what_is_no_uint64_is_refused(wrong: Any) -> None:
    with pytest.raises(TapiError):
        as_uint64(wrong, "x")


@given(st.integers(0, 2**40 - 1))
def test_a_pool_tells_every_slot_once(bits: int) -> None:
    told = pool((c_band(40),), bits)["mc-pool"]
    rebuilt = 0
    free = 0
    for name, spectra in (
        ("occupied-spectrum", told["occupied-spectrum"]),
        ("free", told["available-spectrum"]),
    ):
        for band in spectra:
            first, size = slots_of(int(band["lower-frequency"]), int(band["upper-frequency"]))
            block = ((1 << size) - 1) << first
            if name == "free":
                free |= block
            else:
                rebuilt |= block
    assert rebuilt == bits
    assert free == ~bits & (2**40 - 1)
    assert sum(size for _, size in runs(bits, 0, 40)) == bits.bit_count()


@given(st.integers(0, 2**36 - 1))
def test_a_pool_of_several_bands_tells_every_slot_once_and_stays_inside_them(bits: int) -> None:
    bands = spectrum_bands(("L", "C", "S"), 12)
    told = pool(bands, bits)["mc-pool"]
    slots: dict[str, list[int]] = {}
    for name, spectra in told.items():
        slots[name] = []
        for item in spectra:
            first, size = block_between(bands, int(item["lower-frequency"]), int(item["upper-frequency"]))
            slots[name] += range(first, first + size)
    assert len(told["supportable-spectrum"]) == 3
    assert slots["supportable-spectrum"] == list(range(36))
    assert slots["occupied-spectrum"] == [slot for slot in range(36) if bits >> slot & 1]
    assert slots["available-spectrum"] == [slot for slot in range(36) if not bits >> slot & 1]


def test_spectrum_is_on_the_grid_in_mhz_as_strings() -> None:
    assert spectrum(BANDS, 0, 4) == {
        "lower-frequency": "191325000",
        "upper-frequency": "191375000",
        "frequency-constraint": {"adjustment-granularity": "G_12_5GHZ", "grid-type": "FLEX"},
    }


def test_uuids_are_the_same_everywhere_and_for_either_end() -> None:
    assert ids.link_uuid("n", "A", "B") == ids.link_uuid("n", "B", "A") != ids.link_uuid("m", "A", "B")
    assert NAMING.sip_names[NAMING.sip_uuid("A")] == "A"
    assert NAMING.link_ends[NAMING.link_uuid("B", "A")] == ("A", "B")


def test_reasons_are_found_in_error_documents() -> None:
    assert error_reason(errors_document("invalid-value", "too long")) == "too long"
    assert error_reason({"detail": "other"}) == error_reason([]) == error_reason(None) == ""


@pytest.mark.parametrize(
    ("header", "opens"),
    [
        ("Basic YWRtaW46cGFzc3dvcmQ=", True),
        ("basic YWRtaW46cGFzc3dvcmQ=", True),
        ("Bearer token", True),
        ("Basic YWRtaW46d3Jvbmc=", False),
        ("Basic ****", False),
        ("Basic /w==", False),
        ("Bearer ", False),
        ("Bearer tokén", False),
        ("token", False),
        ("", False),
        (None, False),
    ],
)
def test_only_credentials_open_the_door(header: str | None, opens: bool) -> None:
    assert (own_identity(header, Credentials("admin", "password", "token")) is not None) is opens


def test_an_unset_secret_opens_nothing() -> None:
    nothing = Credentials("", "", "")
    assert own_identity("Bearer ", nothing) is None
    assert own_identity("Basic Og==", nothing) is None


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: int(item) if key == "value" and str(item).isdigit() else _with_numbers(item)
            for key, item in value.items()
        }
    return [_with_numbers(item) for item in value] if isinstance(value, list) else value
