"""From files, overrides and environment to one checked configuration. What may be set: ``schema.py``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from configs.schema import Config

CONFIG_DIR = Path(__file__).parent
ENVIRONMENT_PREFIX = "LIGHTLOOP__"
CONFIG_FILE_VARIABLE = "LIGHTLOOP_CONFIG"
# Keys of earlier versions, which stored files may hold, and what they are called now.
RENAMED = {
    ("training", "yardstick"): "validation",
    ("training", "search", "settle_requests"): "steady_state_requests",
    ("drift", "window_decisions"): "window_requests",
    ("drift", "min_decisions"): "min_requests",
}
# Keys whose value may be the path of a file.
FILES = (
    ("plant", "topology"),
    ("plant", "power_model"),
    ("services", "northbound_certificate"),
    ("services", "northbound_key"),
)
# Keys of earlier versions without a successor.
GONE = (("drift", "psi_threshold"), ("drift", "drift_share"), ("gate", "max_slice_regression"))


class ConfigError(ValueError):
    """A configuration that cannot be used; names the key, the value and the file it came from."""


def scenario_names() -> list[str]:
    """Scenarios that ship with the project."""
    return sorted(path.stem for path in (CONFIG_DIR / "scenarios").glob("*.yaml"))


def load_config(scenario: str | None = None, overrides: Sequence[str] = ()) -> Config:
    """The resolved configuration.

    Later wins: base.yaml, the scenario, ``LIGHTLOOP__SECTION__KEY`` variables, ``section.key=value``
    overrides. With no scenario named, the file in ``LIGHTLOOP_CONFIG`` (a resolved configuration, written by
    ``lightloop up``) takes the place of base.yaml.

    Args:
        scenario: a name in configs/scenarios, or the path of a YAML file.
        overrides: ``"traffic.load_erlang=200"``; the value is read as YAML.

    Raises:
        ConfigError: an unknown scenario, an unreadable file, an unknown key, a value out of its limits.
    """
    resolved_file = os.environ.get(CONFIG_FILE_VARIABLE)
    sources = []
    if scenario is None and resolved_file:
        sources.append(Path(resolved_file))
    else:
        sources += [CONFIG_DIR / "base.yaml", _scenario_file(scenario or "latency-rsa")]
    document: dict[str, Any] = {}
    for source in sources:
        _merge(document, _with_names_of_today(_read(source)))
    for name, text in sorted(os.environ.items()):
        if name.startswith(ENVIRONMENT_PREFIX):
            _set(document, name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), text, name)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"override {override!r}: write section.key=value, e.g. traffic.load_erlang=200")
        _set(document, key.strip().split("."), text, override)
    _make_absolute(document)
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        given = [item for item in overrides if item.partition("=")[0].strip() == key]
        place = f"given by {given[-1]}" if given else f"read from {', '.join(item.name for item in sources)}"
        value, why = first.get("input"), first["msg"].removeprefix("Value error, ")
        at_fault = "" if isinstance(value, Mapping) else f"value {value!r}; "
        raise ConfigError(f"{key}: {why} ({at_fault}{place})") from None


def override(key: str, value: Any) -> str:
    """A setting as ``load_config`` takes it on top: ``section.key=value``."""
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n")
    return f"{key}={text.strip()}"


def dump_config(config: Config) -> str:
    """The configuration as YAML that ``load_config`` reads back through ``LIGHTLOOP_CONFIG``."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _scenario_file(scenario: str) -> Path:
    path = Path(scenario)
    if path.suffix in (".yaml", ".yml"):
        return path
    shipped = CONFIG_DIR / "scenarios" / f"{scenario}.yaml"
    if not shipped.exists():
        raise ConfigError(
            f"unknown scenario {scenario!r}; known: {', '.join(scenario_names())}, or a .yaml file"
        )
    return shipped


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a mapping of sections is needed, not {type(document).__name__}")
    return document


def _with_names_of_today(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file of an earlier version, such as the one in the home: keys renamed, those without use gone."""
    for (*sections, old), new in RENAMED.items():
        section: Any = document
        for name in sections:
            section = section.get(name) if isinstance(section, dict) else None
        if isinstance(section, dict) and old in section and new not in section:
            section[new] = section.pop(old)
    for name, key in GONE:
        if isinstance(document.get(name), dict):
            document[name].pop(key, None)
    return document


def _make_absolute(document: dict[str, Any]) -> None:
    """Files are named from where the user stands; the processes that read them later stand elsewhere."""
    for section_name, key in FILES:
        section = document.get(section_name)
        name = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict) and isinstance(name, str) and (Path(name).suffix or os.sep in name):
            section[key] = str(Path(name).expanduser().absolute())


def _merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    for key, value in update.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _set(document: dict[str, Any], keys: Sequence[str], text: str, label: str) -> None:
    *sections, leaf = keys
    place: Any = document
    for section in sections:
        place = place.setdefault(section, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise ConfigError(f"{label!r}: {'.'.join(sections)} is a value, not a section")
    try:
        place[leaf] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{label!r}: {text!r} is not YAML: {error}") from None
