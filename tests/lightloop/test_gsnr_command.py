"""``lightloop gsnr`` as a user and as a script meet it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

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
