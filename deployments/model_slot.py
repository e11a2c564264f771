"""What runs in a model slot: MLflow's own scoring app around the model that ``serving/<slot>.json`` names.

The question that the PCE asks is answered in front of it, the shorter way (``model_scores.py``).
A model that is started beside the one in service is loaded at low priority. ``python -m
deployments.model_slot model-a`` answers as ``mlflow models serve`` does, and ``GET /version``
says which model it has loaded: the slot's file says only what the next start would load.
"""

from __future__ import annotations

import gc
import json
import logging
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from configs.home import Credentials, Home
from controlplane.auth import AuthMiddleware
from controlplane.guard import Guard
from controlplane.http_server import run
from controlplane.routes import only_open
from deployments.model_scores import DirectScores
from tasks.background import in_background

TABLE = only_open("model slot", "/ping", "/health")


class SlotError(ValueError):
    """The slot's file is missing or incomplete."""


@dataclass(frozen=True)
class SlotModel:
    """What a slot file names.

    Attributes:
        uri: of the model.
        port: where it listens.
        is_beside: another model answers meanwhile, and must not be slowed down.
    """

    uri: str
    port: int
    is_beside: bool


def slot_model(slot_file: Path) -> SlotModel:
    """The model that a slot file names.

    Raises:
        SlotError: no such file, not JSON, or a field is missing.
    """
    try:
        slot = json.loads(slot_file.read_text())
        return SlotModel(str(slot["model_uri"]), int(slot["port"]), bool(slot.get("is_beside")))
    except OSError:
        raise SlotError(f"{slot_file}: no model has been provisioned into this slot") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SlotError(f"{slot_file}: need model_uri and port: {error!r}") from None


def scoring_app(model_uri: str) -> Any:
    """MLflow's scoring app around a model, which says what it has loaded; plain questions go the shorter way.

    Raises:
        SlotError: MLflow does not have the model.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    try:
        model = mlflow.pyfunc.load_model(model_uri)
        app = scoring_server.init(model)
    except MlflowException as error:
        raise SlotError(f"{model_uri} cannot be loaded: {error.message}") from None
    app.router.routes[:] = [r for r in app.router.routes if getattr(r, "path", "") != "/version"]

    @app.get("/version")
    async def version() -> dict[str, str]:
        return {"model_uri": model_uri, "mlflow": mlflow.__version__}

    return DirectScores(app, model.predict)


def guarded(app: Any, credentials: Credentials) -> Guard:
    """The scoring app behind the login; ``/ping`` and ``/health`` are open."""
    return Guard(AuthMiddleware(app, credentials, TABLE))


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    home = Home.from_environment()
    try:
        model = slot_model(home.serving / f"{sys.argv[1]}.json")
        load = partial(scoring_app, model.uri)
        app = in_background(load) if model.is_beside else load()
    except SlotError as error:
        sys.exit(str(error))
    gc.collect()
    gc.freeze()  # a full collection over what MLflow has loaded would cost a decision its deadline
    # The PCE logs every decision; a line for each request again would only cost time.
    run(guarded(app, home.credentials()), "127.0.0.1", model.port, access_log=False)


if __name__ == "__main__":
    main()
