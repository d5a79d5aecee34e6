"""Asks a running Triton over HTTP: ready, one real answer, its counts. Standard library only."""

from __future__ import annotations

import http.client
import json
from typing import Any

from settings import Settings

TAGGER = "product_tagger"
PROBE_TEXT = "Women's cotton summer dress, size M"


class Endpoint:
    """The HTTP side of one server.

    Args:
        address: Where the server listens; 0.0.0.0 is asked at 127.0.0.1.
        port: serving.http_port.
        timeout: Seconds for one question.
    """

    def __init__(self, address: str, port: int, timeout: float = 10.0) -> None:
        self.host = "127.0.0.1" if address == "0.0.0.0" else address
        self.port = port
        self._timeout = timeout

    def ready(self) -> bool:
        """Whether the server and all its models answer."""
        return self._ask("GET", "/v2/health/ready")[0] == 200

    def tag(self, text: str = PROBE_TEXT) -> str | None:
        """Has one text tagged; None when it worked, else what the server said instead."""
        status, body = self._ask("POST", f"/v2/models/{TAGGER}/infer", infer_body(text))
        return None if status == 200 else f"{status or 'no answer'}: {body}"

    def counts(self) -> dict[str, float]:
        """Requests answered and failed since the start, and their mean time in milliseconds; empty when it's silent."""
        status, body = self._ask("GET", f"/v2/models/{TAGGER}/stats")
        try:
            statistics = json.loads(body)["model_stats"][0]["inference_stats"] if status == 200 else None
        except (ValueError, KeyError, IndexError):
            statistics = None
        if statistics is None:
            return {}
        success, failure = statistics["success"], statistics["fail"]
        count = int(success["count"])
        mean = int(success["ns"]) / count / 1e6 if count else 0.0
        return {"answered": count, "failed": int(failure["count"]), "mean_ms": round(mean, 3)}

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self._timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()


def infer_body(text: str = PROBE_TEXT) -> str:
    """The JSON of a request for one text."""
    tensor: dict[str, Any] = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": [text]}
    return json.dumps({"inputs": [tensor]})


def try_it(settings: Settings) -> str:
    """A command line that asks the server of these settings, for a person to paste into a shell."""
    serving = settings.serving
    if not settings.gateway.enabled:
        return curl_command(serving.address, serving.http_port)
    host = "127.0.0.1" if serving.address == "0.0.0.0" else serving.address
    gateway = settings.gateway
    scheme = "http" if gateway.tls_certificate is None else "https"
    key = ' -H "Authorization: Bearer $TAGGER_TOKEN"' if gateway.keys_file.exists() else ""
    return f'curl -s {scheme}://{host}:{serving.http_port}/tag{key} --json \'{{"text": "cotton summer dress"}}\''


def curl_command(address: str, port: int, text: str = "cotton summer dress") -> str:
    """A command line that asks the server, ready to be pasted into a shell; `text` holds no quotes."""
    host = "127.0.0.1" if address == "0.0.0.0" else address
    return f"curl -s http://{host}:{port}/v2/models/{TAGGER}/infer -d '{infer_body(text)}'"
