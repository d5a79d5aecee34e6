"""The steps of a conversation, carried out over HTTP by aiohttp."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import aiohttp
from yarl import URL

from .access import Access
from .conversation import Exchange
from .endpoint import Endpoint
from .failures import late, no_tls, not_http, unreachable
from .http_connection import KEEP_IDLE_SECONDS, notice_silence
from .http_messages import MAX_ANSWER_BYTES, Request, Response, outcome_of, requests_of


class AsyncHttpTransport:
    """Belongs to the event loop in which it is made."""

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        self._endpoint = endpoint
        self._where = str(endpoint)
        scheme, host = ("https" if endpoint.secure else "http"), endpoint.address.removesuffix(endpoint.path)
        self._base = f"{scheme}://{host}"
        tls = access.tls() if endpoint.secure else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=KEEP_IDLE_SECONDS, ssl=tls, socket_factory=_open_socket
            ),
            headers=access.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
        )

    async def carry_out(self, step: Exchange) -> Any:
        """Has one step answered."""
        clock = asyncio.get_running_loop().time
        end = clock() + step.timeout
        outcome: Any = None
        for request in requests_of(step, self._endpoint.path):
            try:
                response = await asyncio.wait_for(self._exchange_twice(request), end - clock())
            except asyncio.TimeoutError:
                raise late(step.timeout, self._where) from None
            except (aiohttp.ClientSSLError, ssl.SSLError) as error:
                raise no_tls(str(error), self._where) from None
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
                raise unreachable(error, self._where) from None
            except (aiohttp.ClientError, ValueError) as error:
                raise not_http(error, self._where) from None
            outcome = outcome_of(step, response, self._where)
            if outcome is False:
                break
        return outcome

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def _exchange_twice(self, request: Request) -> Response:
        try:
            return await self._exchange(request)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            # The server closed it just then, as it may with an idle connection.
            return await self._exchange(request)

    async def _exchange(self, request: Request) -> Response:
        url = URL(self._base + request.path, encoded=True)
        sending = self._session.request(
            request.method, url, data=request.body or None, headers=request.headers, allow_redirects=False
        )
        async with sending as answer:
            parts, size = [], 0
            async for part in answer.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise ValueError("the answer is too large")
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, headers, b"".join(parts))


def _open_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    notice_silence(opened)
    return opened
