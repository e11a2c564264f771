"""A policy as a folder: ``policy.json`` says what it is, ``weights.safetensors`` holds its numbers.

``forecast.json``, where there is one, is the demand forecast that the policy looks at candidates with:
wherever it decides, the plant must have that forecast (``plant_of``). Needs numpy and safetensors only,
because the inference server loads it: never torch, never ray. Not here: where folders are kept and versioned
(``tasks.registry``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from agents.policy import NetworkPolicy
from envs.features import CONTEXT_NAMES, FEATURE_NAMES, FEATURE_SCHEMA_VERSION, OLDER_WIDTHS
from envs.forecast import DemandForecast, ForecastError, read_forecast
from envs.heuristics import BASELINE_NAMES, baseline
from envs.policy import LinearPolicy, ScoringPolicy

if TYPE_CHECKING:
    from envs.plant import Plant

MANIFEST_FILE = "policy.json"
WEIGHTS_FILE = "weights.safetensors"
FORECAST_FILE = "forecast.json"
FORMAT_VERSION = 1
SHIPPED = Path(__file__).parent / "data"  # policies that ship
GENERALIST_FOLDER = SHIPPED / "generalist"  # made by `agents.generalist`

Kind = Literal["baseline", "linear", "mlp"]


class ArtefactError(ValueError):
    """A policy that cannot be stored or loaded; names what was found, what is needed and where."""


@dataclass(frozen=True)
class PolicyManifest:
    """What ``policy.json`` says."""

    kind: Kind
    name: str
    feature_schema_version: int | str
    feature_names: tuple[str, ...]
    context_names: tuple[str, ...]
    architecture: Mapping[str, Any]  # mlp: {"hidden_sizes": [...], "activation": "relu"}
    weights_sha256: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    forecast: str = ""  # hash of the forecast beside it; empty: none
    format_version: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        """The document stored."""
        return {
            "format_version": self.format_version,
            "kind": self.kind,
            "name": self.name,
            "feature_schema_version": self.feature_schema_version,
            "feature_names": list(self.feature_names),
            "context_names": list(self.context_names),
            "architecture": dict(self.architecture),
            "weights_sha256": self.weights_sha256,
            "metadata": dict(self.metadata),
            **({"forecast": self.forecast} if self.forecast else {}),
        }


def save_policy(
    policy: ScoringPolicy,
    folder: Path | str,
    metadata: Mapping[str, Any] | None = None,
    forecast: DemandForecast | None = None,
) -> Path:
    """The folder, holding the policy. An artefact already there is replaced; no file is ever half-written.

    Args:
        policy: a baseline of ``envs.heuristics``, a ``LinearPolicy`` or a ``NetworkPolicy``.
        folder: made if missing.
        metadata: anything that JSON holds: where the policy comes from, what it was measured at.
        forecast: that it decides with; None: none.

    Raises:
        ArtefactError: a policy of another type, or one whose width is not that of the features.
    """
    folder = Path(folder)
    kind, arrays, architecture = _describe(policy)
    weights = save(arrays)
    manifest = PolicyManifest(
        kind=kind,
        name=policy.name,
        feature_schema_version=FEATURE_SCHEMA_VERSION,
        feature_names=tuple(FEATURE_NAMES),
        context_names=tuple(CONTEXT_NAMES),
        architecture=architecture,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        metadata=dict(metadata or {}),
        forecast=forecast.content_hash if forecast else "",
    )
    try:
        document = json.dumps(manifest.to_json(), indent=2)
    except TypeError as error:
        raise ArtefactError(f"policy {policy.name!r}: metadata is not JSON: {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / WEIGHTS_FILE, weights)
    if forecast is not None:
        _replace(folder / FORECAST_FILE, json.dumps(forecast.to_json(), indent=1).encode())
    _replace(folder / MANIFEST_FILE, document.encode())
    if forecast is None:
        (folder / FORECAST_FILE).unlink(missing_ok=True)
    return folder


def load_policy(folder: Path | str) -> ScoringPolicy:
    """The policy stored in a folder.

    Raises:
        ArtefactError: files missing or damaged, or made for other features than this code computes.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    _check_features(manifest, folder)
    if manifest.kind == "baseline":
        if manifest.name not in BASELINE_NAMES:
            raise ArtefactError(
                f"{folder}: unknown baseline {manifest.name!r}; known: {', '.join(BASELINE_NAMES)}"
            )
        return baseline(manifest.name)
    arrays = _read_weights(folder, manifest)
    try:
        if manifest.kind == "linear":
            weights = arrays["feature_weights"].tolist()
            missing = len(FEATURE_NAMES) - len(manifest.feature_names)
            return LinearPolicy(manifest.name, (*weights, *[0.0] * missing))  # columns added since: no weight
        policy = NetworkPolicy.from_arrays(manifest.name, arrays, len(manifest.architecture["hidden_sizes"]))
    except KeyError as error:
        raise ArtefactError(f"{folder / WEIGHTS_FILE}: {error.args[0]!r} is missing") from None
    except ValueError as error:
        raise ArtefactError(f"{folder / WEIGHTS_FILE}: {error}") from None
    _check_width(policy, str(folder))
    return policy


