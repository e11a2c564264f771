"""Runs code of a checkout of ETSI TeraFlowSDN, as it is, on commands from standard input.

Started by ``teraflowsdn.py`` as a process of its own. What around that code needs generated files (the list
of all drivers, the measuring of calls, its messages) is left out; the files that are run are not touched.

    python run_teraflowsdn.py CHECKOUT/src driver HOST PORT [USER PASSWORD] < commands.json
    python run_teraflowsdn.py CHECKOUT/src hops < paths.json
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any


def _left_out(source: str) -> None:
    sys.path.insert(0, source)
    drivers = types.ModuleType("device.service.drivers")
    drivers.__path__ = [f"{source}/device/service/drivers"]
    algorithms = types.ModuleType("pathcomp.frontend.service.algorithms")
    algorithms.__path__ = [f"{source}/pathcomp/frontend/service/algorithms"]
    measuring: Any = types.ModuleType("common.method_wrappers.Decorator")
    measuring.MetricsPool = lambda *args, **kwargs: None
    measuring.metered_subclass_method = lambda pool: lambda method: method
    messages: Any = types.ModuleType("common.proto.context_pb2")
    messages.Link = object
    import common.method_wrappers
    import device.service

    del common, device
    sys.modules |= {module.__name__: module for module in (drivers, algorithms, measuring, messages)}


def driver(host: str, port: str, *credentials: str) -> list[Any]:
    """What each ``[method, argument]`` on the transport-API driver returned."""
    from device.service.drivers.transport_api import Tools
    from device.service.drivers.transport_api.TransportApiDriver import TransportApiDriver

    settings = dict(zip(("username", "password"), credentials, strict=False))
    made = TransportApiDriver(host, int(port), **settings)
    told = []
    for method, argument in json.load(sys.stdin):
        told.append(getattr(made, method)(*([] if argument is None else [argument])))
    Tools.EXECUTOR.shutdown(wait=True)  # tapi_lsp asks in the background
    return told


def hops() -> list[Any]:
    """The hops that its path computation reads from each ``[devices of a path, list of links]``."""
    from pathcomp.frontend.service.algorithms.tools.EroPathToHops import eropath_to_hops

    told = []
    for devices, links in json.load(sys.stdin):
        known = {}
        for link in links:
            for end, sense in zip(link["link_endpoint_ids"], ("src", "dst"), strict=True):
                point = end["endpoint_id"]
                known[point["device_id"], point["endpoint_uuid"], sense] = (link, None)
        told.append(eropath_to_hops(devices, known))
    return told


def main() -> None:
    """Print what was returned, as JSON."""
    source, what, *arguments = sys.argv[1:]
    _left_out(source)
    json.dump({"driver": driver, "hops": hops}[what](*arguments), sys.stdout, default=repr)


if __name__ == "__main__":
    main()
