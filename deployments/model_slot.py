"""What runs in a model slot: the MLflow inference server for the model named in ``serving/<slot>.json``.

``python -m deployments.model_slot model-a`` becomes ``mlflow models serve``; nothing of ours stays between.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from configs.home import Home


class SlotError(ValueError):
    """The slot's file is missing or incomplete."""


def serve_command(slot_file: Path, host: str = "127.0.0.1") -> list[str]:
    """The command line that serves what a slot file names.

    Raises:
        SlotError: no such file, not JSON, or a field is missing.
    """
    try:
        slot = json.loads(slot_file.read_text())
        model_uri, port = str(slot["model_uri"]), int(slot["port"])
    except OSError:
        raise SlotError(f"{slot_file}: no model has been provisioned into this slot") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SlotError(f"{slot_file}: need model_uri and port: {error!r}") from None
    serve = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model_uri, "-h", host, "-p", str(port)]
    return [*serve, "--env-manager", "local", "--workers", "1"]


def main() -> None:
    """Become the inference server."""
    home = Home.from_environment()
    try:
        command = serve_command(home.serving / f"{sys.argv[1]}.json")
    except SlotError as error:
        sys.exit(str(error))
    # The PCE logs every decision; a line for each request again would only cost time.
    os.execve(command[0], command, os.environ | {"UVICORN_ACCESS_LOG": "false"})


if __name__ == "__main__":
    main()
