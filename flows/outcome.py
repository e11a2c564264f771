"""What a training ends with, told in its final state: promoted and refused trainings do not look alike."""

from __future__ import annotations

from prefect.client.schemas.objects import State
from prefect.states import Completed

PROMOTED = "Promoted"
REFUSED = "Refused"


def promoted(text: str) -> State[str]:
    """The challenger is champion now; ``text`` says which version and why."""
    return Completed(name=PROMOTED, message=text, data=text)


def refused(text: str) -> State[str]:
    """The champion stays; ``text`` says why. The run itself did what it should."""
    return Completed(name=REFUSED, message=text, data=text)
