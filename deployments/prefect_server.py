"""Prefect's server behind the login: ``python -m deployments.prefect_server``.

What ``prefect server start`` runs, with the host and origin checks around it. Its credentials are Prefect's
own (``PREFECT_SERVER_API_AUTH_STRING``): its websockets ask for them in a message, not in a header.
"""

from __future__ import annotations

from configs.load import load_config
from controlplane.guard import Guard
from controlplane.http_server import run


def main() -> None:
    """Serve until SIGTERM."""
    from prefect.server.api.server import create_app

    at = load_config().services
    run(Guard(create_app(final=True)), at.host, at.prefect_port, log_level="warning")


if __name__ == "__main__":
    main()
