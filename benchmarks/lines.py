"""Random lines as they are, mixed in every respect, and how far ours lies from what GNPy says of them.

GNPy's answers are stored in ``docs/measured/gnpy-lines.json``, with the lines; ``gnpy_lines.py`` makes them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from envs.gsnr.errors import GsnrError
from envs.gsnr.gnpy_files import load_equipment
from envs.gsnr.line_file import build_line
from envs.gsnr.line_schema import LineDocument
from envs.gsnr.mixed_line import evaluate_mixed_line

ANSWERS_FILE = Path(__file__).parents[1] / "docs" / "measured" / "gnpy-lines.json"
BAND_PLANS = {"C": 6, "C+L": 4, "C+L+S": 3}  # bands: lines of them
FIRST_THZ = {"L": 186.1, "C": 191.4, "S": 196.7}
BAND_GHZ = 4600.0
GRIDS = ((32.0, 50.0), (64.0, 75.0), (64.0, 100.0), (95.0, 112.5), (130.0, 150.0))  # GBd in GHz
OTHERS = {"C": 3, "C+L": 2, "C+L+S": 2}  # channels compared beside the lowest
BOUND_DB = {"C": 0.25, "C+L": 0.25, "C+L+S": 0.4}
RATIOS = ("gsnr_db", "snr_ase_db", "snr_nli_db")
# Entries of GNPy's equipment file (eqpt_config.json, BSD-3-Clause) that the lines use.
EDFA: tuple[dict[str, Any], ...] = (
    {
        "type_variety": "std_low_gain",
        "type_def": "variable_gain",
        "gain_flatmax": 16,
        "gain_min": 8,
        "p_max": 23,
        "nf_min": 6.5,
        "nf_max": 11,
    },
    {
        "type_variety": "std_medium_gain",
        "type_def": "variable_gain",
        "gain_flatmax": 26,
        "gain_min": 15,
        "p_max": 23,
        "nf_min": 6,
        "nf_max": 10,
    },
    {
        "type_variety": "std_fixed_gain",
        "type_def": "fixed_gain",
        "gain_flatmax": 21,
        "gain_min": 20,
        "p_max": 21,
        "nf0": 5.5,
    },
    {
        "type_variety": "medium+low_gain",
        "type_def": "dual_stage",
        "gain_min": 25,
        "preamp_variety": "std_medium_gain",
        "booster_variety": "std_low_gain",
    },
)


@dataclass(frozen=True)
class DifferenceFromGnpy:
    """Ours less GNPy's over the channels compared, in dB, by ratio."""

    plan: str
    lines: int
    channels: int
    largest_db: dict[str, float]
    rms_db: dict[str, float]


def random_lines(seed: int) -> Iterator[dict[str, Any]]:
    """Lines of every plan: ``{"plan", "line", "picked"}``, the line as a line file has it."""
    rng = np.random.default_rng(seed)
    for plan, count in BAND_PLANS.items():
        for _ in range(count):
            line = _random_line(rng, plan.split("+"))
            channels = sum(group["count"] for group in line["channels"])
            picked = [
                0,
                *sorted(int(i) for i in rng.choice(np.arange(1, channels), OTHERS[plan], replace=False)),
            ]
            yield {"plan": plan, "line": line, "picked": picked}


