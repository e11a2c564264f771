"""What a policy sees: names, meaning and version of the features and of the context.

All are dimensionless (powers in kW) and none depends on the size of the network, so one policy serves any
topology and every use case: what a plant does not know of is 0. The numbers themselves are computed in
``candidates.py``, by the same code for training and for the online side.
"""

from __future__ import annotations

from typing import NamedTuple

FEATURE_SCHEMA_VERSION = 7
OLDER_WIDTHS = {
    5: 41,
    6: 42,
}  # columns of older versions; some were added at the end, none changed


class FeatureColumns(NamedTuple):
    """Where each feature stands. The one list of them: names, order and meaning."""

    path_rank: int  # place of the path in the path table over K
    hops: int  # hops / 8
    extra_hops: int  # (hops - fewest hops of the pair) / 4
    detour: int  # latency over the pair's least latency, minus 1
    slots: int  # slots of the block / 16
    spend: int  # slots x hops over the least slots x hops among the pair's paths, minus 1
    spend_total: int  # slots x hops / 32
    first_slot: int  # first slot over the slots of the band
    leftover: int  # slots left in the free run after the block / 16, at most 2
    exact_fit: int  # 1 where the block fills the free run of the path exactly
    touches_low: int  # share of links where the slot below the block is taken or outside the band
    touches_high: int  # share of links where the slot above the block is taken or outside the band
    splits: int  # share of links where the block splits a free run in two
    fills: int  # share of links where the block fills a free run exactly
    path_free: int  # share of slots free on the whole path
    path_longest_run: int  # longest free run of the path over the slots of the band
    path_runs: int  # free runs of the path / 8
    starts_lost: int  # share of the path's starting positions for this block size that the block takes away
    mean_load: int  # mean share of slots taken over the path's links
    max_load: int  # largest share of slots taken among the path's links
    latency_slack: int  # (bound - latency) / bound; 1 without a bound
    bits_per_symbol: int  # of the format, / 6
    # Several bands; 0 where the plant has one
    band_rank: int  # place of the band in the order of filling over the number of bands
    band_load: int  # mean share of the band's slots taken over the path's links
    # Quality of transmission; 0 where the plant knows none
    gsnr_margin: int  # dB of the block's worst carrier above its threshold and margin / 10
    gsnr_reserve: int  # dB that the worst-off lit carrier on the path's links keeps above its own / 10
    # Energy; 0 where the plant has no power model
    marginal_power: int  # kW that carrying the request this way would switch on, transponders included
    dark_links: int  # share of the path's links with nothing lit
    # Quality of transmission again
    carrier_loss: int  # bit rate that paths sharing a link lose with the block's channels: gsnr/sharing.py
    # Departures; 0 where the plant does not know them: departures/times.py
    neighbours_stay: int  # share of the block's life that what is beside it stays
    neighbours_alike: int  # how much what is beside it ends when it does
    # What is left behind; after-state columns are 0 where the candidate was not looked at, see after_state.py
    spend_loaded: (
        int  # slots x load, summed over the path's links, / 32; load in the middle of the allocation
    )
    shortlisted: int  # 1 where the after-state was looked at
    capacity_loss: int  # starting positions lost by all node pairs, averaged over bit rates / 256
    routability_loss_2: int  # rise of exp(-n / 2), summed over node pairs, n the starts a pair has left
    routability_loss_5: int  # of exp(-n / 5)
    routability_loss_12: int  # of exp(-n / 12)
    routability_loss_40: int  # of exp(-n / 40)
    runs_loss_1: int  # rise of exp(-m), summed over node pairs, m the free runs that hold these starts
    runs_loss_3: int  # of exp(-m / 3)
    blocking_loss: int  # share of next requests left without any path of the table, summed over node pairs
    # Energy again
    amplifier_share: int  # kW of the path's amplifiers, each shared with the lightpaths there already
    off_backbone: int  # of these kW, those of fibre pairs outside the backbone: energy/backbone.py


class ContextColumns(NamedTuple):
    """Where each value of the context stands, as ``FeatureColumns``."""

    bit_rate: int  # Gb/s / 400
    least_slots: int  # slots of the block on the pair's most efficient path / 16
    least_hops: int  # fewest hops of the pair / 8
    bounded: int  # 1 where the request carries a latency bound
    network_load: int  # share of slots taken in the whole network
    candidates: int  # share of the candidate list in use
    lit_links: int  # share of spectrum units with something lit


FEATURE_NAMES = FeatureColumns._fields
CONTEXT_NAMES = ContextColumns._fields
NUM_FEATURES = len(FEATURE_NAMES)
NUM_CONTEXT = len(CONTEXT_NAMES)
# Constants for kernels and Python alike: ``row[COLUMN.hops]``.
COLUMN = FeatureColumns(*range(NUM_FEATURES))
CONTEXT = ContextColumns(*range(NUM_CONTEXT))
# What a look ahead fills: see after_state.py.
AFTER_STATES = slice(COLUMN.shortlisted, COLUMN.blocking_loss + 1)
