"""Put a registered version into service, by hand or after a restart.

It gives way to the model that answers meanwhile: ``pull`` in prefect.yaml.
"""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.settings import load_settings
from flows.slots import own_slots
from tasks.enlisted import demand_passed
from tasks.provision import stage_task
from tasks.registry import RECORDED_FILE
from tasks.takeover import take_over_task


def _run_name() -> str:
    return f"provision {flow_run.parameters.get('version') or '@champion'}"


@flow(name="provision", flow_run_name=_run_name, log_prints=True)
def provision(version: int | str = "@champion", reason: str = "by hand") -> str:
    """What is in service now, in words.

    Args:
        version: a version number, which becomes champion; or ``@champion``, ``@previous``. One that has not
            passed its gate is refused.
        reason: for the promotion log.
    """
    settings = load_settings()
    registry = settings.registry
    with own_slots(settings, f"provision {version}") as target:
        wanted = registry.version(str(version))
        demand_passed(wanted)
        recorded = registry.fetch(wanted.uri, settings.home.models) / RECORDED_FILE
        staged = stage_task(target, wanted.uri, recorded)
        take_over_task(target, registry, staged, wanted, "promote", f"put in service: {reason}")
    return f"{wanted.name} version {wanted.version} ({wanted.policy}) is in service at {staged.slot.url}"


if __name__ == "__main__":
    provision()
