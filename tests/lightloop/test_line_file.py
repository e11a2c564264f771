"""``lightloop gsnr line --line``: a line file and a GNPy network, as a user and as a script meet them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from lightloop.main import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "mixed-line.yaml"
PLAIN = {
    "channels": [{"band": "C", "first_thz": 191.35, "count": 8, "spacing_ghz": 50, "baud_gbd": 32}],
    "spans": [{"length_km": 80, "connector_in_db": 0.5, "amplifier": 5.5}],
}


def run(*options):
    return CliRunner().invoke(app, ["gsnr", "line", *map(str, options)])


def read(*options):
    done = run(*options, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def written(tmp_path, document, name="line.yaml"):
    file = tmp_path / name
    file.write_text(json.dumps(document) if name.endswith(".json") else yaml.safe_dump(document))
    return file


def test_the_example_tells_every_channel_its_worst_and_the_margins():
    found = read("--line", EXAMPLE, "--margin-db", 1)
    assert len(found["channels"]) == 98
    assert {row["baud_gbd"] for row in found["channels"]} == {64, 130}
    assert found["worst"]["gsnr_db"] == min(row["gsnr_db"] for row in found["channels"])
    assert found["roadm_passes"] == 3
    assert [span["length_km"] for span in found["spans"]] == [23.5, 81, 62, 95, 95]
    for row in found["channels"]:
        met = [f for f in found["formats"] if row["gsnr_db"] >= f["threshold_db"] + 1]
        assert row["format"] == met[-1]["format"]
        noise = 10 ** (-row["snr_ase_db"] / 10) + 10 ** (-row["snr_nli_db"] / 10) + 10**-2.7
        assert 10 ** (-(row["gsnr_db"] + row["filter_penalty_db"]) / 10) == pytest.approx(noise)
    picked = read("--line", EXAMPLE, "--at-thz", 192.02, "--at-thz", 186.1)["channels"]
    assert [row["frequency_thz"] for row in picked] == [192.0, 186.1]


def test_people_get_a_table_and_a_picture(tmp_path):
    done = run("--line", EXAMPLE, "--picture", tmp_path / "line.png")
    assert done.exit_code == 0
    assert "worst channel" in done.output
    assert (tmp_path / "line.png").stat().st_size > 5000


def test_fibres_of_ones_own_by_gamma_or_area_and_equal_forms_of_a_file(tmp_path):
    by_area = {**PLAIN, "fibres": {"mine": {"effective_area_um2": 80}}}
    by_area["spans"] = [{**PLAIN["spans"][0], "fibre": "mine"}]
    gamma = 2 * 3.141592653589793 * 2.6e-20 / 1550e-9 / 80e-12 * 1e3
    by_gamma = {**by_area, "fibres": {"mine": {"gamma_1_w_km": gamma}}}
    first = read("--line", written(tmp_path, by_area))["channels"]
    second = read("--line", written(tmp_path, by_gamma, "line.json"))["channels"]
    assert first[3] == pytest.approx(second[3])
    assert first[3]["gsnr_db"] != pytest.approx(
        read("--line", written(tmp_path, PLAIN))["channels"][3]["gsnr_db"]
    )


def test_a_gnpy_network_of_one_line_is_the_same_line(tmp_path):
    si = {"f_min": 191.35e12, "f_max": 191.7e12, "spacing": 50e9, "baud_rate": 32e9, "power_dbm": 0}
    low = {"type_variety": "low", "type_def": "variable_gain", "gain_flatmax": 16, "gain_min": 8}
    low |= {"p_max": 23, "nf_min": 6.5, "nf_max": 11}
    ssmf = {"type_variety": "SSMF", "dispersion": 1.67e-05, "effective_area": 83e-12, "pmd_coef": 1e-15}
    equipment = written(tmp_path, {"Edfa": [low], "Fiber": [ssmf], "SI": [si]}, "equipment.json")
    fibre = {"length": 60, "length_units": "km", "loss_coef": 0.2, "con_in": 0.5, "con_out": 0.3}
    elements = [
        {"uid": "a", "type": "Transceiver"},
        {"uid": "f", "type": "Fiber", "type_variety": "SSMF", "params": fibre},
        {
            "uid": "e",
            "type": "Edfa",
            "type_variety": "low",
            "operational": {"gain_target": 13, "tilt_target": 0},
        },
        {"uid": "b", "type": "Transceiver"},
    ]
    network = {
        "elements": elements,
        "connections": [{"from_node": a, "to_node": b} for a, b in ("af", "fe", "eb")],
    }
    file = written(tmp_path, network, "network.json")
    found = read("--line", file, "--equipment", equipment)["channels"]
    same = {
        **PLAIN,
        "equipment": "equipment.json",
        "fibres": {"constant": {"dispersion_ps_nm_km": 16.7}},
        "amplifiers": {"e": {"type_variety": "low", "gain_db": 13}},
        "spans": [
            {
                "length_km": 60,
                "fibre": "constant",
                "connector_in_db": 0.5,
                "connector_out_db": 0.3,
                "amplifier": "e",
            }
        ],
    }
    assert found[5] == pytest.approx(read("--line", written(tmp_path, same))["channels"][5])
    assert "needs its equipment file" in str(run("--line", file).exception)
    network["elements"][2]["type"] = "Roadm"
    done = run("--line", written(tmp_path, network, "network.json"), "--equipment", equipment)
    assert "a Roadm here is not read" in str(done.exception)


def changed(section, **entries):
    return {**PLAIN, section: [{**PLAIN[section][0], **entries}]}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "channels: Field required"),
        (changed("spans", length_km=-4), r"spans[1].length_km: Input should be greater than 0, given '-4'"),
        (changed("spans", lenght_km=4), "spans[1].lenght_km"),
        (changed("spans", fibre="G.999"), "unknown fibre 'G.999'; known: SSMF"),
        (changed("spans", amplifier="none"), "spans[1]: unknown amplifier 'none'"),
        (changed("spans", amplifier={"L": 5}), "no band L"),
        (changed("spans", roadm=True), "section roadm is missing"),
        (changed("channels", baud_gbd=64), "64 GBd do not fit into 50 GHz"),
        ({**PLAIN, "amplifiers": {"a": {"type_variety": "b"}}}, "needs an equipment file"),
        ({**PLAIN, "amplifiers": {"a": {"noise_figure_db": [[193, 5], [192, 5]]}}}, "must rise"),
        ({**PLAIN, "equipment": "none.json"}, "none.json"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_entry_and_value(tmp_path, document, named):
    file = written(tmp_path, document)
    done = run("--line", file)
    assert done.exit_code == 1
    assert named in str(done.exception)
    assert str(file) in str(done.exception)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--line", "/nowhere/line.yaml"], "/nowhere/line.yaml"),
        (["--line", EXAMPLE, "--spans", 3], "--spans and --line"),
        (["--line", EXAMPLE, "--at-thz", 200], "no channel covers it"),
        (["--margin-db", 1], "--margin-db goes with --line"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, named):
    done = run(*options)
    assert done.exit_code == 1
    assert named in str(done.exception)
