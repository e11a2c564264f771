"""What a client may configure of a connectivity service: leaves, types, and what we refuse.

Facts from tapi-connectivity@2020-06-16, tapi-photonic-media@2020-06-16 and tapi-common@2020-04-23 (ONF,
Apache-2.0). Leaves that are accepted and kept but do not steer the network are listed in docs/tapi.md.
"""

from __future__ import annotations

from controlplane.tapi.schema import (
    Container,
    Decimal64,
    Entries,
    Enumeration,
    Flag,
    LeafList,
    Text,
    Uint64,
    Uuid,
)


def _enum(*values: str, remedy: str = "") -> Enumeration:
    return Enumeration(frozenset(values), remedy=remedy)


LAYER = _enum("ODU", "ETH", "DSR", "PHOTONIC_MEDIA")
DIRECTION = _enum("BIDIRECTIONAL", "UNIDIRECTIONAL", "UNDEFINED_OR_UNKNOWN")
PORT_DIRECTION = _enum("BIDIRECTIONAL", "INPUT", "OUTPUT", "UNIDENTIFIED_OR_UNKNOWN")
PORT_ROLE = _enum("SYMMETRIC", "ROOT", "LEAF", "TRUNK", "UNKNOWN")
ADMINISTRATIVE_STATE = _enum("LOCKED", "UNLOCKED")
CAPACITY_UNIT = _enum("TB", "TBPS", "GB", "GBPS", "MB", "MBPS", "KB", "KBPS", "GHz", "MHz")
MODULATION = _enum(
    *("RZ", "NRZ", "BPSK", "DPSK", "QPSK", "8QAM", "16QAM", "PAM4", "PAM8", "UNDEFINED"),
    remedy="; TAPI 2.1.3 has no other format",
)
QUALIFIER = Enumeration(
    frozenset(
        f"PHOTONIC_LAYER_QUALIFIER_{name}"
        for name in (
            *("OTSi", "OTSiA", "OTSiG", "NMC", "NMCA", "SMC", "SMCA", "OCH", "OMS", "OTS"),
            *("OTSiMC", "OTSiMCA", "MC", "MCA"),
        )
    ),
    prefix="tapi-photonic-media",
)
NAMES = Entries("value-name", Container({"value-name": Text(), "value": Text()}))

_RATE = Container({"value": Uint64(), "unit": CAPACITY_UNIT})
CAPACITY = Container(
    {
        "total-size": _RATE,
        "bandwidth-profile": Container(
            {
                "bw-profile-type": _enum("MEF_10.x", "RFC_2697", "RFC_2698", "RFC_4115"),
                "committed-information-rate": _RATE,
                "committed-burst-size": _RATE,
                "peak-information-rate": _RATE,
                "peak-burst-size": _RATE,
                "color-aware": Flag(),
                "coupling-flag": Flag(),
            }
        ),
    }
)
_TARGET = Container({"value": Uint64(), "priority": Uint64()})

_GRID = Container(
    {
        "adjustment-granularity": _enum(
            "G_100GHZ", "G_50GHZ", "G_25GHZ", "G_12_5GHZ", "G_6_25GHZ", "G_3_125GHZ", "UNCONSTRAINED"
        ),
        "grid-type": _enum("DWDM", "CWDM", "FLEX", "GRIDLESS", "UNSPECIFIED"),
    }
)
_SPECTRUM = Container(
    {"upper-frequency": Uint64(), "lower-frequency": Uint64(), "frequency-constraint": _GRID}
)
_POWER = Container({"total-power": Decimal64(), "power-spectral-density": Decimal64()})
_OTSI_CONFIG = Container(
    {
        "central-frequency": Container({"central-frequency": Uint64(), "frequency-constraint": _GRID}),
        "spectrum": _SPECTRUM,
        "application-identifier": Container(
            {"application-identifier-type": Text(), "application-code": Text()}
        ),
        "modulation": MODULATION,
        "laser-control": Text(),
        "transmit-power": Container(
            {"total-power": Decimal64()}, state=frozenset({"power-spectral-density"})
        ),
        "total-power-warn-threshold-upper": Decimal64(),
        "total-power-warn-threshold-lower": Decimal64(),
        "local-id": Text(),
        "name": NAMES,
    }
)
_MC_CONFIG = Container(
    {
        "spectrum": _SPECTRUM,
        "power-management-config-pac": Container(
            {
                "intended-maximum-output-power": _POWER,
                "intended-minimum-output-power": _POWER,
                "expected-maximum-input-power": _POWER,
                "expected-minimum-input-power": _POWER,
            }
        ),
        "local-id": Text(),
        "name": NAMES,
    }
)
_OTSI_SPEC = "otsi-connectivity-service-end-point-spec"
_MC_SPEC = "media-channel-connectivity-service-end-point-spec"
_AVOID = "name the links or nodes to avoid in exclude-link or exclude-node instead"
_ONE_SERVICE = "every service stands for itself; leave it out"

