"""The Open Inference Protocol over HTTP, `/v2`: what tritonclient, perf_analyzer and KServe's clients speak.

What tells of the server and its models is asked of Triton, by paths that are written here. What changes the server
(shared memory, the model repository, logging, tracing) is not served.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import Labels
from gateway.engine import Engine, Reply
from gateway.errors import Problem
from gateway.inference import VERSION, Inference, known_model
from gateway.inference_json import read_request, write_answer
from gateway.joining import Joiner
from gateway.receiving import FORM, JSON, ask_joined, read_body
from gateway.records import record_of

PREFIX = "/v2"
_TYPES = (JSON, FORM, "application/octet-stream", "")
_MODEL = re.compile(r"/v2/models/([^/]{1,200})(?:/versions/([^/]{1,20}))?(?:/(ready|config|stats|infer))?")
STEPS = ("tokenizer", "classifier", "labeler")
"""The ensembles' steps; perf_analyzer wants their configuration and statistics. Nobody can ask them anything else."""
_HEADER_LENGTH = "inference-header-content-length"
_SERVED_EXTENSIONS = (
    "classification",
    "model_configuration",
    "parameters",
    "schedule_policy",
    "statistics",
    "binary_tensor_data",
)


class OpenInference:
    """The requests below `/v2`.

    Args:
        engine: Triton.
        inference: Answers texts.
        joiner: Through which they go to Triton.
        max_body: Bytes of a request's body.
    """

    def __init__(self, engine: Engine, inference: Inference, joiner: Joiner[Labels], max_body: int) -> None:
        self._engine = engine
        self._inference = inference
        self._joiner = joiner
        self._max_body = max_body

    async def respond(self, request: Request) -> Response:
        """Answers one request, but for `/v2/health/ready`.

        Raises:
            Problem: It can't be answered.
        """
        path, method = request.url.path.rstrip("/"), request.method
        record = record_of(request.scope)
        if path.endswith("/infer") and (found := _MODEL.fullmatch(path)):
            if method != "POST":
                raise Problem(405, f"{path} takes POST.", headers={"allow": "POST"})
            model = known_model(found[1], found[2] or "")
            record.route = f"{PREFIX}/models/{model}/infer"
            return await self._infer(request, model)
        known_path(path)
        if method != "GET":
            raise Problem(405, f"{path} takes GET.", headers={"allow": "GET"})
        told = await self.tell(path)
        record.route = f"{PREFIX}/…"
        return Response(told.body, told.status, media_type=JSON if told.body else None)

    async def tell(self, path: str) -> Reply:
        """What Triton says of itself or of a model.

        Raises:
            Problem: The path is none that is served (404).
        """
        reply = await self._engine.ask("GET", known_path(path))
        if path != PREFIX:
            return reply
        return Reply(reply.status, reply.headers, json.dumps(served_only(json.loads(reply.body))).encode())

    async def _infer(self, request: Request, model: str) -> Response:
        body = await read_body(request, self._max_body, _TYPES)
        length = request.headers.get(_HEADER_LENGTH)
        if length is not None and not (length.isascii() and length.isdigit() and len(length) < 10):
            raise Problem(400, f"Inference-Header-Content-Length must be a number of bytes, not {length[:20]!r}.")
        asked = read_request(model, body, None if length is None else int(length))
        record_of(request.scope).texts = len(asked.texts)
        tensors = await self._inference.infer(asked, partial(ask_joined, request, self._joiner))
        head, behind = write_answer(asked, tensors)
        if not behind:
            return Response(head, media_type=JSON)
        headers = {_HEADER_LENGTH: str(len(head))}
        return Response(head + behind, headers=headers, media_type="application/octet-stream")


def known_path(path: str) -> str:
    """The path by which Triton is asked the same.

    Raises:
        Problem: There is none that is served (404).
    """
    if path in (PREFIX, "/v2/models/stats"):
        return path
    found = _MODEL.fullmatch(path)
    if not found:
        raise Problem(404, f"There is no {path[:200]!r}: shared memory, repository, logging and tracing are closed.")
    step = found[1] in STEPS and found[2] in (None, VERSION)
    model = found[1] if step else known_model(found[1], found[2] or "")
    return f"/v2/models/{model}" + (f"/{found[3]}" if found[3] else "")


def served_only(metadata: dict[str, Any]) -> dict[str, Any]:
    """The server's metadata without the extensions that strangers can't use."""
    return {**metadata, "extensions": [one for one in metadata["extensions"] if one in _SERVED_EXTENSIONS]}
