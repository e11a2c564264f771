"""What a policy sees: names, meaning and version of the features and of the context.

All are dimensionless (powers in kW) and none depends on the size of the network, so one policy serves any
topology and every use case: what a plant does not know of is 0. The numbers themselves are computed in
``candidates.py``, by the same code for training and for the online side.
"""

from __future__ import annotations

FEATURE_SCHEMA_VERSION = 5

FEATURE_NAMES = (
    "path_rank",  # place of the path in the path table over K
    "hops",  # hops / 8
    "extra_hops",  # (hops - fewest hops of the pair) / 4
    "detour",  # latency over the pair's least latency, minus 1
    "slots",  # slots of the block / 16
    "spend",  # slots x hops over the least slots x hops among the pair's paths, minus 1
    "spend_total",  # slots x hops / 32
    "first_slot",  # first slot over the slots of the band
    "leftover",  # slots left in the free run after the block / 16, at most 2
    "exact_fit",  # 1 where the block fills the free run of the path exactly
    "touches_low",  # share of links where the slot below the block is taken or outside the band
    "touches_high",  # share of links where the slot above the block is taken or outside the band
    "splits",  # share of links where the block splits a free run in two
    "fills",  # share of links where the block fills a free run exactly
    "path_free",  # share of slots free on the whole path
    "path_longest_run",  # longest free run of the path over the slots of the band
    "path_runs",  # free runs of the path / 8
    "starts_lost",  # share of the path's starting positions for this block size that the block takes away
    "mean_load",  # mean share of slots taken over the path's links
    "max_load",  # largest share of slots taken among the path's links
    "latency_slack",  # (bound - latency) / bound; 1 without a bound
    "bits_per_symbol",  # of the format, / 6
    # Several bands; 0 where the plant has one
    "band_rank",  # place of the band in the order of filling over the number of bands
    "band_load",  # mean share of the band's slots taken over the path's links
    # Quality of transmission; 0 where the plant knows none
    "gsnr_margin",  # dB of the block's worst carrier above its threshold and margin / 10
    "gsnr_reserve",  # dB that the worst-off lit carrier on the path's links keeps above its own / 10
    # Energy; 0 where the plant has no power model
    "marginal_power",  # kW that carrying the request this way would switch on, transponders included
    "dark_links",  # share of the path's links with nothing lit
    # Quality of transmission again
    "carrier_loss",  # bit rate that paths sharing a link lose with the block's channels: gsnr/sharing.py
    # Ends of services; 0 where the plant knows none: calendar.py
    "neighbours_stay",  # share of the block's life that what is beside it stays
    "neighbours_alike",  # how much what is beside it ends when it does
    # What is left behind; after-state columns are 0 where the candidate was not looked at, see after_state.py
    "spend_loaded",  # slots x load, summed over the path's links, / 32; load in the middle of the allocation
    "shortlisted",  # 1 where the after-state was looked at
    "capacity_loss",  # starting positions lost by all node pairs, averaged over bit rates / 256
    "routability_loss_2",  # rise of exp(-n / 2), summed over node pairs, n the starts a pair has left
    "routability_loss_5",  # of exp(-n / 5)
    "routability_loss_12",  # of exp(-n / 12)
    "routability_loss_40",  # of exp(-n / 40)
    "runs_loss_1",  # rise of exp(-m), summed over node pairs, m the free runs that hold these starts
    "runs_loss_3",  # of exp(-m / 3)
    "blocking_loss",  # share of next requests left without any path of the table, summed over node pairs
)
CONTEXT_NAMES = (
    "bit_rate",  # Gb/s / 400
    "least_slots",  # slots of the block on the pair's most efficient path / 16
    "least_hops",  # fewest hops of the pair / 8
    "bounded",  # 1 where the request carries a latency bound
    "network_load",  # share of slots taken in the whole network
    "candidates",  # share of the candidate list in use
    "lit_links",  # share of spectrum units with something lit
)

NUM_FEATURES = len(FEATURE_NAMES)
CARRIER_LOSS = FEATURE_NAMES.index("carrier_loss")
ENDS = FEATURE_NAMES.index("neighbours_stay")  # first of two
AFTER_STATE = FEATURE_NAMES.index("shortlisted")  # first of the after-state columns
NUM_CONTEXT = len(CONTEXT_NAMES)
