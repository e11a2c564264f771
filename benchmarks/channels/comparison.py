"""Every policy on the same requests of the DRL-RMBSA setting, beside what was published for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.channels.simulation import POLICIES, draw_requests, serve
from benchmarks.channels.tables import ChannelTables
from envs.batch_means import batch_means

WARM_UP = 10_000  # requests that are not counted; ten mean holding times and more
# Of its training logs, the last 10,000 episodes of 1,000 requests; request and bit-rate blocking.
PUBLISHED = {
    900.0: {
        "drl_rmbsa": {"request_blocking": 0.0172, "bit_rate_blocking": 0.0363},
        "drl_rmbsa_path_capacity": {"request_blocking": 0.0086, "bit_rate_blocking": 0.0181},
    }
}


def compare(
    tables: ChannelTables, loads: Sequence[float], num_requests: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """A row for each load and policy, with 95 % intervals from batch means, and the published ones.

    Args:
        tables: of the setting.
        loads: Erlang, mean holding time over mean time between arrivals.
        num_requests: counted, after ``WARM_UP`` more.
        seed: of the requests; every policy meets the same ones.
        say: told what is under way.
    """
    rows: list[dict[str, Any]] = []
    for load in loads:
        requests = draw_requests(tables, load, WARM_UP + num_requests, seed)
        rate = requests.units[WARM_UP:]
        for policy in POLICIES:
            say(f"{load:g} Erlang, {policy}")
            blocked = serve(tables, requests, policy)[WARM_UP:]
            by_request, by_rate = batch_means(blocked), batch_means(blocked * rate / rate.mean())
            rows.append(
                {
                    "load_erlang": load,
                    "policy": policy,
                    "request_blocking": by_request.mean,
                    "request_ci95": [max(by_request.low, 0.0), by_request.high],
                    "bit_rate_blocking": by_rate.mean,
                    "bit_rate_ci95": [max(by_rate.low, 0.0), by_rate.high],
                }
            )
    published = [
        {"load_erlang": load, "policy": name, **figures}
        for load in loads
        for name, figures in PUBLISHED.get(float(load), {}).items()
    ]
    return {"requests": int(num_requests), "seed": seed, "rows": rows, "published": published}