END_POINT = Container(
    {
        "layer-protocol-name": LAYER,
        "layer-protocol-qualifier": QUALIFIER,
        "service-interface-point": Container({"service-interface-point-uuid": Uuid(strict=False)}),
        "capacity": CAPACITY,
        "direction": PORT_DIRECTION,
        "role": PORT_ROLE,
        "protection-role": _enum("WORK", "PROTECT", "PROTECTED", "NA", "WORK_RESTORE", "PROTECT_RESTORE"),
        "local-id": Text(),
        "name": NAMES,
        "administrative-state": ADMINISTRATIVE_STATE,
        _OTSI_SPEC: Container({"otsi-config": _OTSI_CONFIG}),
        _MC_SPEC: Container({"mc-config": _MC_CONFIG}),
    },
    state=frozenset({"connection-end-point", "operational-state", "lifecycle-state"}),
    unsupported={
        "peer-fwd-connectivity-service-end-point": _ONE_SERVICE,
        "protecting-connectivity-service-end-point": _ONE_SERVICE,
        "server-connectivity-service-end-point": _ONE_SERVICE,
    },
    prefixed={_OTSI_SPEC: "tapi-photonic-media", _MC_SPEC: "tapi-photonic-media"},
)

SERVICE = Container(
    {
        "uuid": Uuid(),
        "name": NAMES,
        "end-point": Entries("local-id", END_POINT),
        "service-layer": LAYER,
        "service-type": _enum(
            "POINT_TO_POINT_CONNECTIVITY",
            "POINT_TO_MULTIPOINT_CONNECTIVITY",
            "MULTIPOINT_CONNECTIVITY",
            "ROOTED_MULTIPOINT_CONNECTIVITY",
        ),
        "service-level": Text(),
        "requested-capacity": CAPACITY,
        "connectivity-direction": DIRECTION,
        "cost-characteristic": Entries(
            "cost-name", Container({"cost-name": Text(), "cost-value": Text(), "cost-algorithm": Text()})
        ),
        "latency-characteristic": Entries(
            "traffic-property-name",
            Container(
                {"traffic-property-name": Text(), "queing-latency-characteristic": Text()},
                state=frozenset(
                    {"fixed-latency-characteristic", "jitter-characteristic", "wander-characteristic"}
                ),
            ),
        ),
        "route-objective-function": _enum(
            "MIN_WORK_ROUTE_HOP",
            "MIN_WORK_ROUTE_COST",
            "MIN_WORK_ROUTE_LATENCY",
            "MIN_SUM_OF_WORK_AND_PROTECTION_ROUTE_HOP",
            "MIN_SUM_OF_WORK_AND_PROTECTION_ROUTE_COST",
            "MIN_SUM_OF_WORK_AND_PROTECTION_ROUTE_LATENCY",
            "LOAD_BALANCE_MAX_UNUSED_CAPACITY",
        ),
        "route-direction": DIRECTION,
        "is-exclusive": Flag(),
        "max-allowed-hops": _TARGET,
        "max-allowed-delay": _TARGET,
        "include-topology": LeafList(Uuid(strict=False)),
        "include-link": LeafList(Uuid()),
        "exclude-link": LeafList(Uuid()),
        "include-node": LeafList(Uuid()),
        "exclude-node": LeafList(Uuid()),
        "preferred-transport-layer": LeafList(LAYER),
        "resilience-type": Container(
            {
                "restoration-policy": _enum("PER_DOMAIN_RESTORATION", "END_TO_END_RESTORATION", "NA"),
                "protection-type": _enum(
                    "NO_PROTECTON",  # so spelled in the model
                    "ONE_PLUS_ONE_PROTECTION",
                    "ONE_PLUS_ONE_PROTECTION_WITH_DYNAMIC_RESTORATION",
                    "PERMANENT_ONE_PLUS_ONE_PROTECTION",
                    "ONE_FOR_ONE_PROTECTION",
                    "DYNAMIC_RESTORATION",
                    "PRE_COMPUTED_RESTORATION",
                    "ONE_PLUS_ONE_PROTECTION_WITH_PRE_COMPUTED_RESTORATION",
                ),
            }
        ),
        "restoration-coordinate-type": _enum("NO_COORDINATE", "HOLD_OFF_TIME", "WAIT_FOR_NOTIFICATION"),
        "restore-priority": Uint64(),
        "reversion-mode": _enum("REVERTIVE", "NON-REVERTIVE"),
        "wait-to-revert-time": Uint64(),
        "hold-off-time": Uint64(),
        "is-lock-out": Flag(),
        "is-frozen": Flag(),
        "is-coordinated-switching-both-ends": Flag(),
        "max-switch-times": Uint64(),
        "preferred-restoration-layer": LeafList(LAYER),
        "administrative-state": ADMINISTRATIVE_STATE,
        "schedule": Container({"end-time": Text(), "start-time": Text()}),
    },
    state=frozenset({"connection", "operational-state", "lifecycle-state"}),
    unsupported={
        "coroute-inclusion": _ONE_SERVICE,
        "diversity-exclusion": _AVOID,
        "diversity-policy": _AVOID,
        "risk-diversity-characteristic": _AVOID,
        "connection-exclusion": _ONE_SERVICE,
        "connection-inclusion": _ONE_SERVICE,
        "avoid-topology": "there is one topology",
        "include-path": "routes are chosen by the path computation element",
        "exclude-path": "name the links to avoid in exclude-link instead",
        "max-allowed-cost": "bound the latency (max-allowed-delay) or the hops (max-allowed-hops) instead",
    },
)
# Containers in which clients of other TAPI releases nest the same leaves; read as if they were not there.
CONSTRAINT = "connectivity-constraint"
WRAPPERS = (CONSTRAINT, "routing-constraint", "topology-constraint", "resilience-constraint")
