"""MLflow's tracking server behind the login: ``python -m deployments.mlflow_server``.

MLflow's own application with its stores opened as ``mlflow server`` opens them, in one process. Alone it asks
nobody who he is; here every path but ``/health`` asks for the installation's credentials.
"""

from __future__ import annotations

import os

from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from controlplane.auth import AuthMiddleware
from controlplane.guard import Guard
from controlplane.http_server import run
from controlplane.routes import only_open

TABLE = only_open("mlflow", "/health")


def open_stores(config: Config, home: Home) -> None:
    """Tell MLflow where its stores are, and bring their schema up to date."""
    from mlflow.server import constants
    from mlflow.server.handlers import initialize_backend_stores

    backend = config.mlflow.backend_store_uri or f"sqlite:///{home.state}/mlflow.db"
    artifact_root = "mlflow-artifacts:/"
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: backend,
        constants.REGISTRY_STORE_URI_ENV_VAR: backend,
        constants.ARTIFACT_ROOT_ENV_VAR: artifact_root,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: str(home.state / "artifacts"),
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    initialize_backend_stores(backend, backend, artifact_root)


def main() -> None:
    """Serve until SIGTERM."""
    config, home = load_config(), Home.from_environment()
    open_stores(config, home)
    from mlflow.server.fastapi_app import app

    guarded = Guard(AuthMiddleware(app, home.credentials(), TABLE, "lightloop MLflow"), framed_by="self")
    run(guarded, config.services.host, config.services.mlflow_port)


if __name__ == "__main__":
    main()
