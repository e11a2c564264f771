"""Challengers in the registry: registered once they are made, marked once they are judged.

The tag ``gate`` of a version is ``pending``, ``passed`` or ``failed``; a first champion meets no gate and has
none. One that live requests speak against has failed, whatever the gate said (tag ``trial``). The alias
``challenger`` stands at the one made last, until it is champion (``champion.align_aliases``). It decides
nothing: who is champion stands in the promotion log. Not here: judging (``gate.py``, ``trial.py``), when one
that did not pass may go (``kept_runs.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.challenger import PackagedModel
from tasks.decorate import as_task
from tasks.gate import GateReport, RuleResult
from tasks.model_card import Cards
from tasks.registry import CHALLENGER, ModelVersion, Registry, RegistryError
from tasks.trial import broken_rules

GATE_TAG = "gate"
TRIAL_TAG = "trial"
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


def settle_trial(registry: Registry, version: ModelVersion, rules: Sequence[RuleResult]) -> str:
    """The version with what came of its trial on live requests; the broken rules in words, empty for none."""
    broken = broken_rules(rules)
    said = f"does not pass: {broken}" if broken else f"passes all {len(rules)} rules"
    tags = {TRIAL_TAG: said}
    if broken:
        tags |= {GATE_TAG: FAILED, "gate.verdict": f"on trial on live requests: {broken}"}
    registry.set_version_tags(version, tags)
    return broken


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
settle_trial_task = as_task(settle_trial, "mark the version after its trial", retries=2, timeout_s=120)
settle_task = as_task(settle, "mark the version", retries=2, timeout_s=120)
