"""The environment of every managed process: addresses, credentials, quiet and offline settings.

Secrets travel here and nowhere else; no file but ``secrets.env`` holds them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from configs.home import HOME_VARIABLE, Home
from configs.load import CONFIG_FILE_VARIABLE, ENVIRONMENT_PREFIX
from configs.proxies import without_proxies
from configs.schema import Config

PROJECT_ROOT = Path(__file__).resolve().parents[1]

QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "GIT_PYTHON_REFRESH": "quiet",
}

TUNING = {
    "OMP_NUM_THREADS": "1",  # two threads on a busy machine make a small layer hundreds of times slower
    "PYTHONUNBUFFERED": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    # The worker would offer a run that waits for its turn again every second, ten seconds ahead of its time.
    "PREFECT_WORKER_PREFETCH_SECONDS": "1",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
    # A run that waits for its turn under a concurrency limit looks again after this.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}

# What a client of a cluster needs of the shell that starts the installation; secrets stay out of files.
CLUSTER = (
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_USE_TLS",
    "RAY_TLS_SERVER_CERT",
    "RAY_TLS_SERVER_KEY",
    "RAY_TLS_CA_CERT",
)


def cluster_environment(config: Config) -> dict[str, str]:
    """Token and TLS settings of the cluster at ``ray.address``; nothing for a Ray of our own.

    Where a token is given and no mode, the mode is token: a client without one would not send it.
    """
    if not config.ray.address:
        return {}
    given = {key: os.environ[key] for key in CLUSTER if os.environ.get(key)}
    if "RAY_AUTH_TOKEN" in given or "RAY_AUTH_TOKEN_PATH" in given:
        given.setdefault("RAY_AUTH_MODE", "token")
    return given


MLFLOW_LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def tracking_uri(config: Config) -> str:
    """Address of the MLflow server in use."""
    return config.mlflow.tracking_uri or config.services.url("mlflow")


def prefect_api_url(config: Config) -> str:
    """Address of the Prefect API in use."""
    return config.services.url("prefect") + "/api"


def mlflow_login(config: Config, home: Home) -> dict[str, str]:
    """What MLflow's client reads its credentials from: ours for our own server, the user's for another."""
    if config.mlflow.tracking_uri:
        return {name: os.environ[name] for name in MLFLOW_LOGIN if name in os.environ}
    credentials = home.credentials()
    return {"MLFLOW_TRACKING_USERNAME": credentials.user, "MLFLOW_TRACKING_PASSWORD": credentials.password}


def process_environment(config: Config, home: Home) -> dict[str, str]:
    """The whole environment of a managed process.

    ``LIGHTLOOP__*`` overrides are left out: they are already in the resolved file that ``LIGHTLOOP_CONFIG``
    names, and must not win over what was said on the command line when it was made. ``PREFECT_*`` and
    ``MLFLOW_*`` of the user's own shell are left out too, so that a profile for another server stays out; of
    ``RAY_*`` what a cluster needs goes through.
    """
    foreign = (ENVIRONMENT_PREFIX, "PREFECT_", "MLFLOW_", "RAY_")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    without_proxies(inherited)
    credentials = home.credentials()
    login = f"{credentials.user}:{credentials.password}"
    database_url = config.prefect.database_url or f"sqlite+aiosqlite:///{home.state}/prefect.db"
    # mlflow starts `uvicorn` by name: our own programs come first on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
    return {
        **inherited,
        **QUIET,
        **TUNING,
        **cluster_environment(config),
        **credentials.environment(),
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_API_AUTH_STRING": login,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": config.services.url("prefect"),
        **mlflow_login(config, home),
        "PATH": path,
        HOME_VARIABLE: str(home.root),
        CONFIG_FILE_VARIABLE: str(home.config_file),
        "PREFECT_HOME": str(home.state / "prefect"),
        "PREFECT_PROFILES_PATH": str(home.state / "prefect" / "profiles.toml"),
        "PREFECT_API_URL": prefect_api_url(config),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url,
        "MLFLOW_TRACKING_URI": tracking_uri(config),
        "LIGHTLOOP_WORK_POOL": config.prefect.work_pool,
        "LIGHTLOOP_PROJECT": str(PROJECT_ROOT),
    }
