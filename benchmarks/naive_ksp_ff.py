"""The baseline of the speed table: KSP-FF one slot at a time in plain Python, as a first version would be."""

from __future__ import annotations

import heapq
import time

from envs.plant import Plant
from envs.settings import benchmark_setting
from envs.traffic import make_trace


def naive_requests_per_s(plant: Plant, num_requests: int = 3000) -> float:
    """Requests a second after the network has filled up (the first half is not timed)."""
    trace = make_trace(benchmark_setting("deeprmsa-nsfnet").traffic, plant, num_requests, 1)
    size = plant.spec.num_slots
    free = [[True] * size for _ in range(plant.num_units)]
    departures: list[tuple[float, int, tuple[int, ...], int, int]] = []
    started_s = 0.0
    for t in range(num_requests):
        if t == num_requests // 2:
            started_s = time.perf_counter()
        now_s = float(trace.arrival_s[t])
        while departures and departures[0][0] <= now_s:
            _, _, units, first_slot, num_slots = heapq.heappop(departures)
            for unit in units:
                free[unit][first_slot : first_slot + num_slots] = [True] * num_slots
        for path in plant.path_table.paths_of(int(trace.source[t]), int(trace.destination[t])):
            units = tuple(int(plant.unit_of_link[link]) for link in plant.path_table.links(path))
            num_slots = plant.num_slots_for(float(trace.bit_rate_gbps[t]), path)
            slot = next(
                (
                    s
                    for s in range(size - num_slots + 1)
                    if all(free[unit][i] for unit in units for i in range(s, s + num_slots))
                ),
                None,
            )
            if slot is not None:
                for unit in units:
                    free[unit][slot : slot + num_slots] = [False] * num_slots
                heapq.heappush(departures, (now_s + float(trace.holding_s[t]), t, units, slot, num_slots))
                break
    return (num_requests - num_requests // 2) / (time.perf_counter() - started_s)
