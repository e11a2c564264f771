"""Ray for the time of a training: a local one that listens on loopback only, or a cluster by address."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from unittest import mock


@contextmanager
def ray_session(address: str, num_cpus: int) -> Iterator[None]:
    """Ray is running inside the block; what this started is stopped after it.

    Args:
        address: ``ray://host:port`` or ``host:port`` of a cluster; empty: a local Ray. One that already runs
            in this process is used and left running.
        num_cpus: of the local Ray.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's processes write to stderr, across whatever is drawn there; what matters comes as exceptions.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    if ray.is_initialized():
        yield
        return
    for name in ("ray", "ray.rllib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if address:
        with _sigterm_kept():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        try:
            yield
        finally:
            ray.shutdown()
        return
    # A short path: Ray puts sockets there, and their names may not exceed 107 characters.
    folder = tempfile.mkdtemp(prefix="llray-")
    with _on_loopback():
        try:
            with _sigterm_kept(), _daemons_in_groups_of_their_own():
                ray.init(
                    num_cpus=num_cpus,
                    include_dashboard=False,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    _temp_dir=folder,
                )
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """SIGTERM is answered in the block and after it as it was before.

    ``ray.init`` would put a handler of its own there, which ends the process at once: a run that is cancelled
    would tell nobody. Its C++ part puts another one below Python's, which prints a stack and may hang:
    Python's is therefore put back after it. Where nobody had one, SIGTERM leaves by ``SystemExit``, so that
    Ray is shut down.
    """
    from ray._private import utils

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    answer = _leave if before in (signal.SIG_DFL, None) else before
    signal.signal(signal.SIGTERM, answer)
    try:
        with mock.patch.object(utils, "set_sigterm_handler"):
            yield
    finally:
        signal.signal(signal.SIGTERM, answer)


@contextmanager
def _daemons_in_groups_of_their_own() -> Iterator[None]:
    """Ray's daemons start outside the process group of this process inside the block.

    Prefect cancels a run by a signal to its whole group. Where the daemons die with it, Ray's shutdown waits
    a minute for them, and then ends this process by itself. They die with this process anyhow, by Linux.
    """
    from ray._private import services

    class Daemon(services.ConsolePopen):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, process_group=0, **options)

    with mock.patch.object(services, "ConsolePopen", Daemon):
        yield


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Ray's node address is 127.0.0.1 inside the block, and that is what its servers bind to.

    On Linux Ray replaces a loopback address by the outward one and listens on all interfaces. The switch that
    it has for other systems does the opposite here: by environment for the processes it starts, and as the
    constant that it has already been read into in this one.
    """
    from ray._private import ray_constants

    name, before = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    variable = os.environ.get(name)
    os.environ[name] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        if variable is None:
            del os.environ[name]
        else:
            os.environ[name] = variable
