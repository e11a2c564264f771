"""A policy stored and read back answers the same, and a policy for other features is refused."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save

from agents.artefact import (
    GENERALIST_FOLDER,
    ArtefactError,
    load_forecast,
    load_policy,
    plant_of,
    read_manifest,
    save_policy,
)
from agents.policy import NetworkPolicy
from envs.features import COLUMN, CONTEXT_NAMES, FEATURE_NAMES, FEATURE_SCHEMA_VERSION, OLDER_WIDTHS
from envs.forecast import forecast_from
from envs.heuristics import BASELINE_NAMES, baseline
from envs.plant import build_plant
from envs.policy import LinearPolicy, linear_policy
from envs.settings import SETTINGS
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace
from topologies.catalogue import load_topology

F, C, M = len(FEATURE_NAMES), len(CONTEXT_NAMES), 30


def network_policy(seed: int = 0, hidden=(12, 7)) -> NetworkPolicy:
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return NetworkPolicy(
        name="net",
        skip=draw(F),
        first_features=draw(F, hidden[0]),
        first_context=draw(C, hidden[0]),
        hidden_weights=tuple(draw(a, b) for a, b in itertools.pairwise(hidden)),
        biases=tuple(draw(width) for width in hidden),
        output=draw(hidden[-1]),
    )


def observations(count: int, seed: int = 1):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, M, F)).astype(np.float32)
    mask = rng.random((count, M)) < 0.6
    return (
        np.where(mask[..., None], features, 0).astype(np.float32),
        mask,
        rng.random((count, C)).astype(np.float32),
    )


def policies():
    rng = np.random.default_rng(5)
    return [
        baseline(BASELINE_NAMES[0]),
        LinearPolicy("searched", tuple(rng.normal(size=F))),
        network_policy(),
        network_policy(hidden=(9,)),
    ]


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
def test_a_stored_policy_answers_bit_for_bit_the_same(policy, tmp_path):
    save_policy(policy, tmp_path / "p", metadata={"blocking": 0.01})
    loaded = load_policy(tmp_path / "p")
    assert loaded.name == policy.name
    assert read_manifest(tmp_path / "p").metadata == {"blocking": 0.01}
    given = observations(50)
    assert np.array_equal(loaded.scores(*given), policy.scores(*given))


def test_network_scores_equal_a_loop_over_candidates():
    policy = network_policy()
    features, mask, context = observations(20)
    scores = policy.scores(features, mask, context)
    first = np.concatenate([policy.first_features, policy.first_context])
    for n in range(20):
        for m in range(M):
            if not mask[n, m]:
                assert scores[n, m] == np.float32(-1e9)
                continue
            hidden = np.maximum(np.concatenate([features[n, m], context[n]]) @ first + policy.biases[0], 0)
            hidden = np.maximum(hidden @ policy.hidden_weights[0] + policy.biases[1], 0)
            assert scores[n, m] == pytest.approx(
                features[n, m] @ policy.skip + hidden @ policy.output, rel=1e-4, abs=1e-4
            )


def test_a_batch_of_one_and_a_row_without_candidates():
    features, mask, context = observations(3)
    mask[:] = False
    scores = network_policy().scores(features[:1], mask[:1].astype(np.float32), context[:1])
    assert scores.shape == (1, M)
    assert scores.dtype == np.float32
    assert (scores == np.float32(-1e9)).all()


def test_saving_again_replaces(tmp_path):
    save_policy(network_policy(1), tmp_path)
    save_policy(network_policy(2, hidden=(4,)), tmp_path)
    given = observations(4)
    assert np.array_equal(load_policy(tmp_path).scores(*given), network_policy(2, hidden=(4,)).scores(*given))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy.json", "weights.safetensors"]


def edit(folder, **changes):
    document = json.loads((folder / "policy.json").read_text())
    (folder / "policy.json").write_text(json.dumps(document | changes))


def test_another_schema_version_is_refused_naming_both(tmp_path):
    save_policy(network_policy(), tmp_path)
    edit(tmp_path, feature_schema_version="999")
    with pytest.raises(ArtefactError, match=rf"999.*{FEATURE_SCHEMA_VERSION}"):
        load_policy(tmp_path)


def test_a_linear_score_of_before_a_column_was_added_gives_it_no_weight(tmp_path):
    policy = linear_policy("older", hops=-1.0, first_slot=0.5)
    save_policy(policy, tmp_path)
    document = json.loads((tmp_path / "policy.json").read_text())
    version, width = max(OLDER_WIDTHS.items())
    weights = save({"feature_weights": np.array(policy.weights[:width])})
    (tmp_path / "weights.safetensors").write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    older = {"feature_schema_version": version, "feature_names": document["feature_names"][:width]}
    edit(tmp_path, weights_sha256=digest, **older)
    assert load_policy(tmp_path) == policy
    edit(tmp_path, feature_names=["moon_phase", *document["feature_names"][1:width]])
    with pytest.raises(ArtefactError, match="moon_phase"):
        load_policy(tmp_path)
    edit(tmp_path, feature_names=document["feature_names"][:3])
    with pytest.raises(ArtefactError, match=f"features are 3.*{width} are computed"):
        load_policy(tmp_path)


def test_another_feature_is_refused_naming_both(tmp_path):
    save_policy(network_policy(), tmp_path)
    edit(tmp_path, feature_names=[*FEATURE_NAMES[:-1], "moon_phase"])
    with pytest.raises(ArtefactError, match=rf"moon_phase.*{FEATURE_NAMES[-1]}"):
        load_policy(tmp_path)
    edit(tmp_path, feature_names=list(FEATURE_NAMES), context_names=list(CONTEXT_NAMES[:-1]))
    with pytest.raises(ArtefactError, match=rf"context are {C - 1}.*{C} are computed"):
        load_policy(tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    save_policy(network_policy(), tmp_path)
    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ArtefactError, match="sha256"):
        load_policy(tmp_path)


def test_missing_files_are_refused_with_their_names(tmp_path):
    with pytest.raises(ArtefactError, match=r"policy\.json"):
        load_policy(tmp_path / "nowhere")
    save_policy(network_policy(), tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(ArtefactError, match=r"weights\.safetensors"):
        load_policy(tmp_path)


def test_a_refused_save_changes_nothing(tmp_path):
    save_policy(network_policy(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    narrow = NetworkPolicy(
        name="narrow",
        skip=np.zeros(1, np.float32),
        first_features=np.zeros((1, 2), np.float32),
        first_context=np.zeros((C, 2), np.float32),
        hidden_weights=(),
        biases=(np.zeros(2, np.float32),),
        output=np.zeros(2, np.float32),
    )
    with pytest.raises(ArtefactError, match=f"1 features.*{F}"):
        save_policy(narrow, tmp_path)
    with pytest.raises(ArtefactError, match="not JSON"):
        save_policy(network_policy(2), tmp_path, metadata={"when": object()})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_loading_needs_neither_torch_nor_ray(tmp_path):
    save_policy(network_policy(), tmp_path)
    program = (
        "import sys; from agents.artefact import load_policy; load_policy(sys.argv[1]); "
        "print(sorted({'torch', 'ray', 'mlflow', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_policy_that_ships_fits_the_features_and_only_those_of_a_setting_that_tells_them_know_of_ends():
    folders = sorted(folder for folder in GENERALIST_FOLDER.parent.iterdir() if folder.is_dir())
    assert {folder.name for folder in folders} >= {"generalist", "deeprmsa-nsfnet", "deeprmsa-cost239"}
    for folder in folders:
        policy = load_policy(folder)
        assert isinstance(policy, LinearPolicy)
        told = folder.name in SETTINGS and SETTINGS[folder.name].departures_told
        assert (
            any(policy.weights[column] for column in (COLUMN.neighbours_stay, COLUMN.neighbours_alike))
            == told
        )


def test_a_forecast_goes_with_a_policy_and_leaves_with_it(tmp_path):
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, shortlist=3))
    forecast = forecast_from(make_trace(PoissonTraffic(40.0), plant, 300, 1), plant)
    save_policy(network_policy(), tmp_path, forecast=forecast)
    assert load_forecast(tmp_path) == forecast
    assert read_manifest(tmp_path).forecast == forecast.content_hash
    assert plant_of(tmp_path, plant).forecast == forecast
    save_policy(network_policy(), tmp_path)
    assert load_forecast(tmp_path) is None
    assert plant_of(tmp_path, plant.with_forecast(forecast)).forecast is None
    assert not (tmp_path / "forecast.json").exists()


def test_a_forecast_that_is_missing_damaged_or_another_is_refused(tmp_path):
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, shortlist=3))
    one, other = (forecast_from(make_trace(PoissonTraffic(40.0), plant, 300, n), plant) for n in (1, 2))
    file = save_policy(network_policy(), tmp_path, forecast=one) / "forecast.json"
    file.write_text(json.dumps(other.to_json()))
    with pytest.raises(ArtefactError, match=f"is forecast {other.content_hash}; policy.json names"):
        load_forecast(tmp_path)
    file.write_text(json.dumps(one.to_json() | {"num_requests": 5}))
    with pytest.raises(ArtefactError, match="changed after it was made"):
        load_forecast(tmp_path)
    file.write_text("{")
    with pytest.raises(ArtefactError, match="not JSON"):
        load_forecast(tmp_path)
    file.unlink()
    with pytest.raises(ArtefactError, match=f"names forecast {one.content_hash}"):
        load_forecast(tmp_path)
