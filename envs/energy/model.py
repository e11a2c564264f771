"""The power model: watts of transponders, amplifiers and nodes, from a file that names its sources.

Not here: its watts on a plant (``arrays.py``), which of them are on (``meter.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from envs.modulation import ModulationFormat

FIBRE_PAIR = "fibre_pair"
DIRECTION = "direction"
LIGHTPATH = "lightpath"
SUBCARRIER = "subcarrier"
DATA_DIR = Path(__file__).parent.parent / "data"
DEFAULT_FILE = DATA_DIR / "power.json"
SHIPPED_FILES = {
    "default": DEFAULT_FILE,
    "subcarriers": DATA_DIR / "power_subcarriers.json",
    "pluggables": DATA_DIR / "power_pluggables.json",
}
_CHOICES = {"switched_by": (FIBRE_PAIR, DIRECTION), "per": (LIGHTPATH, SUBCARRIER)}


class PowerModelError(ValueError):
    """A file of the power model that cannot be used; names the file, the key and the value."""


@dataclass(frozen=True)
class TransponderPower:
    """A transponder draws ``fixed_w + per_gbps_w x rate``; ``ends`` of them make a lightpath.

    ``per`` says whose rate it is: a ``lightpath``'s bit rate, or what one ``subcarrier`` of 12.5 GHz carries
    with its format, and then as many transponders are charged as the bit rate takes slots. ``formats`` holds
    other ``(fixed_w, per_gbps_w)`` for formats that differ.
    """

    fixed_w: float
    per_gbps_w: float
    ends: int
    per: str = LIGHTPATH
    formats: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def line(self, format_name: str) -> tuple[float, float]:
        """``(fixed_w, per_gbps_w)`` of one transponder with a format."""
        return self.formats.get(format_name, (self.fixed_w, self.per_gbps_w))

    def lightpath_w(self, bit_rate_gbps: float, modulation_format: ModulationFormat) -> float:
        """Watts of the transponders of one lightpath."""
        fixed_w, per_gbps_w = self.line(modulation_format.name)
        if self.per == SUBCARRIER:
            subcarrier_gbps = modulation_format.slot_capacity_gbps
            subcarriers = math.ceil(bit_rate_gbps / subcarrier_gbps - 1e-9)
            return self.ends * subcarriers * (fixed_w + per_gbps_w * subcarrier_gbps)
        return self.ends * (fixed_w + per_gbps_w * bit_rate_gbps)


@dataclass(frozen=True)
class AmplifierPower:
    """Amplifier sites of a fibre pair: one between spans, and ``end_sites`` for boosters and preamplifiers.

    ``switched_by`` is what sleeps as a whole: a ``fibre_pair`` whose two directions are dark, or each
    ``direction`` by itself, at half a site's power. Asleep, a site draws ``sleep_share`` of its power.
    What is dark falls asleep after ``sleep_after_s`` and takes ``wake_time_s`` to wake: ``waking.py``.
    """

    site_w: float
    span_km: float
    end_sites: int
    sleep_share: float
    switched_by: str
    sleep_after_s: float = 0.0
    wake_time_s: float = 0.0

    def sites(self, length_km: np.ndarray) -> np.ndarray:
        """Amplifier sites of fibre pairs of given lengths."""
        spans = np.maximum(np.ceil(np.asarray(length_km, np.float64) / self.span_km - 1e-9), 1)
        return (spans - 1 + self.end_sites).astype(np.int64)


@dataclass(frozen=True)
class NodePower:
    """A node draws ``per_degree_w x degree + per_add_drop_w x add_drop_degree + fixed_w``.

    Idle, with no lightpath ending in it or passing through it, it draws ``idle_share`` of that.
    """

    per_degree_w: float
    per_add_drop_w: float
    fixed_w: float
    add_drop_degree: int
    idle_share: float

    def node_w(self, degree: np.ndarray) -> np.ndarray:
        """Watts of busy nodes of given degrees."""
        return self.per_degree_w * degree + self.per_add_drop_w * self.add_drop_degree + self.fixed_w


@dataclass(frozen=True)
class PowerModel:
    """What a network is charged for. Sources of the figures stand in the file."""

    name: str
    transponder: TransponderPower
    amplifier: AmplifierPower
    node: NodePower


def power_model_named(name: str) -> PowerModel | None:
    """The power model that a plant's ``power_model`` means: a name of ``SHIPPED_FILES``, or a file; "" none.

    Raises:
        PowerModelError: see ``load_power_model``.
    """
    return load_power_model(SHIPPED_FILES.get(name, Path(name))) if name else None


def load_power_model(file: Path = DEFAULT_FILE) -> PowerModel:
    """The power model in a file; the one that ships by default.

    Raises:
        PowerModelError: no such file, no JSON, a key missing or unknown, or a value out of range.
    """
    try:
        document = json.loads(file.read_text())
    except OSError as error:
        raise PowerModelError(f"{file}: cannot be read ({error.strerror}); name an existing file") from None
    except ValueError as error:
        raise PowerModelError(f"{file}: is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise PowerModelError(f"{file}: is a {type(document).__name__}; an object like {DEFAULT_FILE.name}")
    _refuse_unknown(file, "", document, {"name", "source", "transponder", "amplifier", "node"})
    return PowerModel(
        name=str(document.get("name", file.stem)),
        transponder=TransponderPower(**_section(file, document, "transponder", TransponderPower)),
        amplifier=AmplifierPower(**_section(file, document, "amplifier", AmplifierPower)),
        node=NodePower(**_section(file, document, "node", NodePower)),
    )


def _section(file: Path, document: Mapping[str, Any], name: str, form: Any) -> dict[str, Any]:
    """The checked values of one part of the model."""
    section = document.get(name)
    if not isinstance(section, dict):
        raise PowerModelError(f"{file}: {name} is {section!r}; an object is needed")
    wanted = {item.name: str(item.type) for item in fields(form)}
    has_default = {item.name: item.default is not MISSING for item in fields(form)}
    _refuse_unknown(file, f"{name}.", section, {*wanted, "source"})
    values: dict[str, Any] = {}
    for key, kind in wanted.items():
        where = f"{file}: {name}.{key}"
        if key == "formats":
            values[key] = _formats(where, section.get(key, {}))
        elif key in section:
            values[key] = _checked(where, key, kind, section[key])
        elif not has_default[key]:
            raise PowerModelError(f"{where} is missing")
    return values


def _formats(where: str, section: Any) -> dict[str, tuple[float, float]]:
    """Watts of formats that differ, by name."""
    if not isinstance(section, dict):
        raise PowerModelError(f"{where} is {section!r}; an object is needed")
    found = {}
    for name, line in section.items():
        if not isinstance(line, dict) or set(line) != {"fixed_w", "per_gbps_w"}:
            raise PowerModelError(f"{where}.{name} is {line!r}; fixed_w and per_gbps_w are needed")
        fixed_w, per_gbps_w = (
            _checked(f"{where}.{name}.{key}", key, "float", line[key]) for key in ("fixed_w", "per_gbps_w")
        )
        found[name] = (fixed_w, per_gbps_w)
    return found


def _checked(where: str, key: str, kind: str, value: Any) -> Any:
    if kind == "str":
        one, other = _CHOICES[key]
        if value not in (one, other):
            raise PowerModelError(f"{where} is {value!r}; write {one!r} or {other!r}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PowerModelError(f"{where} is {value!r}; a finite number is needed")
    if value < 0:
        raise PowerModelError(f"{where} is {value}; it cannot be negative")
    if kind == "int":
        if int(value) != value:
            raise PowerModelError(f"{where} is {value}; a whole number is needed")
        return int(value)
    if key == "span_km" and value == 0:
        raise PowerModelError(f"{where} is {value}; a positive length is needed")
    if key.endswith("_share") and value > 1:
        raise PowerModelError(f"{where} is {value}; a share lies between 0 and 1")
    return float(value)


def _refuse_unknown(file: Path, prefix: str, section: Mapping[str, Any], known: set[str]) -> None:
    for key in section:
        if key not in known:
            raise PowerModelError(f"{file}: {prefix}{key} is unknown; known: {', '.join(sorted(known))}")
