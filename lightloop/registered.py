"""Policies out of the registry of this home, as commands ask for them by label."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lightloop.output import Refusal

if TYPE_CHECKING:
    from flows.settings import Settings


def registry_answers(context: Settings) -> bool:
    """Whether the registry can be asked; the login for it is in the environment afterwards."""
    import httpx

    from deployments.environment import QUIET, mlflow_login

    os.environ.update(QUIET | mlflow_login(context.config, context.home))
    try:
        httpx.get(context.registry.tracking_uri + "/health", timeout=3, trust_env=False).raise_for_status()
    except httpx.HTTPError:
        return False
    return True


def registered_folder(label: str, context: Settings) -> Path:
    """The policy artefact of a version, by its number or by ``@alias``.

    Raises:
        Refusal: the registry does not answer.
        RegistryError: there is no such version.
    """
    if not registry_answers(context):
        raise Refusal(
            f"the registry at {context.registry.tracking_uri} does not answer; start it with lightloop up"
        )
    return context.registry.policy_folder(context.registry.version(label), context.home.models)
