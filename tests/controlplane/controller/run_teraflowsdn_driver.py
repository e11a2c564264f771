"""Runs the transport-API driver of a checkout of ETSI TeraFlowSDN, as it is, on commands from standard input.

Started by ``test_teraflowsdn.py`` as a process of its own. What around the driver needs generated code (the
list of all drivers, the measuring of calls) is left out; the driver's own files are not touched.

    python run_teraflowsdn_driver.py CHECKOUT/src HOST PORT [USER PASSWORD] < commands.json
"""

from __future__ import annotations

import json
import sys
import types


def _surroundings(source: str) -> None:
    sys.path.insert(0, source)
    drivers = types.ModuleType("device.service.drivers")
    drivers.__path__ = [f"{source}/device/service/drivers"]
    measuring = types.ModuleType("common.method_wrappers.Decorator")
    measuring.MetricsPool = lambda *args, **kwargs: None
    measuring.metered_subclass_method = lambda pool: lambda method: method
    import common.method_wrappers
    import device.service

    del common, device
    sys.modules |= {module.__name__: module for module in (drivers, measuring)}


def main() -> None:
    """Print what each command returned, as JSON."""
    source, host, port, *credentials = sys.argv[1:]
    _surroundings(source)
    from device.service.drivers.transport_api import Tools
    from device.service.drivers.transport_api.TransportApiDriver import TransportApiDriver

    settings = dict(zip(("username", "password"), credentials, strict=False))
    driver = TransportApiDriver(host, int(port), **settings)
    told = []
    for method, resources in json.load(sys.stdin):
        if method == "SetConfig" and isinstance(resources[0][1], str):
            resources = [tuple(item) for item in resources]
        told.append(getattr(driver, method)(*([resources] if resources is not None else [])))
    Tools.EXECUTOR.shutdown(wait=True)  # tapi_lsp asks in the background
    json.dump(told, sys.stdout, default=repr)


if __name__ == "__main__":
    main()
