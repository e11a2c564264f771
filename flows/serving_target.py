"""Where models are served under a configuration. Light: ``lightloop status`` asks for it."""

from __future__ import annotations

from configs.home import Home
from configs.schema import Config
from tasks.serving_target import ServingTarget, Slot


def serving_target(config: Config, home: Home) -> ServingTarget:
    """The two slots, the process manager and the PCE of an installation."""
    at = config.services
    return ServingTarget(
        slots=(Slot("model-a", at.host, at.model_a_port), Slot("model-b", at.host, at.model_b_port)),
        run_folder=home.run,
        serving_folder=home.serving,
        pce_urls=config.pce_urls,
        token=home.credentials().token,
    )
