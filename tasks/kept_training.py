"""What a run of a training left in MLflow, as far as doing it again needs it.

Not here: doing it again (``flows/reproduction.py``), what else MLflow knows (``registry.py``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.lineage import COMMIT_TAG, WINDOW_TAGS
from tasks.recipe import RECIPE_FILE, Recipe, RecipeError, read_recipe
from tasks.registry import POLICY_FOLDER, Registry

CONFIG_FILE, TRAINING_FILE, EVALUATION_FILE = "config.yaml", "training.json", "evaluation.json"


@dataclass(frozen=True)
class KeptTraining:
    """A training as MLflow keeps it.

    Attributes:
        run_id: of MLflow.
        commit: of the code that ran, ``-dirty`` where the working tree differed; ``unknown`` outside git.
        config_file: the resolved configuration, with seed and budgets.
        recipe: what it began with.
        windows: of operation that it learned from, by their tags; empty: none.
        policy_folder: what it made.
        was_resumed: it was killed in between and taken up again.
        held_out: ids of the traces that it was judged on.
        blocking: mean request blocking that was measured on them; None: it was not evaluated.
    """

    run_id: str
    commit: str
    config_file: Path
    recipe: Recipe
    windows: Mapping[str, str]
    policy_folder: Path
    was_resumed: bool
    held_out: tuple[str, ...]
    blocking: float | None


def run_of(registry: Registry, word: str) -> str:
    """The MLflow run that a version (its number, ``@champion``) comes from; any other word is a run's id.

    Raises:
        RegistryError: no such version.
    """
    if word.startswith("@") or (word.isdecimal() and len(word) < 10):
        return registry.version(word).run_id
    return word


def kept_training(registry: Registry, run_id: str, folder: Path, models: Path) -> KeptTraining:
    """What a run left.

    Args:
        registry: where it is.
        run_id: which.
        folder: for its configuration.
        models: where fetched models are kept.

    Raises:
        RecipeError: there is no such run, it trained nothing, or it did not log what it began with.
    """
    from mlflow.exceptions import MlflowException

    client = registry.client
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise RecipeError(f"no run {run_id!r} in {registry.tracking_uri}: {error.message}") from None
    there = {item.path for item in client.list_artifacts(run_id)}
    if CONFIG_FILE not in there or RECIPE_FILE not in there:
        what = "trained nothing" if TRAINING_FILE not in there else "was made before runs logged a recipe"
        raise RecipeError(
            f"run {run_id} ({run.info.run_name}) {what}: it has no {RECIPE_FILE}. Name a run of "
            "continuous-training; lightloop lineage @champion tells the champion's"
        )
    query = f"source_run_id = '{run_id}'"
    models_made = client.search_logged_models([run.info.experiment_id], query, max_results=1)
    if not models_made:
        raise RecipeError(f"run {run_id} has logged no model: it did not come to the end of its training")
    model = registry.fetch(f"models:/{models_made[0].model_id}", models)
    texts = {file: _document(registry, run_id, file, folder) for file in there & _DOCUMENTS}
    datasets = run.inputs.dataset_inputs if run.inputs else ()
    return KeptTraining(
        run_id=run_id,
        commit=run.data.tags.get(COMMIT_TAG, "unknown"),
        config_file=Path(client.download_artifacts(run_id, CONFIG_FILE, str(folder))),
        recipe=read_recipe(texts[RECIPE_FILE], f"{RECIPE_FILE} of run {run_id}"),
        windows={tag: run.data.tags[tag] for tag in WINDOW_TAGS if tag in run.data.tags},
        policy_folder=model / POLICY_FOLDER,
        was_resumed=bool(texts.get(TRAINING_FILE, {}).get("resumed")),
        held_out=tuple(
            item.dataset.digest for item in datasets if any(tag.value == "evaluation" for tag in item.tags)
        ),
        blocking=_blocking(texts.get(EVALUATION_FILE)),
    )


_DOCUMENTS = {RECIPE_FILE, TRAINING_FILE, EVALUATION_FILE}


def _document(registry: Registry, run_id: str, file: str, folder: Path) -> dict[str, Any]:
    return dict(json.loads(Path(registry.client.download_artifacts(run_id, file, str(folder))).read_text()))


def _blocking(evaluation: Mapping[str, Any] | None) -> float | None:
    """Of the challenger; a run of MLproject has its policy under another key."""
    if evaluation is None:
        return None
    row = evaluation["policy"] if "policy" in evaluation else evaluation["policies"][0]
    return float(row["request_blocking"])
