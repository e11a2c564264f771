"""From UUIDs back to names, for one topology. The way forth is ``ids.py``."""

from __future__ import annotations

from functools import cached_property

from controlplane.tapi import ids
from topologies.model import Topology


class Naming:
    """What the UUIDs of a topology's nodes, links and service interface points stand for."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.topology_uuid = ids.topology_uuid(topology.name)

    @cached_property
    def sip_names(self) -> dict[str, str]:
        """SIP UUID to node name."""
        return {ids.sip_uuid(self.topology.name, name): name for name in self.topology.node_names}

    @cached_property
    def node_names(self) -> dict[str, str]:
        """Node UUID to node name."""
        return {ids.node_uuid(self.topology.name, name): name for name in self.topology.node_names}

    @cached_property
    def link_ends(self) -> dict[str, tuple[str, str]]:
        """Link UUID to the names of its two ends, as the topology gives them."""
        return {
            ids.link_uuid(self.topology.name, fibre.node_a, fibre.node_b): (fibre.node_a, fibre.node_b)
            for fibre in self.topology.fibres
        }

    def sip_uuid(self, node: str) -> str:
        """UUID of a node's service interface point."""
        return ids.sip_uuid(self.topology.name, node)

    def node_uuid(self, node: str) -> str:
        """UUID of a node."""
        return ids.node_uuid(self.topology.name, node)

    def link_uuid(self, node_a: str, node_b: str) -> str:
        """UUID of the link between two neighbours."""
        return ids.link_uuid(self.topology.name, node_a, node_b)
