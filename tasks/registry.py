"""MLflow: runs, curves, datasets, models, aliases. The only file of the project that talks to it.

A model version is what ``served_model.py`` serves; its folder also holds ``recorded.npz`` (observations with
the evaluated policy's own scores, for the check before it goes into service) and ``traffic.json`` (what it
learned from, and what drift is measured against).
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.commit import git_commit
from tasks.decorate import as_task
from tasks.figures import Table
from tasks.model_card import NO_CARDS, Cards
from tasks.model_signature import model_parts
from tasks.registry_reader import FLOW_RUN_TAG as FLOW_RUN_TAG  # also for those who do not load this file
from tasks.registry_reader import POLICY_FOLDER as POLICY_FOLDER
from tasks.registry_reader import REFERENCE_FILE as REFERENCE_FILE

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"  # aliases
RECORDED_FILE = "recorded.npz"
WINDOW_TAGS = ("window", "window.learned", "window.held_out")  # of a run that learned from operation: ids
FORECAST_TAG = "forecast"  # of a version that decides with one: its hash
MAX_PARAM_CHARACTERS = 6000
# Without it MLflow 3 guesses, and opens an experiment without a model in the view made for language models.
EXPERIMENT_KIND = "mlflow.experimentKind"
MODELS = "custom_model_development"
MODELS_VIEW = "workflowType=machine_learning"  # MLflow 3.17's page looks here before its own switch
TABLES_TAG = "mlflow.loggedArtifacts"  # what MLflow's page shows as tables


class RegistryError(ValueError):
    """The registry does not hold what was asked for; says what is missing and how it gets there."""


@dataclass(frozen=True)
class ModelVersion:
    """A registered model version."""

    name: str
    version: str
    policy: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """For ``mlflow models serve -m``; by number, because an alias may have moved by the next start."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class Registry:
    """Where runs are logged and models registered."""

    tracking_uri: str
    experiment: str
    model_name: str
    promotion_log: Path

    @cached_property
    def _client(self) -> MlflowClient:
        from mlflow import MlflowClient

        return MlflowClient(self.tracking_uri, self.tracking_uri)

    @property
    def client(self) -> MlflowClient:
        """MLflow's own client, for ``kept_runs.py``."""
        return self._client

    @cached_property
    def experiment_id(self) -> str:
        """Id of the experiment, made at first use."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            if found.tags.get(EXPERIMENT_KIND) != MODELS:
                self._client.set_experiment_tag(found.experiment_id, EXPERIMENT_KIND, MODELS)
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(self.experiment, tags={EXPERIMENT_KIND: MODELS}))
        except MlflowException:  # somebody else made it in between
            found = self._client.get_experiment_by_name(self.experiment)
            assert found is not None
            return str(found.experiment_id)

    def run_url(self, run_id: str) -> str:
        """Address of a run's page."""
        return f"{self.tracking_uri}/#/experiments/{self.experiment_id}/runs/{run_id}?{MODELS_VIEW}"

    def version_url(self, version: str) -> str:
        """Address of a model version's page."""
        return f"{self.tracking_uri}/#/models/{self.model_name}/versions/{version}"

    @contextmanager
    def run(
        self,
        name: str,
        tags: Mapping[str, str],
        run_id: str = "",
        goes_on_after: tuple[type[BaseException], ...] = (),
    ) -> Iterator[str]:
        """A run for the length of the block; gives its id, marks it finished, failed or killed.

        Args:
            name: of a new run.
            tags: of a new run.
            run_id: a run to go on with, in the place of a new one.
            goes_on_after: exceptions after which the run is taken up again later: it is marked scheduled.
        """
        if run_id:
            self._client.update_run(run_id, "RUNNING")
        else:
            run_id = self.start_run(name, tags)
        try:
            yield run_id
        except goes_on_after:
            self._client.update_run(run_id, "SCHEDULED")
            raise
        except BaseException as error:  # one that is no Exception is somebody's wish: cancelled, SIGTERM
            self.end_run(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        self.end_run(run_id)

    def start_run(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of a new run; it carries the git commit besides the tags given."""
        commit = git_commit(Path(__file__).parent)
        all_tags = {"mlflow.source.git.commit": commit, "mlflow.source.type": "PROJECT", **tags}
        run = self._client.create_run(self.experiment_id, tags=all_tags, run_name=name)
        return str(run.info.run_id)

    def seeds_used(self, kind: str, scenario: str) -> dict[str, int]:
        """Run id: ``training.seed``, of the runs of a kind that a scenario has had and that are kept."""
        query = f"tags.kind = '{kind}' and tags.scenario = '{scenario}'"
        runs = self._client.search_runs([self.experiment_id], query, max_results=5000)
        seeds = {run.info.run_id: run.data.params.get("training.seed") for run in runs}
        return {run_id: int(seed) for run_id, seed in seeds.items() if seed is not None}

    def runs_that_learned(self, kind: str, window: str) -> list[str]:
        """Ids of the runs of a kind that learned from a window: ended well, or under way."""
        query = f"tags.kind = '{kind}' and tags.window = '{window}'"
        runs = self._client.search_runs([self.experiment_id], query, max_results=100)
        return [run.info.run_id for run in runs if run.info.status not in ("FAILED", "KILLED")]

    def end_run(self, run_id: str, status: str = "FINISHED") -> None:
        """Mark a run ended."""
        self._client.set_terminated(run_id, status)

    def log_config(self, run_id: str, parameters: Mapping[str, Any], resolved_yaml: str) -> None:
        """The resolved configuration as parameters and as ``config.yaml``."""
        from mlflow.entities import Param

        params = [Param(key, str(value)[:MAX_PARAM_CHARACTERS]) for key, value in parameters.items()]
        for start in range(0, len(params), 100):
            self._client.log_batch(run_id, params=params[start : start + 100])
        self._client.log_text(run_id, resolved_yaml, "config.yaml")

    def log_traces(self, run_id: str, trace_ids: Sequence[str], folder: Path, purpose: str) -> None:
        """Traces as datasets of a run; ``purpose`` is ``training`` or ``evaluation``."""
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.data.sources import LocalArtifactDatasetSource  # type: ignore[attr-defined]
        from mlflow.entities import DatasetInput, InputTag

        datasets = []
        for trace_id in trace_ids:
            source = LocalArtifactDatasetSource(str(folder / f"{trace_id}.parquet"))
            dataset = MetaDataset(  # type: ignore[abstract]
                source, name=f"trace-{trace_id}", digest=trace_id
            )
            tags = [InputTag("mlflow.data.context", purpose)]
            datasets.append(DatasetInput(dataset._to_mlflow_entity(), tags))
        self._client.log_inputs(run_id, datasets)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Numbers at one step; what is not finite is left out."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        points = [Metric(key, float(v), now_ms, step) for key, v in metrics.items() if np.isfinite(v)]
        self._client.log_batch(run_id, metrics=points)

    def log_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Tags of a run."""
        from mlflow.entities import RunTag

        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_document(self, run_id: str, document: Mapping[str, Any], file: str) -> None:
        """A JSON artifact."""
        self._client.log_text(run_id, json.dumps(document, indent=2), file)

    def log_text(self, run_id: str, text: str, file: str) -> None:
        """A text or HTML artifact."""
        self._client.log_text(run_id, text, file)

    def log_table(self, run_id: str, table: Table, file: str) -> None:
        """A table as MLflow's page shows it. Safe to repeat, unlike the client's own, which appends."""
        document = {"columns": table.columns, "data": table.rows}
        self._client.log_text(run_id, json.dumps(document, default=float), file)
        listed = json.loads(self._client.get_run(run_id).data.tags.get(TABLES_TAG, "[]"))
        if (entry := {"path": file, "type": "table"}) not in listed:
            self._client.set_tag(run_id, TABLES_TAG, json.dumps([*listed, entry]))

    def log_model(
        self, run_id: str, policy_folder: Path, recorded: Path, reference: Path, metadata: Mapping[str, str]
    ) -> str:
        """The URI (``models:/m-...``) of a model logged to a run: signature, input example, no pickle.

        Args:
            run_id: the run it comes from.
            policy_folder: what ``agents.artefact.save_policy`` wrote.
            recorded: ``features``, ``action_mask``, ``context`` and ``scores`` of recorded observations.
            reference: the traffic that it learned from.
            metadata: goes into the MLmodel file.
        """
        import mlflow

        artifacts = {"policy": policy_folder, "recorded": recorded, "reference": reference}
        self._use_globally()
        with warnings.catch_warnings(), mlflow.start_run(run_id=run_id, log_system_metrics=False):
            warnings.filterwarnings("ignore", message=".*[Tt]ype hint.*")  # the signature is given
            info = mlflow.pyfunc.log_model(name="model", **model_parts(artifacts, metadata))
        self._client.update_run(run_id, "RUNNING")  # leaving the block above has ended it
        return f"models:/{info.model_id}"

    def register(
        self, model_uri: str, run_id: str, policy: str, tags: Mapping[str, str], cards: Cards = NO_CARDS
    ) -> ModelVersion:
        """A logged model as the next version of the registered model, with what their pages say."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        self._client.update_registered_model(self.model_name, cards.model)
        model_id = model_uri.removeprefix("models:/")
        source = self._client.get_logged_model(model_id).artifact_location
        made = self._client.create_model_version(
            self.model_name,
            source,
            run_id,
            tags={"policy": policy, **tags},
            description=cards.version,
            model_id=model_id,
        )
        return _version(made)

    def version(self, label: str) -> ModelVersion:
        """A version by its number, or by its alias with ``@`` in front.

        Raises:
            RegistryError: there is no such version.
        """
        from mlflow.exceptions import MlflowException

        if label.startswith("@"):
            found = self._by_alias(label[1:])
            if found is None:
                how = "a training makes one" if label[1:] == CHALLENGER else "try lightloop up"
                raise RegistryError(f"model {self.model_name!r} has no version {label}; {how}")
            return found
        try:
            return _version(self._client.get_model_version(self.model_name, label))
        except MlflowException as error:
            raise RegistryError(
                f"model {self.model_name!r} has no version {label}: {error.message}"
            ) from None

    def existing(self, number: str) -> ModelVersion | None:
        """A version by its number; None where there is none, or none any more."""
        from mlflow.exceptions import MlflowException

        try:
            return _version(self._client.get_model_version(self.model_name, number))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryError(f"MLflow at {self.tracking_uri} does not answer: {error.message}") from None

    def aliased(self, alias: str) -> str:
        """The number that an alias points at, whether or not that version still exists; empty: no such."""
        from mlflow.exceptions import MlflowException

        try:
            model = self._client.get_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return ""
            raise RegistryError(f"MLflow at {self.tracking_uri} does not answer: {error.message}") from None
        return str(model.aliases.get(alias, ""))

    def point(self, alias: str, number: str) -> bool:
        """Have an alias point at a version, or nowhere where the number is empty; whether it did not yet."""
        if self.aliased(alias) == number:
            return False
        if number:
            self._client.set_registered_model_alias(self.model_name, alias, number)
        else:
            self._client.delete_registered_model_alias(self.model_name, alias)
        return True

    def set_version_tags(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Tags of a model version."""
        for key, value in tags.items():
            self._client.set_model_version_tag(version.name, version.version, key, value)

    def fetch(self, model_uri: str, folder: Path) -> Path:
        """The ``artifacts`` folder of a model (policy, recorded observations, reference), fetched once."""
        import mlflow

        target = folder / model_uri.removeprefix("models:/").replace("/", "-")
        if target.exists():
            target.touch()  # used: see ``retention.py``
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._use_globally()
            with tempfile.TemporaryDirectory(dir=folder) as unfinished:
                mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=unfinished)
                with contextlib.suppress(OSError):  # another process was faster
                    (Path(unfinished)).rename(target)
                    Path(unfinished).mkdir()
        return target / "artifacts"

    def policy_folder(self, version: ModelVersion, folder: Path) -> Path:
        """The policy artefact of a version, fetched once."""
        return self.fetch(version.uri, folder) / POLICY_FOLDER

    def _use_globally(self) -> None:
        # Logging and fetching of models go through MLflow's global addresses only.
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        mlflow.set_registry_uri(self.tracking_uri)

    def _by_alias(self, alias: str) -> ModelVersion | None:
        from mlflow.exceptions import MlflowException

        try:
            return _version(self._client.get_model_version_by_alias(self.model_name, alias))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise


def _version(made: Any) -> ModelVersion:
    tags = dict(made.tags)
    return ModelVersion(made.name, str(made.version), tags.get("policy", ""), str(made.run_id), tags)


def register(
    registry: Registry, model_uri: str, run_id: str, policy: str, tags: Mapping[str, str], cards: Cards
) -> ModelVersion:
    """A logged model as the next version of the registered model."""
    return registry.register(model_uri, run_id, policy, tags, cards)


register_task = as_task(register, "register", timeout_s=120)
