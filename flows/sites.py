"""Where models are served under a configuration, and owning it for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.settings import Settings
from tasks.site import Site, Slot, clear_leftovers, owning_slots
from tasks.takeover import settle


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


@contextmanager
def own_slots(settings: Settings, what: str, on_step: Callable[[str], None] = print) -> Iterator[Site]:
    """The slots, in nobody else's hands during the block and in order at its beginning.

    Whatever happens inside, nothing stays staged: what the PCE does not ask at the end is stopped.

    Raises:
        BusyError: somebody else did not give them back in time.
        ProvisionError, RegistryError: the PCE or MLflow does not answer.
    """
    site = site_of(settings)
    with owning_slots(site, what, on_step):
        settle(site, settings.registry, on_step)
        try:
            yield site
        finally:
            try:
                for text in clear_leftovers(site):
                    on_step(text)
            except (ValueError, OSError) as error:  # must not hide why the block ended; upkeep does it again
                on_step(f"the idle slot could not be emptied: {error}")
