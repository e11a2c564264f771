"""Challengers in the registry: registered once they are made, marked once they are judged.

The tag ``gate`` of a version is ``pending``, ``passed`` or ``failed``; a first champion meets no gate and has
none. The alias ``challenger`` stands at the one made last, until it is champion (``champion.align_aliases``).
It decides nothing: who is champion stands in the promotion log. Not here: judging (``gate.py``), when one
that did not pass may go (``kept_runs.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.challenger import PackagedModel
from tasks.decorate import as_task
from tasks.gate import GateReport
from tasks.model_card import Cards
from tasks.registry import CHALLENGER, ModelVersion, Registry, RegistryError

GATE_TAG = "gate"
PENDING, PASSED, FAILED = "pending", "passed", "failed"


def enlist(registry: Registry, model: PackagedModel, tags: Mapping[str, str], cards: Cards) -> ModelVersion:
    """A packaged challenger as the next version, awaiting its gate; ``@challenger`` is it from now on."""
    version = registry.register(model.uri, model.run_id, model.policy, {**tags, GATE_TAG: PENDING}, cards)
    registry.point(CHALLENGER, version.version)
    return version


def settle(registry: Registry, number: str, report: GateReport, card: str) -> ModelVersion:
    """The version with the gate's verdict as a tag and on its page. Safe to repeat."""
    registry.set_version_tags(
        registry.version(number),
        {GATE_TAG: PASSED if report.passed else FAILED, "gate.verdict": report.verdict},
    )
    registry.client.update_model_version(registry.model_name, number, card)
    return registry.version(number)


def demand_passed(version: ModelVersion) -> None:
    """Return for a version that may decide: one that passed its gate, or a first champion.

    Raises:
        RegistryError: it failed its gate, or has not met it.
    """
    if (found := version.tags.get(GATE_TAG, PASSED)) != PASSED:
        why = version.tags.get("gate.verdict") or "it has not been judged yet"
        raise RegistryError(
            f"version {version.version} may not go into service, gate {found}: {why}. Name a version that "
            "passed: lightloop history, or MLflow's page of the model"
        )


enlist_task = as_task(enlist, "register the challenger", timeout_s=120)
settle_task = as_task(settle, "mark the version", retries=2, timeout_s=120)
