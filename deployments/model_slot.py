"""What runs in a model slot: MLflow's own scoring app around the model that ``serving/<slot>.json`` names.

``python -m deployments.model_slot model-a`` answers as ``mlflow models serve`` does, and ``GET /version``
says which model it has loaded: the slot's file says only what the next start would load.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

from configs.home import Credentials, Home
from controlplane.auth import AuthMiddleware
from controlplane.guard import Guard
from controlplane.http_server import run

OPEN_PATHS = ("/ping", "/health")


class SlotError(ValueError):
    """The slot's file is missing or incomplete."""


def slot_model(slot_file: Path) -> tuple[str, int]:
    """The model URI and the port that a slot file names.

    Raises:
        SlotError: no such file, not JSON, or a field is missing.
    """
    try:
        slot = json.loads(slot_file.read_text())
        return str(slot["model_uri"]), int(slot["port"])
    except OSError:
        raise SlotError(f"{slot_file}: no model has been provisioned into this slot") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SlotError(f"{slot_file}: need model_uri and port: {error!r}") from None


def scoring_app(model_uri: str) -> Any:
    """MLflow's scoring app around a model, which says what it has loaded.

    Raises:
        SlotError: MLflow does not have the model.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    try:
        app = scoring_server.init(mlflow.pyfunc.load_model(model_uri))
    except MlflowException as error:
        raise SlotError(f"{model_uri} cannot be loaded: {error.message}") from None
    app.router.routes[:] = [r for r in app.router.routes if getattr(r, "path", "") != "/version"]

    @app.get("/version")
    async def version() -> dict[str, str]:
        return {"model_uri": model_uri, "mlflow": mlflow.__version__}

    return app


def guarded(app: Any, credentials: Credentials) -> Guard:
    """The scoring app behind the login; ``/ping`` and ``/health`` are open."""
    return Guard(AuthMiddleware(app, credentials, open_paths=OPEN_PATHS))


def main() -> None:
    """Serve until SIGTERM."""
    home = Home.from_environment()
    try:
        model_uri, port = slot_model(home.serving / f"{sys.argv[1]}.json")
        app = scoring_app(model_uri)
    except SlotError as error:
        sys.exit(str(error))
    gc.collect()
    gc.freeze()  # a full collection over what MLflow has loaded would cost a decision its deadline
    # The PCE logs every decision; a line for each request again would only cost time.
    run(guarded(app, home.credentials()), "127.0.0.1", port, access_log=False)


if __name__ == "__main__":
    main()