def load_forecast(folder: Path | str) -> DemandForecast | None:
    """The demand forecast that a policy decides with; None where it decides with none.

    Raises:
        ArtefactError: the manifest names one that is missing, damaged, or another than the one there.
    """
    folder = Path(folder)
    if not (named := read_manifest(folder).forecast):
        return None
    path = folder / FORECAST_FILE
    try:
        forecast = read_forecast(json.loads(path.read_text()), str(path))
    except OSError as error:
        raise ArtefactError(f"{path}: {error.strerror}; {MANIFEST_FILE} names forecast {named}") from None
    except json.JSONDecodeError as error:
        raise ArtefactError(f"{path}: not JSON: {error}") from None
    except ForecastError as error:
        raise ArtefactError(str(error)) from None
    if forecast.content_hash != named:
        raise ArtefactError(f"{path}: is forecast {forecast.content_hash}; {MANIFEST_FILE} names {named}")
    return forecast


def plant_of(folder: Path | str, plant: Plant) -> Plant:
    """The plant as the policy in a folder sees it: with its forecast, or with none.

    Raises:
        ArtefactError: as ``load_forecast``.
        ForecastError: the policy's forecast is of another plant.
    """
    return plant.with_forecast(load_forecast(folder))


def read_manifest(folder: Path | str) -> PolicyManifest:
    """What a policy folder says of itself; the features are not checked against this code.

    Raises:
        ArtefactError: ``policy.json`` is missing, not JSON, of another format version, or lacks a field.
    """
    path = Path(folder) / MANIFEST_FILE
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise ArtefactError(f"{path}: {error.strerror}; a policy folder holds {MANIFEST_FILE}") from None
    except json.JSONDecodeError as error:
        raise ArtefactError(f"{path}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ArtefactError(f"{path}: an object is needed, not {type(document).__name__}")
    found = document.get("format_version")
    if found != FORMAT_VERSION:
        raise ArtefactError(f"{path}: format version {found!r}; this code reads {FORMAT_VERSION}")
    try:
        manifest = PolicyManifest(
            kind=document["kind"],
            name=document["name"],
            feature_schema_version=document["feature_schema_version"],
            feature_names=tuple(document["feature_names"]),
            context_names=tuple(document["context_names"]),
            architecture=document["architecture"],
            weights_sha256=document["weights_sha256"],
            metadata=document["metadata"],
            forecast=str(document.get("forecast", "")),
        )
    except KeyError as error:
        raise ArtefactError(f"{path}: field {error.args[0]!r} is missing") from None
    if manifest.kind not in ("baseline", "linear", "mlp"):
        raise ArtefactError(f"{path}: unknown kind {manifest.kind!r}; known: baseline, linear, mlp")
    return manifest


def _describe(policy: ScoringPolicy) -> tuple[Kind, dict[str, np.ndarray], dict[str, Any]]:
    if isinstance(policy, NetworkPolicy):
        _check_width(policy, f"policy {policy.name!r}")
        return "mlp", policy.arrays(), {"hidden_sizes": list(policy.hidden_sizes), "activation": "relu"}
    if policy.name in BASELINE_NAMES and policy == baseline(policy.name):
        return "baseline", {}, {}
    if isinstance(policy, LinearPolicy):
        return "linear", {"feature_weights": np.array(policy.weights, dtype=np.float64)}, {}
    raise ArtefactError(
        f"policy {policy.name!r}: cannot store a {type(policy).__name__}; "
        "known: a baseline, LinearPolicy, NetworkPolicy"
    )


def _check_width(policy: NetworkPolicy, where: str) -> None:
    found = (policy.num_features, policy.num_context)
    needed = (len(FEATURE_NAMES), len(CONTEXT_NAMES))
    if found != needed:
        raise ArtefactError(
            f"{where}: takes {found[0]} features and {found[1]} context values; "
            f"{needed[0]} and {needed[1]} are computed"
        )


def _check_features(manifest: PolicyManifest, folder: Path) -> None:
    """Refuse other features; a score by columns may be older, as long as columns were only added since."""
    version = manifest.feature_schema_version
    names: tuple[str, ...] = FEATURE_NAMES
    if manifest.kind != "mlp" and version in OLDER_WIDTHS:
        names = FEATURE_NAMES[: OLDER_WIDTHS[version]]
    elif version != FEATURE_SCHEMA_VERSION:
        raise ArtefactError(
            f"{folder}: made for feature schema version {manifest.feature_schema_version}, "
            f"this code computes version {FEATURE_SCHEMA_VERSION}; train it again"
        )
    for label, found, computed in (
        ("features", manifest.feature_names, names),
        ("context", manifest.context_names, CONTEXT_NAMES),
    ):
        if tuple(found) != tuple(computed):
            raise ArtefactError(
                f"{folder}: {label} {_difference(found, computed)}, though it says schema version "
                f"{version}; train it again"
            )


def _difference(found: Sequence[str], computed: Sequence[str]) -> str:
    if len(found) != len(computed):
        return (
            f"are {len(found)} ({', '.join(found)}) but {len(computed)} are computed ({', '.join(computed)})"
        )
    position = next(i for i, (a, b) in enumerate(zip(found, computed, strict=True)) if a != b)
    return f"differ: number {position} is {found[position]!r} but {computed[position]!r} is computed"


def _read_weights(folder: Path, manifest: PolicyManifest) -> dict[str, np.ndarray]:
    path = folder / WEIGHTS_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.weights_sha256:
        raise ArtefactError(f"{path}: sha256 is {digest}; {MANIFEST_FILE} says {manifest.weights_sha256}")
    try:
        return load(content)
    except SafetensorError as error:
        raise ArtefactError(f"{path}: not safetensors: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    """Written beside, then moved: a reader or a kill never sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)
