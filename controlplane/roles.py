"""What a role may do. Not here: who has which (``users.py``), which route asks for which (``routes.py``)."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Each may what those before it may."""

    READER = "reader"  # reads
    OPERATOR = "operator"  # creates and deletes services, cuts and repairs links
    ADMINISTRATOR = "administrator"  # everything

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what asks for another.

        >>> Role.OPERATOR.covers(Role.READER), Role.OPERATOR.covers(Role.ADMINISTRATOR)
        (True, False)
        """
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)
