"""Owning the model slots of an installation for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.serving_target import serving_target
from flows.settings import Settings
from tasks.serving_target import OWNER_WAIT_S, ServingTarget, clear_leftovers, owning_slots
from tasks.takeover import settle


@contextmanager
def own_slots(
    settings: Settings, what: str, on_step: Callable[[str], None] = print, timeout_s: float = OWNER_WAIT_S
) -> Iterator[ServingTarget]:
    """The slots, in nobody else's hands during the block and in order at its beginning.

    Whatever happens inside, nothing stays staged: what the PCE does not ask at the end is stopped.

    Raises:
        BusyError: somebody else did not give them back in time.
        ProvisionError, RegistryError: the PCE or MLflow does not answer.
    """
    target = serving_target(settings.config, settings.home)
    with owning_slots(target, what, on_step, timeout_s):
        settle(target, settings.registry, on_step)
        try:
            yield target
        finally:
            try:
                for text in clear_leftovers(target):
                    on_step(text)
            except (ValueError, OSError) as error:  # must not hide why the block ended; upkeep does it again
                on_step(f"the idle slot could not be emptied: {error}")
