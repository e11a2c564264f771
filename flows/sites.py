"""Where models are served under a configuration."""

from __future__ import annotations

from flows.settings import Settings
from tasks.provision import Site, Slot


def site_of(settings: Settings) -> Site:
    """The two slots, the process manager and the PCE of this installation."""
    at, home = settings.config.services, settings.home
    return Site(
        slots=(Slot("model-a", at.host, at.model_a_port), Slot("model-b", at.host, at.model_b_port)),
        run_folder=home.run,
        serving_folder=home.serving,
        pce_url=at.url("pce"),
        token=home.credentials().token,
    )
