"""The door with keys and TLS before a real Triton: who gets in, and what is noted of it."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from gateway.keys import add_key, revoke_key
from serving.state import ServerFiles
from settings import Settings
from tests.serving.conftest import make_place, running


@dataclass(frozen=True)
class Guarded:
    """A running server with keys and a certificate."""

    settings: Settings
    directory: Path
    key: str
    slow: str
    """A key of one request in a thousand seconds."""

    def ask(
        self,
        path: str,
        body: Any = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        port: int | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer, over TLS by the certificate that is on the disk."""
        context = ssl.create_default_context(cafile=str(self.directory / "certificate.pem"))
        port = port or self.settings.serving.http_port
        connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request("GET" if raw is None else "POST", path, raw, sent)
        response = connection.getresponse()
        told = response.read()
        connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, told

    def tag(self, key: str | None, headers: dict[str, str] | None = None) -> int:
        """The status of an answer to a text."""
        return self.ask("/tag", {"text": "summer dress"}, key, headers)[0]


def make_certificate(directory: Path, name: str) -> None:
    """A new self-signed certificate and its key, in place of the former."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", directory / "new.key", "-out", directory / "new.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / "new.key").replace(directory / "private.pem")
    (directory / "new.pem").replace(directory / "certificate.pem")


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    place = make_place(directory / "build", gateway=True, max_batch_size=8)
    make_certificate(directory, "first")
    files = {"tls_certificate": directory / "certificate.pem", "tls_key": directory / "private.pem"}
    gateway = place.settings.gateway.model_copy(update=files)
    place = type(place)(place.settings.model_copy(update={"gateway": gateway}))
    key = add_key(gateway.keys_file, "shop")
    slow = add_key(gateway.keys_file, "slow", requests_per_second=0.001)
    with running(place):
        yield Guarded(place.settings, directory, key, slow)


def test_keys_open_the_door_and_nothing_else_does(door: Guarded) -> None:
    assert door.tag(door.key) == 200
    status, headers, told = door.ask("/tag", {"text": "dress"})
    assert status == 401 and headers["www-authenticate"].startswith("Bearer ") and headers["x-request-id"]
    assert json.loads(told)["status"] == 401 and headers["content-type"] == "application/problem+json"
    assert door.tag(door.key[:-1]) == door.tag("") == 401
    assert door.ask("/labels")[0] == door.ask("/nothing")[0] == 401
    for path in ("/health/live", "/health/ready", "/docs", "/openapi.json"):
        assert door.ask(path)[0] == 200
    assert door.tag(door.key, {"Origin": "https://shop.example"}) == 200  # a page has no key, and this caller has one


def test_a_key_over_its_rate_is_told_when_to_ask_again(door: Guarded) -> None:
    assert door.tag(door.slow) == 200
    status, headers, told = door.ask("/tag", {"text": "dress"}, door.slow)
    assert status == 429 and 900 < int(headers["retry-after"]) <= 1000 and b"0.001 requests a second" in told
    assert door.tag(door.key) == 200


def test_a_key_that_is_made_or_revoked_while_the_door_is_open_counts_at_once(door: Guarded) -> None:
    later = add_key(door.settings.gateway.keys_file, "later")
    assert until(lambda: door.tag(later) == 200)
    revoke_key(door.settings.gateway.keys_file, "later")
    assert until(lambda: door.tag(later) == 401)


def test_each_request_is_noted_with_its_keys_name_and_without_its_text(door: Guarded) -> None:
    given = door.ask("/tag", {"text": "zebra slippers"}, door.key, {"X-Request-ID": "my-request-1"})[1]
    assert given["x-request-id"] == "my-request-1"
    assert door.ask("/tag/batch", {"products": [{"text": "dress"}] * 3}, door.key)[0] == 200
    log = ServerFiles.of(door.settings).access_log
    assert until(lambda: log.exists() and '"texts":3' in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = [line for line in lines if line["id"] == "my-request-1"]
    assert line["key"] == "shop" and line["route"] == "/tag" and line["texts"] == 1 and line["status"] == 200
    assert line["ms"] > 0 and "zebra" not in log.read_text() and door.key not in log.read_text()


def test_prometheus_gets_the_doors_metrics_and_tritons_with_a_key(door: Guarded) -> None:
    port = door.settings.serving.metrics_port
    assert door.tag(door.key) == 200
    assert door.ask("/metrics", port=port)[0] == 401
    status, _, told = door.ask("/metrics", key=door.key, port=port)
    page = told.decode()
    assert status == 200 and 'tagger_requests_total{route="/tag",status="200"}' in page
    assert 'tagger_request_seconds_bucket{le="+Inf",route="/tag"}' in page and "tagger_joined_texts_sum" in page
    assert "tagger_waiting_texts 0.0" in page and 'nv_inference_request_success{model="product_tagger"' in page


def test_a_new_certificate_is_used_without_a_restart_and_a_damaged_one_is_not(door: Guarded) -> None:
    def shown() -> str:
        return ssl.get_server_certificate(("localhost", door.settings.serving.http_port))

    first = shown()
    make_certificate(door.directory, "second")
    assert until(lambda: shown() != first)
    assert door.tag(door.key) == 200
    second, good = shown(), (door.directory / "certificate.pem").read_bytes()
    (door.directory / "certificate.pem").write_bytes(good[:-100])
    log = ServerFiles.of(door.settings).gateway_log
    assert until(lambda: "The certificate that was loaded before goes on" in log.read_text())
    assert shown() == second
    (door.directory / "certificate.pem").write_bytes(good)
    assert door.tag(door.key) == 200


def test_grpc_wants_the_same_keys_over_tls_and_tells_the_same(door: Guarded) -> None:
    chain = (door.directory / "certificate.pem").read_bytes()
    where = f"localhost:{door.settings.serving.grpc_port}"
    request = messages.ModelInferRequest(model_name="product_tagger", raw_input_contents=[b"\x05\0\0\0dress"])
    request.inputs.add(name="TEXT", datatype="BYTES", shape=[1, 1])
    with grpc.secure_channel(where, grpc.ssl_channel_credentials(chain)) as channel:
        stub = GRPCInferenceServiceStub(channel)
        assert stub.ServerLive(messages.ServerLiveRequest()).live
        assert stub.ServerReady(messages.ServerReadyRequest()).ready
        metadata = [("authorization", f"Bearer {door.key}"), ("x-request-id", "grpc-1")]
        answer, call = stub.ModelInfer.with_call(request, metadata=metadata)
        assert answer.raw_output_contents[0] == b"\x07\0\0\0apparel"
        assert ("x-request-id", "grpc-1") in call.trailing_metadata()

        def refused(method: str, message: Any, key: str | None) -> Any:
            with pytest.raises(grpc.RpcError) as caught:
                getattr(stub, method)(message, metadata=[("authorization", f"Bearer {key}")] if key else [])
            return caught.value

        assert refused("ModelInfer", request, None).code() == grpc.StatusCode.UNAUTHENTICATED
        assert refused("ModelInfer", request, "wrong").code() == grpc.StatusCode.UNAUTHENTICATED
        config = messages.ModelConfigRequest(name="product_tagger")
        assert refused("ModelConfig", config, None).code() == grpc.StatusCode.UNAUTHENTICATED
        door.tag(door.slow)
        late = refused("ModelInfer", request, door.slow)
        assert late.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert int(dict(late.trailing_metadata())["retry-after"]) > 900
    log = ServerFiles.of(door.settings).access_log
    assert until(lambda: '"id":"grpc-1","key":"shop","method":"gRPC","route":"ModelInfer","texts":1' in log.read_text())


def test_the_open_inference_protocol_wants_a_key_as_well(door: Guarded) -> None:
    asked = {"inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": ["dress"]}]}
    path = "/v2/models/product_tagger/infer"
    status, _, told = door.ask(path, asked)
    assert status == 401 and "key" in json.loads(told)["error"]
    assert (
        door.ask(path, asked, door.key)[0] == door.ask("/v2/health/ready")[0] == door.ask("/v2/health/live")[0] == 200
    )
    assert door.ask("/v2")[0] == door.ask("/v2/models/product_tagger/config")[0] == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/models/product_tagger/infer", b"[" * 80_000, 400),
        ("/v2/models/product_tagger/infer", b'{"inputs": ' + b"[" * 80_000, 413),
        (
            "/v2/models/product_tagger/infer",
            json.dumps({"parameters": dict.fromkeys(map(str, range(50_000)))}).encode(),
            413,
        ),
        ("/v2/logging", b"{}", 404),
        ("/v2/systemsharedmemory/region/mine/register", b"{}", 404),
        ("/v2/repository/models/product_tagger/unload", b"{}", 404),
        ("/tag", b'{"text": ' + b"[" * 3000, 400),
    ],
)
def test_a_key_does_not_open_what_is_closed_and_the_next_is_answered(
    door: Guarded, path: str, body: bytes, status: int
) -> None:
    assert door.ask(path, body, door.key)[0] == status
    assert door.tag(door.key) == 200


def test_a_text_that_grows_when_it_is_cleaned_does_not_keep_others_waiting(door: Guarded) -> None:
    grows = {"products": [{"text": "ﷺ" * 65_536}] * 8}
    assert door.ask("/tag/batch", grows, door.key)[0] == 200
    assert door.tag(door.key) == 200
