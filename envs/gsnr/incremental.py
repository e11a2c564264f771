"""The noise of every lit channel of a network, kept up to date one carrier at a time.

A *carrier* is one lit channel on the links of a path. Lighting it adds one row of the cross table to each
link of its path: O(hops x channels), whatever else is lit. Not here: which carrier to light (``serve.py``).

Compiled helpers take the arrays of ``QotArrays`` and ``CarrierArrays``, unpacked by the kernel that calls
them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.compiled import inlined, kernel
from envs.gsnr.errors import GsnrError
from envs.gsnr.link_tables import LinkTables
from topologies.paths import PathTable


class CarrierArrays(NamedTuple):
    """What is lit in one network."""

    owner: np.ndarray  # (num_links, num_channels) int32 carrier, -1 where dark
    xpm: np.ndarray  # (num_links, num_channels) float64 XPM over signal that a channel has or would have
    noise: np.ndarray  # (max_carriers,) float64 1 / GSNR of a carrier, transceivers left out
    limit: np.ndarray  # (max_carriers,) float64 the most ``noise`` it bears
    path: np.ndarray  # (max_carriers,) int32 row of the path table
    channel: np.ndarray  # (max_carriers,) int32
    vacant: np.ndarray  # (max_carriers,) int32, a stack: the first ``max - lit`` entries are unused carriers
    lit: np.ndarray  # (1,) int64 carriers lit


def dark_network(num_links: int, num_channels: int) -> CarrierArrays:
    """A network with nothing lit."""
    most = num_links * num_channels
    return CarrierArrays(
        owner=np.full((num_links, num_channels), -1, np.int32),
        xpm=np.zeros((num_links, num_channels)),
        noise=np.zeros(most),
        limit=np.zeros(most),
        path=np.full(most, -1, np.int32),
        channel=np.zeros(most, np.int32),
        vacant=np.arange(most - 1, -1, -1, dtype=np.int32),
        lit=np.zeros(1, np.int64),
    )


@inlined
def noise_at(own, xpm, path_links, path, hops, channel):
    """1 / GSNR that a carrier of this channel would have on a path, among what is lit."""
    noise = 0.0
    for h in range(hops):
        link = path_links[path, h]
        noise += own[link, channel] + xpm[link, channel]
    return noise


@inlined
def light_carrier(
    own,
    cross,
    kind,
    owner,
    xpm,
    noise,
    limit,
    carrier_path,
    carrier_channel,
    vacant,
    lit,
    path_links,
    path,
    hops,
    channel,
    most,
):
    """The carrier made by lighting a channel that bears ``most`` noise; its neighbours' noise grows."""
    carrier = vacant[len(vacant) - 1 - lit[0]]
    lit[0] += 1
    noise[carrier] = noise_at(own, xpm, path_links, path, hops, channel)
    limit[carrier] = most
    carrier_path[carrier] = path
    carrier_channel[carrier] = channel
    for h in range(hops):
        link = path_links[path, h]
        row = kind[link]
        for i in range(xpm.shape[1]):
            xpm[link, i] += cross[row, channel, i]
        for i in range(xpm.shape[1]):
            other = owner[link, i]
            if other >= 0:
                noise[other] += cross[row, channel, i]
        owner[link, channel] = carrier
    return carrier


@inlined
def darken_carrier(
    cross, kind, owner, xpm, noise, carrier_path, carrier_channel, vacant, lit, path_links, path_hops, carrier
):
    """Put a carrier out; its neighbours' noise shrinks by what lighting it added."""
    path = carrier_path[carrier]
    channel = carrier_channel[carrier]
    for h in range(path_hops[path]):
        link = path_links[path, h]
        row = kind[link]
        owner[link, channel] = -1
        for i in range(xpm.shape[1]):
            xpm[link, i] -= cross[row, channel, i]
        for i in range(xpm.shape[1]):
            other = owner[link, i]
            if other >= 0:
                noise[other] -= cross[row, channel, i]
    carrier_path[carrier] = -1
    lit[0] -= 1
    vacant[len(vacant) - 1 - lit[0]] = carrier


@inlined
def block_noise(own, cross, kind, xpm, path_links, path, hops, first, width):
    """The largest 1 / GSNR that a carrier of a block would have, the rest of the block lit too."""
    largest = 0.0
    for channel in range(first, first + width):
        noise = noise_at(own, xpm, path_links, path, hops, channel)
        for h in range(hops):
            row = kind[path_links[path, h]]
            for other in range(first, first + width):
                noise += cross[row, other, channel]
        largest = max(largest, noise)
    return largest


