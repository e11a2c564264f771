"""The words for why a decision came out as it did, for programs. Not here: sentences for people."""

from __future__ import annotations

from typing import Literal

# Why the fallback decided in the place of the model.
FallbackReason = Literal[
    "late", "down", "wrong", "no-endpoint", "breaker-open", "state-changed", "queue-full"
]
# Why a request has no candidate: the first rule that no path passes.
BlockedBy = Literal["latency", "reach", "failure", "constraint", "quality", "spectrum"]
