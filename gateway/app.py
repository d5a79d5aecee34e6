"""The door's HTTP interface: /tag, /tag/batch, /labels, health, OpenAPI."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.answers import Labels
from gateway.engine import Engine
from gateway.errors import BadText, CallerLeft, Problem
from gateway.joining import Joiner
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
    """

    def __init__(
        self, engine: Engine, joiner: Joiner[Labels], *, max_texts: int, max_body: int, timeout_s: float
    ) -> None:
        self._engine = engine
        self._joiner = joiner
        self._max_texts = max_texts
        self._max_body = max_body
        self._timeout_s = timeout_s
        self._labels: list[str] = []
        self._labels_read_s = -math.inf
        self._names: dict[str, dict[str, str]] = {}
        self._routes: dict[str, tuple[str, Handler]] = {
            "/tag": ("POST", self._tag),
            "/tag/batch": ("POST", self._tag_batch),
            "/labels": ("GET", self._list_labels),
            "/health/live": ("GET", self._live),
            "/health/ready": ("GET", self._ready),
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
        _require_local(request)
        route = self._routes.get(request.url.path)
        if route is None:
            raise Problem(404, f"There is no {request.url.path!r}; there are {', '.join(self._routes)}.")
        method, handler = route
        if request.method != method:
            raise Problem(405, f"{request.url.path} takes {method}.")
        return await handler(request)

    async def _tag(self, request: Request) -> Response:
        (answer,) = await self._answers(request, parse(await self._body(request), batch=False))
        if isinstance(answer, BadText):
            raise Problem(422, str(answer))
        return JSONResponse(answer)

    async def _tag_batch(self, request: Request) -> Response:
        batch = parse(await self._body(request), batch=True)
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
        rows = iter(await self._ask(request, texts))
        await self._read_labels(any(product.lang for product in batch.products))
        for place, product in enumerate(batch.products):
            if answers[place] is None:
                row = next(rows)
                answers[place] = row if isinstance(row, BadText) else self._shown(row, product.lang)
        return answers

    async def _ask(self, request: Request, texts: list[bytes]) -> list[Labels | BadText]:
        """The answers; a caller who leaves meanwhile is not computed for."""
        if self._joiner.idle:  # it passes at once
            return await self._joiner.ask(texts, self._timeout_s)
        me = asyncio.current_task()
        assert me is not None
        leaving = asyncio.ensure_future(request.receive())

        def leave(_: asyncio.Future[Any]) -> None:
            me.cancel()

        leaving.add_done_callback(leave)
        try:
            return await self._joiner.ask(texts, self._timeout_s)
        except asyncio.CancelledError:
            if leaving.done():
                raise CallerLeft from None
            raise
        finally:
            leaving.remove_done_callback(leave)
            leaving.cancel()

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
        """What a text says that is really tagged."""
        try:
            (row,) = await asyncio.wait_for(self._engine.infer([PROBE]), ROOM_FOR_PROBE_S)
        except asyncio.TimeoutError:
            raise Problem(503, f"A probe text was not answered within {ROOM_FOR_PROBE_S:g} s.", 5.0) from None
        if isinstance(row, BadText):
            raise Problem(503, f"A probe text was refused: {row}", 5.0)
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

    async def _body(self, request: Request) -> bytes:
        """The body, JSON that is not compressed; more of it than the bound is never read.

        Raises:
            Problem: 413, 415.
            CallerLeft: The connection ended before.
        """
        headers = request.headers
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem(415, "Send JSON, with the header `Content-Type: application/json`.")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(415, "Send the body as it is, without a Content-Encoding.")
        length = headers.get("content-length", "0")
        body = bytearray()
        while int(length) <= self._max_body and len(body) <= self._max_body:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise CallerLeft
            body += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(body)
        raise Problem(413, f"The body is larger than {self._max_body:,} bytes. Send fewer products at a time.")


_BODIES: dict[str, dict[str, str] | None] = {"/tag": None, "/tag/batch": {"$ref": "#/components/schemas/Batch"}}


def _json_body(schema: dict[str, str]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _require_local(request: Request) -> None:
    """Refuses other machines, and web pages in a browser of this one: by their origin or by a name of their own."""
    if request.client is None or not ipaddress.ip_address(request.client.host).is_loopback:
        raise Problem(403, "Only callers on the gateway's own machine are served.")
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    origin = request.headers.get("origin")
    if not _is_loopback_name(host) or (origin and not _is_loopback_name(urlsplit(origin).hostname or "")):
        raise Problem(403, "Web pages of other sites are not served; call the gateway as 127.0.0.1 or localhost.")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "Web pages of other sites are not served.")


def _is_loopback_name(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _problem(problem: Problem) -> Response:
    headers = {} if problem.retry_after is None else {"retry-after": str(max(1, round(problem.retry_after)))}
    if problem.status in (408, 413):
        headers["connection"] = "close"
    body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    return Response(json.dumps(body), problem.status, headers, "application/problem+json")
