"""Scores without detours: what the PCE asks a model server is read, scored and written here, in the loop.

``POST /invocations`` with ``{"inputs": {...}}`` costs a tenth of the processor time that MLflow's own way of
answering takes. Whatever is asked otherwise, or cannot be scored, is left to MLflow's application behind, so
that its answers and its refusals stay what they are. Not here: what a slot serves (``model_slot.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INVOCATIONS = "/invocations"
JSON = "application/json"


class DirectScores:
    """Answers plain questions for scores itself; an application behind has the rest.

    Args:
        app: MLflow's scoring application around the same model.
        predict: the model: named float32 tensors in, ``{"scores": (N, M) float32}`` out.
    """

    def __init__(self, app: ASGIApp, predict: Callable[[Mapping[str, np.ndarray]], Any]) -> None:
        self.app = app
        self._predict = predict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on as it came."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != INVOCATIONS:
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # whoever asked has gone
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answer = self._answer(body) if Headers(scope=scope).get("content-type") == JSON else None
        if answer is None:
            await self.app(scope, _again(body, receive), send)
        else:
            await Response(answer, media_type=JSON)(scope, receive, send)

    def _answer(self, body: bytes) -> bytes | None:
        """The answer; None where it is no plain question, or the model refuses it."""
        try:
            ((name, inputs),) = orjson.loads(body).items()
            if name != "inputs":
                return None
            tensors = {key: np.asarray(value, np.float32) for key, value in inputs.items()}
            scores = np.asarray(self._predict(tensors)["scores"], np.float32)
            return orjson.dumps({"predictions": {"scores": scores.tolist()}})
        except Exception:  # MLflow says what is wrong
            return None


def _again(body: bytes, receive: Receive) -> Receive:
    """Tells an application a body that has been read already, then what comes."""
    is_told = False

    async def told() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return told