@inlined
def disturbs_none(
    cross, kind, owner, noise, limit, extra, stamp, clock, path_links, path, hops, first, width
):
    """Whether every lit carrier on the links of a path bears a block there.

    ``extra`` and ``stamp`` (max_carriers,) are scratch; ``clock`` (1,) tells this call from the last.
    """
    clock[0] += 1
    now = clock[0]
    for h in range(hops):
        link = path_links[path, h]
        row = kind[link]
        for i in range(owner.shape[1]):
            other = owner[link, i]
            if other >= 0:
                added = 0.0
                for channel in range(first, first + width):
                    added += cross[row, channel, i]
                if stamp[other] == now:
                    added += extra[other]
                else:
                    stamp[other] = now
                extra[other] = added
                if noise[other] + added > limit[other]:
                    return False
    return True


@kernel
def light_kernel(tables, carriers, path_links, path, hops, channel, most):
    """Light one carrier from Python; returns it."""
    own, cross, kind = tables.own, tables.cross, tables.kind
    owner, xpm, noise, limit = carriers.owner, carriers.xpm, carriers.noise, carriers.limit
    carrier_path, carrier_channel = carriers.path, carriers.channel
    vacant, lit = carriers.vacant, carriers.lit
    return light_carrier(
        own,
        cross,
        kind,
        owner,
        xpm,
        noise,
        limit,
        carrier_path,
        carrier_channel,
        vacant,
        lit,
        path_links,
        path,
        hops,
        channel,
        most,
    )


@kernel
def darken_kernel(tables, carriers, path_links, path_hops, carrier):
    """Put one carrier out from Python."""
    cross, kind = tables.cross, tables.kind
    owner, xpm, noise = carriers.owner, carriers.xpm, carriers.noise
    carrier_path, carrier_channel = carriers.path, carriers.channel
    vacant, lit = carriers.vacant, carriers.lit
    darken_carrier(
        cross,
        kind,
        owner,
        xpm,
        noise,
        carrier_path,
        carrier_channel,
        vacant,
        lit,
        path_links,
        path_hops,
        carrier,
    )


class LitNetwork:
    """One network's lit carriers and their GSNR, for the online side and for tests."""

    def __init__(self, tables: LinkTables, paths: PathTable):
        self.tables = tables
        self.paths = paths
        self.carriers = dark_network(len(tables.link_spans), tables.comb.num_channels)
        self._path_hops = paths.path_hops.astype(np.int64)

    def light(self, path: int, channel: int, most_noise: float = np.inf) -> int:
        """Light a channel on a path of the table; returns the carrier.

        Raises:
            GsnrError: no such path or channel, or it is lit on a link of the path.
        """
        if not 0 <= path < self.paths.num_paths:
            raise GsnrError(f"path {path} is not in the table of {self.paths.num_paths}")
        if not 0 <= channel < self.tables.comb.num_channels:
            raise GsnrError(f"channel {channel} is not one of {self.tables.comb.num_channels}")
        for link in self.paths.links(path):
            if self.carriers.owner[link, channel] >= 0:
                raise GsnrError(f"channel {channel} is lit on link {link} of path {path}; choose a dark one")
        hops = int(self._path_hops[path])
        return int(
            light_kernel(
                self.tables.arrays, self.carriers, self.paths.path_links, path, hops, channel, most_noise
            )
        )

    def darken(self, carrier: int) -> None:
        """Put a carrier out.

        Raises:
            GsnrError: it is not lit.
        """
        if not 0 <= carrier < len(self.carriers.path) or self.carriers.path[carrier] < 0:
            raise GsnrError(f"carrier {carrier} is not lit")
        darken_kernel(self.tables.arrays, self.carriers, self.paths.path_links, self._path_hops, carrier)

    def lit_carriers(self) -> list[int]:
        """Carriers that are lit."""
        return [int(carrier) for carrier in np.flatnonzero(self.carriers.path >= 0)]

    def gsnr_db(self, carrier: int) -> float:
        """GSNR of a lit carrier: its links' ASE and NLI and the transceivers, over its power."""
        return float(-10 * np.log10(self.carriers.noise[carrier] + self.tables.transceiver_noise))
