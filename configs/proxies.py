"""Proxies of the user's shell: the installation's own traffic never takes one.

A proxy would see the bearer token and the password in clear, and the loopback is not behind it. Who needs one
for servers elsewhere (an MLflow server of the company's) says so with ``LIGHTLOOP_KEEP_PROXY=1``: then the
proxy is kept for these, and the loopback is excluded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

KEEP_VARIABLE = "LIGHTLOOP_KEEP_PROXY"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy", "wss_proxy")
DIRECT = "127.0.0.1,localhost,::1"


def without_proxies(environment: MutableMapping[str, str] | None = None) -> None:
    """Take the proxies out of an environment, in place; this process's own where none is given."""
    found = os.environ if environment is None else environment
    keep = found.get(KEEP_VARIABLE) == "1"
    for name in [name for name in found if name.lower() in (*PROXIES, "no_proxy")]:
        if not keep or name.lower() == "no_proxy":
            kept = found.pop(name)
            if keep and kept not in ("", "*"):
                found["NO_PROXY"] = f"{kept},{DIRECT}"
    if keep:
        found.setdefault("NO_PROXY", DIRECT)
    if "NO_PROXY" in found:
        found["no_proxy"] = found["NO_PROXY"]