def _random_line(rng: np.random.Generator, bands: list[str]) -> dict[str, Any]:
    channels = []
    for band in bands:
        baud_gbd, spacing_ghz = GRIDS[rng.integers(len(GRIDS))]
        channels.append(
            {
                "band": band,
                "first_thz": FIRST_THZ[band],
                "count": int(BAND_GHZ // spacing_ghz),
                "spacing_ghz": spacing_ghz,
                "baud_gbd": baud_gbd,
                "launch_dbm": round(float(rng.uniform(-2, 0.5) + 10 * np.log10(spacing_ghz / 50)), 2),
            }
        )
    tilt = rng.uniform(0.0, 0.02)
    fibres = {
        "aged": {
            "base": "SSMF",
            "attenuation_db_km": [[185.0, 0.2 + tilt], [193.4, 0.2], [202.0, 0.205 + tilt]],
        }
    }
    amplifiers: dict[str, Any] = {}
    spans = []
    count = int(rng.integers(3, 6 if len(bands) == 1 else 5 if len(bands) == 2 else 4))
    for number in range(count):
        length_km = round(
            float(rng.choice([rng.uniform(5, 30), rng.uniform(30, 70), rng.uniform(70, 110)])), 1
        )
        chosen = {}
        for band in bands:
            name = f"{band}{number}"
            amplifiers[name] = _random_amplifier(rng, band, length_km, only=len(bands) == 1)
            chosen[band] = name
        spans.append(
            {
                "length_km": length_km,
                "fibre": str(rng.choice(["SSMF", "NZDSF", "LAF", "aged"])),
                "connector_in_db": round(rng.uniform(0, 0.7), 2),
                "connector_out_db": round(rng.uniform(0, 0.7), 2),
                "amplifier": chosen,
                "roadm": bool(rng.random() < 0.25),
            }
        )
    return {"channels": channels, "fibres": fibres, "amplifiers": amplifiers, "spans": spans, "roadm": {}}


def _random_amplifier(rng: np.random.Generator, band: str, length_km: float, only: bool) -> dict[str, Any]:
    low, high = FIRST_THZ[band], FIRST_THZ[band] + 4.6
    noise_figure_db = rng.uniform(4.5, 6.5)
    made: dict[str, Any] = {
        "noise_figure_db": [[low, round(noise_figure_db, 2)], [high, round(noise_figure_db + 0.5, 2)]]
    }
    if only and rng.random() < 0.5:
        made = {"type_variety": str(rng.choice([entry["type_variety"] for entry in EDFA[:3]]))}
        if length_km > 90:
            made = {"type_variety": "medium+low_gain"}
    ripple = np.round(rng.uniform(-0.4, 0.4, 3), 2).tolist()
    made["ripple_db"] = [[low, ripple[0]], [(low + high) / 2, ripple[1]], [high, ripple[2]]]
    if only and rng.random() < 0.3:
        made["gain_db"] = round(0.2 * length_km + rng.uniform(-0.5, 1.0), 2)
    return made


def ask_gnpy(python: Path, seed: int, output: Path) -> None:
    """Have GNPy answer the lines of a seed, by another Python.

    Raises:
        GsnrError: that Python has no GNPy, or GNPy failed.
    """
    with TemporaryDirectory() as folder:
        asked = Path(folder) / "lines.json"
        asked.write_text(json.dumps({"seed": seed, "lines": list(random_lines(seed))}))
        program = Path(__file__).with_name("gnpy_lines.py")
        done = subprocess.run([python, program, asked, output], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise GsnrError(f"{python} with GNPy failed: {last}; install gnpy==3.0.1 there")


def differences(file: Path = ANSWERS_FILE) -> list[DifferenceFromGnpy]:
    """Ours against the answers in a file, by bands."""
    stored = json.loads(file.read_text())
    equipment = load_equipment({"Edfa": list(EDFA)}, file)
    by_plan: dict[str, list[np.ndarray]] = {}
    for entry in stored["lines"]:
        loaded = build_line(LineDocument.model_validate(entry["line"]), equipment)
        result = evaluate_mixed_line(loaded.line, loaded.channels)
        ours = 10 * np.log10([result.gsnr, result.snr_ase, result.snr_nli])[:, entry["picked"]]
        theirs = np.array([entry["gnpy"][name] for name in RATIOS])
        by_plan.setdefault(entry["plan"], []).append(ours - theirs)
    rows = []
    for plan, parts in by_plan.items():
        apart_db = np.concatenate(parts, axis=1)
        largest = np.abs(apart_db).max(axis=1)
        rms = np.sqrt((apart_db**2).mean(axis=1))
        rows.append(
            DifferenceFromGnpy(
                plan,
                len(parts),
                apart_db.shape[1],
                dict(zip(RATIOS, largest.tolist(), strict=True)),
                dict(zip(RATIOS, rms.tolist(), strict=True)),
            )
        )
    return rows
