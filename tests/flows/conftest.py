"""Registry, slots and a small plant, as tasks are tested with."""

from __future__ import annotations

from tests.tasks.conftest import plant, registry, target, traffic, versions  # noqa: F401
