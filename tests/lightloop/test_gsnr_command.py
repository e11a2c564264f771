"""``lightloop gsnr`` as a user and as a script meet it."""

from __future__ import annotations

import json
from functools import partial

import pytest
from typer.testing import CliRunner

import benchmarks.qot
from envs.gsnr.errors import GsnrError
from lightloop.main import app
from lightloop.output import Refusal


def channels(*options):
    done = CliRunner().invoke(app, ["gsnr", "line", *options, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["channels"]


def test_json_has_the_three_ratios_of_every_channel():
    full = ["--spans", "10", "--span-km", "80", "--bands", "C,L", "--power-dbm", "0", "--channels", "96"]
    rows = channels(*full, "--spacing-ghz", "50", "--baud-gbd", "32")
    assert len(rows) == 192
    assert all(set(row) == {"band", "frequency_thz", "gsnr_db", "snr_ase_db", "snr_nli_db"} for row in rows)
    assert [row["frequency_thz"] for row in rows if row["band"] == "C"][:2] == [191.35, 191.4]
    for row in rows:
        noise = 10 ** (-row["snr_ase_db"] / 10) + 10 ** (-row["snr_nli_db"] / 10)
        assert 10 ** (-row["gsnr_db"] / 10) == pytest.approx(noise)


def test_a_part_of_the_channels_is_lit_by_seed():
    first, again, other = (channels("--bands", "C", "--partial", "0.5", "--seed", s) for s in ("1", "1", "2"))
    assert first == again
    assert len(first) == len(other) == 48
    assert {row["frequency_thz"] for row in first} != {row["frequency_thz"] for row in other}


def test_power_per_band_and_negative_power():
    low, high = channels("--power-dbm", "-3"), channels("--power-dbm", "C=0,L=-3")
    assert len(low) == len(high) == 192
    assert high[-1]["snr_ase_db"] > low[-1]["snr_ase_db"] + 2


def test_picture_and_table(tmp_path):
    done = CliRunner().invoke(app, ["gsnr", "line", "--picture", str(tmp_path / "line.png")])
    assert done.exit_code == 0
    assert (tmp_path / "line.png").stat().st_size > 5000
    assert "GSNR" in done.output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--bands", "C,X"], "'X'"),
        (["--bands", "C,C"], "twice"),
        (["--spans", "0"], "0 spans"),
        (["--span-km", "-5"], "-5"),
        (["--power-dbm", "nan"], "nan"),
        (["--power-dbm", "high"], "'high'"),
        (["--power-dbm", "C=0"], "band L"),
        (["--partial", "0"], "share"),
        (["--partial", "1.5"], "1.5"),
        (["--channels", "200"], "overlap"),
        (["--picture", "/nowhere/x.png"], "/nowhere/x.png"),
        (["--parameters", "/nowhere/line.json"], "/nowhere/line.json"),
    ],
)
def test_bad_values_are_refused_with_the_value(options, named):
    done = CliRunner().invoke(app, ["gsnr", "line", *options])
    assert isinstance(done.exception, GsnrError | Refusal)
    assert named in str(done.exception)


def run(*options):
    done = CliRunner().invoke(app, [*options, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_optimised_powers_are_what_the_line_then_has():
    few = ["--bands", "C,L,S", "--channels", "12", "--spacing-ghz", "400", "--span-km", "80"]
    found = run("gsnr", "optimise", *few, "--objective", "worst")
    assert found["unit"] == "dB"
    assert found["after"] > found["before"]
    powers = ",".join(f"{name}={value}" for name, value in found["power_dbm"].items())
    for given, key in ((powers, "after"), ("0", "before")):
        rows = channels(*few, "--power-dbm", given)
        assert min(row["gsnr_db"] for row in rows) == pytest.approx(found[key])
        suffix = "" if key == "after" else "_before"
        for band in found["bands"]:
            inside = [row["gsnr_db"] for row in rows if row["band"] == band["band"]]
            assert min(inside) == pytest.approx(band[f"gsnr_min{suffix}_db"])
            assert sum(inside) / 12 == pytest.approx(band[f"gsnr_mean{suffix}_db"])
    done = CliRunner().invoke(app, ["gsnr", "optimise", "--channels", "4"])
    assert "Tb/s" in done.output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--objective", "most"], "'most'"),
        (["--lowest-dbm", "4", "--highest-dbm", "2"], "from 4.0 to 2.0"),
        (["--highest-dbm", "11"], "11"),
        (["--power-dbm", "C=0,L=9"], "band L starts at 9"),
        (["--bands", "C,U"], "'U'"),
    ],
)
def test_bad_values_of_optimise_are_refused(options, named):
    done = CliRunner().invoke(app, ["gsnr", "optimise", *options])
    assert isinstance(done.exception, GsnrError | Refusal)
    assert named in str(done.exception)


def test_the_benchmark_reports_its_figures(monkeypatch):
    tiny = partial(
        benchmarks.qot.figures, channels=10, load_erlang=60.0, requests=2500, warmup=1000, snapshots=1
    )
    monkeypatch.setattr(benchmarks.qot, "figures", tiny)
    small = ("--topology", "five-node", "--load", "60", "--requests", "100", "--warmup", "0")
    document = run("bench", "qot", *small, "--policy", "most_reserve")
    figures = document["figures"]
    assert document["blocking"] == {"five-node": {"60": {"most_reserve": 0.0}}}
    assert figures["max_incremental_error_db"] < 0.01
    assert all(value > 0 for name, value in figures.items() if name.endswith("_per_s"))
    assert 0 < figures["request_blocking"] < 0.5
    assert figures["least_reserve_db"] > -0.05
    assert 0 <= figures["tilt_beyond_any_load_db"] <= figures["tilt_bound_db"] < 0.5
    assert 0 < figures["mean_lit_carriers"] < 10 * 3 * 44
    assert sum(figures[f"share_{name}"] for name in "LCS") == pytest.approx(1.0)
