"""What the controller's client does to links, nodes and services that are there: cut, drain, change, lock.

Not here: HTTP, and all the rest of the client (``client.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import httpx

SERVICE = "/restconf/data/tapi-common:context/tapi-connectivity:connectivity-context/connectivity-service"


class NetworkOperations(ABC):
    """The calls; of a client that can send."""

    @abstractmethod
    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """The answer to a request; raises ``ServiceRefused`` for whatever is no success."""

    def fail_link(self, node_a: str, node_b: str) -> dict[str, Any]:
        """Cut a link; what happened to the services over it."""
        return self._link("fail-link", node_a, node_b)

    def repair_link(self, node_a: str, node_b: str) -> dict[str, Any]:
        """Repair a link; which services came back."""
        return self._link("repair-link", node_a, node_b)

    def drain(self, *nodes: str) -> dict[str, Any]:
        """Drain a node, or the link between two; which services moved away and which stayed."""
        return self._drain("drain", nodes)

    def undrain(self, *nodes: str) -> dict[str, Any]:
        """End a drain; which services found a way by it."""
        return self._drain("undrain", nodes)

    def create(self, body: dict[str, Any]) -> None:
        """Create a service of which the whole body is given.

        Raises:
            ServiceRefused: no path, a body that is wrong, or the controller cannot be reached.
        """
        self._send("POST", SERVICE, body)

    def change_capacity(self, uuid: str, bit_rate_gbps: float) -> None:
        """Give a service another capacity: a second lightpath is set up, then the first is released.

        Raises:
            ServiceRefused: no second one fits, and nothing was changed; or no such service.
        """
        capacity = {"total-size": {"value": str(int(bit_rate_gbps)), "unit": "GBPS"}}
        self._patch(uuid, {"requested-capacity": capacity})

    def lock_service(self, uuid: str, is_locked: bool = True) -> None:
        """Take a service's traffic down while its spectrum is kept, or have it carried again.

        Raises:
            ServiceRefused: no such service, or an element does not answer.
        """
        self._patch(uuid, {"administrative-state": "LOCKED" if is_locked else "UNLOCKED"})

    def _patch(self, uuid: str, members: dict[str, Any]) -> None:
        body = {"tapi-connectivity:connectivity-service": [members]}
        self._send("PATCH", f"{SERVICE}={uuid}", body)

    def _drain(self, operation: str, nodes: Sequence[str]) -> dict[str, Any]:
        named: dict[str, Any] = {"node": nodes[0]} if len(nodes) == 1 else {"nodes": list(nodes)}
        return self._operate(operation, named)

    def _link(self, operation: str, node_a: str, node_b: str) -> dict[str, Any]:
        return self._operate(operation, {"nodes": [node_a, node_b]})

    def _operate(self, operation: str, named: dict[str, Any]) -> dict[str, Any]:
        answer = self._send("POST", f"/restconf/operations/lightloop:{operation}", {"lightloop:input": named})
        output: dict[str, Any] = answer.json()["lightloop:output"]
        return output
