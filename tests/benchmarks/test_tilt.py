"""The bound on the Raman tilt, against the exact equations for sets of lit channels, found and random."""

from __future__ import annotations

import numpy as np

from benchmarks.tilt import tilt_beyond_any_load_db, tilt_bound_db
from envs.gsnr.bands import make_comb
from envs.gsnr.isrs_gn import power_evolution
from envs.gsnr.line import load_line_parameters

PARAMETERS = load_line_parameters()
COMB = make_comb(PARAMETERS.bands, channels=8, spacing_ghz=600.0, power_dbm=10.0)  # each a group of its own


def test_no_set_of_lit_channels_passes_the_bound_and_the_search_comes_close() -> None:
    fibre, frequency_hz, count = PARAMETERS.fibre, 1e12 * COMB.frequency_thz, COMB.num_channels
    loss_db, power_db = tilt_bound_db(fibre, COMB, 80.0)
    rng = np.random.default_rng(1)
    lit = rng.random((400, count)) < rng.random((400, 1))
    some = power_evolution(fibre, frequency_hz, lit * COMB.launch_w, 8e4)
    assumed = power_evolution(fibre, frequency_hz, np.tri(count) * COMB.launch_w, 8e4)
    fed = power_evolution(fibre, frequency_hz, np.tri(count).T * COMB.launch_w, 8e4)
    each = np.arange(count)
    drained_db = 10 * np.log10(assumed[each, each, -1] / some[..., -1])[lit]
    fed_db = 10 * np.log10(some / fed[each, each])[lit]
    assert drained_db.max() <= loss_db
    assert fed_db.max() <= power_db
    assert 0 < tilt_beyond_any_load_db(fibre, COMB, 80.0) <= loss_db < 1.5
