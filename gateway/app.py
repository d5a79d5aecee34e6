"""The door's HTTP interface: /tag, /tag/batch, /labels, health, OpenAPI, and /v2 (`open_inference`)."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.answers import Labels
from gateway.engine import Engine
from gateway.errors import BadText, CallerLeft, Problem
from gateway.inference import Inference
from gateway.joining import Joiner
from gateway.open_inference import PREFIX, OpenInference
from gateway.openapi import describe
from gateway.page import PAGE, POLICY
from gateway.problems import problem_response
from gateway.readiness import Readiness
from gateway.receiving import JSON, ask_joined, read_body
from gateway.records import record_of
from gateway.schema import Batch, parse
from product_tagger_client.display import read_display_names

logger = logging.getLogger(__name__)
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
        self.readiness = Readiness(engine)
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
            "/v2/health/live": ("GET", self._live),
            "/v2/health/ready": ("GET", self._ready),
            "/openapi.json": ("GET", self._openapi),
            "/docs": ("GET", self._page),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; whatever goes wrong with it is a problem document."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        try:
            response = await self._respond(request)
        except CallerLeft:
            return
        except Problem as problem:
            response = problem_response(problem)
        except Exception:
            name = record_of(scope).id
            logger.exception("Request %s failed.", name)
            response = problem_response(Problem(500, f"The gateway failed; its log tells more of request {name}."))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.scope["path"]
        if path.startswith(PREFIX) and path not in self._routes:
            return await self.open_inference.respond(request)
        route = self._routes.get(path)
        if route is None:
            raise Problem(404, f"There is no {path[:200]!r}; there are {', '.join(self._routes)}.")
        record_of(request.scope).route = path
        method, handler = route
        if request.method != method:
            raise Problem(405, f"{path} takes {method}.", headers={"allow": method})
        return await handler(request)

    async def _tag(self, request: Request) -> Response:
        (answer,) = await self._answers(request, parse(await read_body(request, self._max_body, (JSON,)), batch=False))
        if isinstance(answer, BadText):
            raise Problem(422, str(answer))
        return Response(to_json(answer), media_type=JSON)

    async def _tag_batch(self, request: Request) -> Response:
        batch = parse(await read_body(request, self._max_body, (JSON,)), batch=True)
        if len(batch.products) > self._max_texts:
            raise Problem(413, f"The batch has {len(batch.products)} products; {self._max_texts} are taken at a time.")
        answers = await self._answers(request, batch)
        told = [{"error": str(one)} if isinstance(one, BadText) else one for one in answers]
        return Response(to_json({"answers": told}), media_type=JSON)

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
        record_of(request.scope).texts = len(texts)
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

    async def _ready(self, request: Request) -> Response:
        await self.readiness.require()
        return JSONResponse({"ready": True})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(describe({path: method for path, (method, _) in self._routes.items()}))

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})
