"""The door's HTTP interface: /tag, /tag/batch, /labels, health, OpenAPI, and /v2 (`open_inference`)."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.answers import Labels
from gateway.engine import Engine
from gateway.errors import BadText, CallerLeft, Problem
from gateway.inference import Inference
from gateway.joining import Joiner
from gateway.open_inference import PREFIX, OpenInference
from gateway.receiving import JSON, ask_joined, read_body, require_local
from gateway.schema import Batch, parse
from product_tagger_client.display import read_display_names

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}")
PROBE = b"Women's cotton summer dress, size M"
ROOM_FOR_PROBE_S = 5.0
LABELS_KEPT_S = 10.0
"""Another release, with other labels, may be served behind the gateway at any time."""
Handler = Callable[[Request], Awaitable[Response]]


class Door:
    """An ASGI application.

    Args:
        engine: Triton.
        joiner: Through which texts go to it.
        max_texts: Texts a request.
        max_body: Bytes of a request's body.
        timeout_s: Within which an answer has to come.

    Attributes:
        inference: Answers requests of the Open Inference Protocol.
        open_inference: Those over HTTP.
    """

    def __init__(
        self, engine: Engine, joiner: Joiner[Labels], *, max_texts: int, max_body: int, timeout_s: float
    ) -> None:
        self._engine = engine
        self._joiner = joiner
        self._max_texts = max_texts
        self._max_body = max_body
        self._timeout_s = timeout_s
        self.inference = Inference(engine, max_texts, timeout_s)
        self.open_inference = OpenInference(engine, self.inference, joiner, max_body)
        self._labels: list[str] = []
        self._labels_read_s = -math.inf
        self._names: dict[str, dict[str, str]] = {}
        self._routes: dict[str, tuple[str, Handler]] = {
            "/tag": ("POST", self._tag),
            "/tag/batch": ("POST", self._tag_batch),
            "/labels": ("GET", self._list_labels),
            "/health/live": ("GET", self._live),
            "/health/ready": ("GET", self._ready),
            "/v2/health/ready": ("GET", self._ready),
            "/openapi.json": ("GET", self._openapi),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; whatever goes wrong with it is a problem document."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        try:
            response = await self._respond(request)
        except CallerLeft:
            return
        except Problem as problem:
            response = _problem(problem)
        except Exception:
            logger.exception("Request %s failed.", request_id)
            response = _problem(Problem(500, f"The gateway failed; its log tells more of request {request_id}."))
        response.headers["x-request-id"] = request_id
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        require_local(request)
        path = request.url.path
        if path.startswith(PREFIX) and path != "/v2/health/ready":
            return await self.open_inference.respond(request)
        route = self._routes.get(path)
        if route is None:
            raise Problem(404, f"There is no {request.url.path!r}; there are {', '.join(self._routes)}.")
        method, handler = route
        if request.method != method:
            raise Problem(405, f"{request.url.path} takes {method}.")
        return await handler(request)

    async def _tag(self, request: Request) -> Response:
        (answer,) = await self._answers(request, parse(await read_body(request, self._max_body, (JSON,)), batch=False))
        if isinstance(answer, BadText):
            raise Problem(422, str(answer))
        return JSONResponse(answer)

    async def _tag_batch(self, request: Request) -> Response:
        batch = parse(await read_body(request, self._max_body, (JSON,)), batch=True)
        if len(batch.products) > self._max_texts:
            raise Problem(413, f"The batch has {len(batch.products)} products; {self._max_texts} are taken at a time.")
        answers = await self._answers(request, batch)
        return JSONResponse({"answers": [{"error": str(a)} if isinstance(a, BadText) else a for a in answers]})

    async def _answers(self, request: Request, batch: Batch) -> list[dict[str, Any] | BadText]:
        """One answer or error a product, in their order."""
        texts: list[bytes] = []
        answers: list[Any] = []
        for product in batch.products:
            try:
                texts.append(product.encoded())
                answers.append(None)
            except BadText as error:
                answers.append(error)
        rows = iter(await ask_joined(request, self._joiner, texts, self._timeout_s))
        await self._read_labels(any(product.lang for product in batch.products))
        for place, product in enumerate(batch.products):
            if answers[place] is None:
                row = next(rows)
                answers[place] = row if isinstance(row, BadText) else self._shown(row, product.lang)
        return answers

    def _shown(self, row: Labels, lang: str | None) -> dict[str, Any]:
        names = self._names.get(re.split("[-_]", lang.strip(), maxsplit=1)[0].lower(), {}) if lang else {}
        category = row.category.decode() or None
        tags = [
            {"name": name, "score": round(score, 6), "display_name": names.get(f"tag/{name}", name)}
            for name, score in zip(map(bytes.decode, row.tags), row.tag_scores, strict=True)
        ]
        return {
            "category": category,
            "score": round(row.score, 6),
            "display_name": category and names.get(f"category/{category}", category),
            "tags": tags,
            "truncated": row.truncated,
        }

    async def _read_labels(self, wanted: bool = True) -> None:
        if wanted and time.monotonic() - self._labels_read_s >= LABELS_KEPT_S:
            labels, config = await asyncio.gather(self._engine.labels(), self._engine.config())
            self._names = {lang: dict(names) for lang, names in read_display_names(config).items()}
            self._labels, self._labels_read_s = labels, time.monotonic()

    async def _list_labels(self, request: Request) -> Response:
        await self._read_labels()
        split = [label.partition("/") for label in self._labels]
        told: dict[str, Any] = {
            plural: [name for kind, _, name in split if kind == one]
            for plural, one in (("categories", "category"), ("tags", "tag"))
        }
        return JSONResponse({**told, "display_names": self._names})

    async def _live(self, request: Request) -> Response:
        return JSONResponse({"live": True})

    async def probe(self) -> None:
        """Has a text tagged.

        Raises:
            Problem: It was not.
        """
        try:
            (row,) = await asyncio.wait_for(self._engine.infer([PROBE]), ROOM_FOR_PROBE_S)
        except asyncio.TimeoutError:
            raise Problem(503, f"A probe text was not answered within {ROOM_FOR_PROBE_S:g} s.", 5.0) from None
        if isinstance(row, BadText):
            raise Problem(503, f"A probe text was refused: {row}", 5.0)

    async def _ready(self, request: Request) -> Response:
        await self.probe()
        return JSONResponse({"ready": True})

    async def _openapi(self, request: Request) -> Response:
        product = {"$ref": "#/components/schemas/Product"}
        schemas = Batch.model_json_schema(ref_template="#/components/schemas/{model}")
        components = {**schemas.pop("$defs"), "Batch": schemas}
        paths = {
            path: {
                method.lower(): {
                    "responses": {"200": {"description": "The answer"}, "default": {"description": "RFC 9457"}},
                    **({"requestBody": _json_body(_BODIES[path] or product)} if path in _BODIES else {}),
                }
            }
            for path, (method, _) in self._routes.items()
        }
        info = {"title": "Product tagger", "version": "1"}
        return JSONResponse({"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": components}})


_BODIES: dict[str, dict[str, str] | None] = {"/tag": None, "/tag/batch": {"$ref": "#/components/schemas/Batch"}}


def _json_body(schema: dict[str, str]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _problem(problem: Problem) -> Response:
    headers = {} if problem.retry_after is None else {"retry-after": str(max(1, round(problem.retry_after)))}
    if problem.status in (408, 413):
        headers["connection"] = "close"
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    return Response(json.dumps(body), problem.status, headers, "application/problem+json")
