"""``compRoute`` of ETSI TeraFlowSDN: each service of a request is one decision, and nothing is allocated.

Not here: the documents (``controlplane.pathcomp``), how a path is chosen (``computation.py``).
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from controlplane.pathcomp import build_answer, found_entry, no_path_entry, read_links, read_questions
from controlplane.pce.answers import PathAnswers
from controlplane.tapi.errors import TapiError
from controlplane.tapi.naming import Naming
from envs.plant import Plant


class RouteAnswers:
    """Answers ``compRoute`` with the paths that the policy in service chooses.

    Args:
        answers: computes them.
        plant: the network.
    """

    def __init__(self, answers: PathAnswers, plant: Plant) -> None:
        self._answers = answers
        self._naming = Naming(plant.topology)
        self._shared_spectrum = plant.spec.shared_spectrum

    async def compute(self, document: Any, state_version: int | None) -> dict[str, Any]:
        """The reply; a service without a path is told as such, with the reason.

        Raises:
            TapiError: 400, a request that cannot be read or that asks for what there is not.
            DatabasesError, DecisionLogError: as ``PathComputer.compute``.
        """
        links = read_links(document, self._naming)
        entries = []
        for question in read_questions(document, links, self._naming, self._shared_spectrum):
            try:
                path = await self._answers.decided(str(uuid4()), question.request, state_version)
            except TapiError as error:
                if error.tag != "resource-denied":
                    raise
                entries.append(no_path_entry(question, error.message))
            else:
                entries.append(found_entry(question, path, links, self._naming))
        return build_answer(entries)
