"""GNPy's answer for line files: run by a Python that has GNPy, apart from the project's own environment.

    python benchmarks/gnpy_lines.py LINES.json OUTPUT.json

Fibre types and amplifiers are GNPy's own, from the equipment file it ships. Fibres are its ``Fiber``, with
its Raman solver and its spectrally separated GGN model; noise figures are those of its ``Edfa``. Each element
gets a pure signal of the power that the line has there, so that noise over signal adds up and takes nothing
from the signal. Nothing of the project is imported.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gnpy
import numpy as np
from gnpy.core.elements import Edfa, Fiber
from gnpy.core.info import create_arbitrary_spectral_information
from gnpy.core.parameters import SimParams
from gnpy.tools.json_io import load_equipment

EQUIPMENT_FILE = Path(gnpy.__file__).parent / "example-data" / "eqpt_config.json"
FIBRES = {"SSMF": "SSMF", "NZDSF": "NZDF", "LAF": "LOF"}
LOSS_DB_KM = {"SSMF": 0.2, "NZDSF": 0.2, "LAF": 0.17}
SSMF_SLOPE_S_M3 = 67.0  # 0.067 ps/(nm^2 km)
ROLL_OFF = 0.15
PLANCK_J_S = 6.62607015e-34


def gnpy_ratios(line: dict[str, Any], picked: list[int], equipment: Any) -> tuple[np.ndarray, np.ndarray]:
    """(len(picked),) noise over signal of ASE and of NLI at the end of a line."""
    each = [(group, index) for group in line["channels"] for index in range(group["count"])]
    each.sort(key=lambda item: item[0]["first_thz"] + 1e-3 * item[0]["spacing_ghz"] * item[1])
    spectrum = {
        "frequency": np.array([1e12 * g["first_thz"] + 1e9 * g["spacing_ghz"] * i for g, i in each]),
        "baud_rate": np.array([1e9 * g["baud_gbd"] for g, _ in each]),
        "slot_width": np.array([1e9 * g["spacing_ghz"] for g, _ in each]),
    }
    band = np.array([g["band"] for g, _ in each])
    launch_w = np.array([1e-3 * 10 ** (g["launch_dbm"] / 10) for g, _ in each])
    power_w, drift_db = launch_w.copy(), np.zeros(len(each))
    ase, nli = np.zeros(len(each)), np.zeros(len(each))
    SimParams.set_params(
        {
            "nli_params": {
                "method": "ggn_spectrally_separated",
                "computed_channels": [index + 1 for index in picked],
            },
            "raman_params": {
                "flag": True,
                "method": "perturbative",
                "order": 4,
                "result_spatial_resolution": 10e3,
                "solver_spatial_resolution": 500,
            },
        }
    )

    def signal(chosen: np.ndarray, pch_w: np.ndarray) -> Any:
        return create_arbitrary_spectral_information(
            frequency=spectrum["frequency"][chosen],
            pch=pch_w[chosen],
            baud_rate=spectrum["baud_rate"][chosen],
            slot_width=spectrum["slot_width"][chosen],
            roll_off=ROLL_OFF,
            tx_osnr=100.0,
            tx_power=pch_w[chosen],
        )

    everyone = np.ones(len(each), bool)
    for span in line["spans"]:
        info = signal(everyone, power_w)
        _fibre(span, line, equipment).propagate(info)
        nli += info._nli_ratio
        power_w = info.pch
        for name in dict.fromkeys(band):
            inside = band == name
            kind = line["amplifiers"][span["amplifier"][name]]
            thz = 1e-12 * spectrum["frequency"][inside]
            ripple = np.array(kind.get("ripple_db", [[193.0, 0.0]]))
            ripple_db = np.interp(thz, ripple[:, 0], ripple[:, 1])
            in_w = power_w[inside]
            if "gain_db" in kind:
                out_w = in_w * 10 ** (ripple_db / 10)
                out_w *= in_w.sum() / out_w.sum() * 10 ** (kind["gain_db"] / 10)
            else:
                drift_db[inside] += ripple_db
                out_w = launch_w[inside] * 10 ** (drift_db[inside] / 10)
            gain_db = 10 * np.log10(out_w.sum() / in_w.sum())
            if "type_variety" in kind:
                amplifier = Edfa(
                    uid="a",
                    params=equipment["Edfa"][kind["type_variety"]].__dict__,
                    operational={"gain_target": gain_db, "tilt_target": 0, "out_voa": 0, "delta_p": None},
                )
                info = signal(inside, power_w)
                amplifier.propagate(info)
                ase[inside] += info._ase_ratio / info._signal_ratio
            else:
                table = np.array(kind["noise_figure_db"])
                nf_db = np.interp(thz, table[:, 0], table[:, 1])
                energy_w = PLANCK_J_S * 1e12 * thz * spectrum["baud_rate"][inside]
                ase[inside] += energy_w * 10 ** (nf_db / 10) / in_w
            power_w[inside] = out_w
        if span.get("roadm"):
            power_w, drift_db = launch_w.copy(), np.zeros(len(each))
    return ase[picked], nli[picked]


def _fibre(span: dict[str, Any], line: dict[str, Any], equipment: Any) -> Any:
    own = line.get("fibres", {}).get(span["fibre"], {})
    base = own.get("base", span["fibre"])
    entry = equipment["Fiber"][FIBRES[base]]
    params = {
        "length": span["length_km"],
        "length_units": "km",
        "con_in": span["connector_in_db"],
        "con_out": span["connector_out_db"],
        "dispersion": entry.dispersion,
        "effective_area": entry.effective_area,
        "pmd_coef": entry.pmd_coef,
        "loss_coef": LOSS_DB_KM[base],
    }
    if base == "SSMF":
        params["dispersion_slope"] = SSMF_SLOPE_S_M3
    if "attenuation_db_km" in own:
        thz, db_km = zip(*own["attenuation_db_km"], strict=True)
        params["loss_coef"] = {"frequency": [1e12 * f for f in thz], "value": list(db_km)}
    made = Fiber(uid="f", params=params)
    made.ref_pch_in_dbm = 0.0
    return made


def main(lines_file: str, output_file: str) -> None:
    """Answer every line of a file."""
    warnings.filterwarnings("ignore")
    document = json.loads(Path(lines_file).read_text())
    equipment = load_equipment(EQUIPMENT_FILE)
    rows = []
    for number, entry in enumerate(document["lines"], 1):
        ase, nli = gnpy_ratios(entry["line"], entry["picked"], equipment)
        answer = {
            "snr_ase_db": np.round(-10 * np.log10(ase), 4).tolist(),
            "snr_nli_db": np.round(-10 * np.log10(nli), 4).tolist(),
            "gsnr_db": np.round(-10 * np.log10(ase + nli), 4).tolist(),
        }
        rows.append({**entry, "gnpy": answer})
        print(f"{number} of {len(document['lines'])}", file=sys.stderr, flush=True)
        done = {**document, "gnpy_version": version("gnpy"), "lines": rows}
        Path(output_file).write_text(json.dumps(done, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
