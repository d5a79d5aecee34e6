"""Tokens, headers and certificates; refusals, and answers of what is no product tagger."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from product_tagger_client import (
    AuthenticationError,
    CredentialsError,
    InvalidTextError,
    ModelNotFoundError,
    PayloadTooLargeError,
    ProductTagger,
    ProtocolError,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    ServerUnavailableError,
    TaggerError,
    TaggerTimeoutError,
)
from product_tagger_client.bulk import BulkOptions, tag_file
from product_tagger_client.command import main
from tests.client.asking import ask
from tests.client.misbehaving import Visit, category_answer, misbehaving

if TYPE_CHECKING:
    from tests.client.conftest import Triton

TOKEN = "s3cret-token-of-the-shop"
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


class Refusing(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Ends each call with a status, and keeps the metadata it was asked with."""

    def __init__(self, code: grpc.StatusCode | None = None, times: int = 1000, trailing: Any = ()) -> None:
        self.code, self.times, self.trailing = code, times, trailing
        self.seen: list[dict[str, str]] = []

    def refuse(self, context: grpc.ServicerContext) -> None:
        metadata = dict(context.invocation_metadata())
        self.seen.append(metadata)
        if self.code is not None and len(self.seen) <= self.times:
            context.set_trailing_metadata(self.trailing)
            context.abort(self.code, f"not with {metadata.get('authorization')}")

    def ModelConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.refuse(context)

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.refuse(context)
        answer = service_pb2.ModelInferResponse(model_name=request.model_name)
        contents = [b"\4\0\0\0home", b"\0\0\0?", b"\4\0\0\0gift", b"\0\0\0?", b"\0"]
        kinds = ["BYTES", "FP32", "BYTES", "FP32", "BOOL"]
        for wanted, kind, raw in zip(request.outputs, kinds, contents, strict=True):
            answer.outputs.add(name=wanted.name, datatype=kind, shape=[1, 1])
            answer.raw_output_contents.append(raw)
        return answer


@contextmanager
def grpc_server(servicer: Refusing, credentials: Any = None) -> Iterator[str]:
    """Serves it on a free port of this machine; gives the address."""
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads)
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
        if credentials is None:
            url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        else:
            url = f"grpcs://localhost:{server.add_secure_port('127.0.0.1:0', credentials)}"
        server.start()
        try:
            yield url
        finally:
            server.stop(None)


def answering(status: str, body: bytes, *headers: str) -> Any:
    def behave(visit: Visit) -> None:
        while visit.read_request() is not None:
            visit.answer(body, status, *headers)

    return misbehaving(behave)


PROBLEM = json.dumps({"title": "No", "detail": "because of something"}).encode()
TRITONS = b'{"error": "because of something"}'
HTML = b"<html><body><h1>It works!</h1></body></html>"


@BOTH
@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "sentence"),
    [
        ("401 Unauthorized", PROBLEM, (), AuthenticationError, "TAGGER_TOKEN.*because of something"),
        ("403 Forbidden", HTML, ("Content-Type: text/html",), AuthenticationError, "403"),
        ("413 Too Large", HTML, (), PayloadTooLargeError, "413"),
        ("413 Too Large", PROBLEM, (), PayloadTooLargeError, "because of something"),
        ("429 Too Many", PROBLEM, ("Retry-After: 3600",), RateLimitedError, "because of something"),
        ("400 Bad Request", TRITONS, (), InvalidTextError, "^because of something"),
        ("422 Unprocessable", PROBLEM, (), InvalidTextError, "^because of something"),
        ("404 Not Found", TRITONS, (), ModelNotFoundError, "because of something"),
        ("404 Not Found", HTML, ("Content-Type: text/html",), ProtocolError, r"404 \(text/html\)"),
        ("400 Bad Request", HTML, (), ProtocolError, "address and port"),
        ("500 Oh", TRITONS, (), ServerError, "because of something"),
        ("503 Busy", HTML, (), ServerUnavailableError, "503"),
        ("504 Late", PROBLEM, (), TaggerTimeoutError, "because of something"),
        ("200 OK", HTML, ("Content-Type: text/html",), ProtocolError, "text/html.*not a JSON object"),
        ("200 OK", b"[1, 2]", ("Content-Type: application/json",), ProtocolError, "not a JSON object"),
        ("200 OK", b"[" * 100_000, (), ProtocolError, "not a JSON object"),
        ("200 OK", b'{"outputs": {"CATEGORY": 1}}', (), ProtocolError, "cannot be read"),
        ("200 OK", b"{}", ("Inference-Header-Content-Length: 12345",), ProtocolError, "12345"),
        ("200 OK", b"", ("Content-Encoding: gzip",), ProtocolError, "not a JSON object"),
        ("302 Found", b"", ("Location: http://elsewhere/login",), ProtocolError, "http://elsewhere/login"),
    ],
)
def test_an_answer_over_http_that_is_none_has_an_error_of_its_kind(
    asynchronous: bool, status: str, body: bytes, headers: tuple[str, ...], kind: type[TaggerError], sentence: str
) -> None:
    with answering(status, body, *headers) as server, pytest.raises(TaggerError, match=sentence) as raised:
        ask(asynchronous, server.url, "tag", "cotton dress", retries=0)
    assert type(raised.value) is kind


@BOTH
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAUTHENTICATED", AuthenticationError),
        ("PERMISSION_DENIED", AuthenticationError),
        ("RESOURCE_EXHAUSTED", RateLimitedError),
        ("UNIMPLEMENTED", ProtocolError),
        ("INTERNAL", ServerError),
    ],
)
def test_a_refusal_over_grpc_has_an_error_of_its_kind(asynchronous: bool, code: str, kind: type[TaggerError]) -> None:
    with grpc_server(Refusing(grpc.StatusCode[code])) as url, pytest.raises(TaggerError) as raised:
        ask(asynchronous, url, "tag", "cotton dress", retries=0)
    assert type(raised.value) is kind


@BOTH
def test_who_asks_too_often_asks_again_when_the_server_says(asynchronous: bool) -> None:
    def refuse_once(visit: Visit) -> None:
        visit.read_request()
        visit.answer(PROBLEM, "429 Too Many", "Retry-After: 0")
        visit.read_request()
        body, length = category_answer()
        visit.answer(body, "200 OK", length)

    quick = RetryPolicy(first_delay=0.001)
    with misbehaving(refuse_once) as server:
        assert ask(asynchronous, server.url, "tag", "cotton dress", retries=quick).category == "home"
    refusing = Refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, 1, [("retry-after", "0")])
    with grpc_server(refusing) as url:
        assert ask(asynchronous, url, "tag", "cotton dress", retries=quick).category == "home"


@BOTH
def test_who_is_to_wait_longer_than_its_time_is_told_at_once(asynchronous: bool) -> None:
    with answering("429 Too Many", PROBLEM, "Retry-After: 3600") as server, pytest.raises(RateLimitedError) as raised:
        ask(asynchronous, server.url, "tag", "cotton dress")
    assert raised.value.retry_after == 3600
    refusing = Refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, trailing=[("retry-after", "120")])
    with grpc_server(refusing) as url, pytest.raises(RateLimitedError) as raised:
        ask(asynchronous, url, "tag", "cotton dress")
    assert raised.value.retry_after == 120


@BOTH
@pytest.mark.parametrize("given", ["argument", "environment", "header"])
def test_a_token_is_sent_with_every_request_and_never_shown(
    asynchronous: bool, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"retries": 0}
    if given == "environment":
        monkeypatch.setenv("TAGGER_TOKEN", TOKEN)
    elif given == "argument":
        settings |= {"token": TOKEN, "headers": {"X-Shop": "corner"}}
    else:
        settings |= {"headers": {"Authorization": f"Bearer {TOKEN}", "X-Shop": "corner"}}
    heads: list[str] = []

    def echo(visit: Visit) -> None:
        while (request := visit.read_request()) is not None:
            heads.append(request[0])
            visit.answer(json.dumps({"error": request[0]}).encode(), "500 Oh")

    with misbehaving(echo) as server, pytest.raises(ServerError) as raised:
        ask(asynchronous, server.url, "tag", "cotton dress", **settings)
    assert f"authorization: Bearer {TOKEN}\r\n".lower() in heads[0].lower() + "\r\n"
    assert TOKEN not in str(raised.value) and "***" in str(raised.value)
    assert given == "environment" or "x-shop: corner" in heads[0].lower()
    refusing = Refusing(grpc.StatusCode.UNAUTHENTICATED)
    with grpc_server(refusing) as url, pytest.raises(AuthenticationError) as refused:
        ask(asynchronous, url, "tag", "cotton dress", **settings)
    assert refusing.seen[0]["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(refused.value) and "***" in str(refused.value)


def test_a_token_is_in_no_repr() -> None:
    tagger = ProductTagger("http://127.0.0.1:1", token=TOKEN)
    assert TOKEN not in repr(tagger) + repr(vars(tagger))
    assert TOKEN not in repr(BulkOptions(Path("a.csv"), Path("b.csv"), token=TOKEN, headers={"X-Key": TOKEN}))


@pytest.mark.parametrize("url", ["http://shop.example:8080", "grpc://shop.example:8001"])
def test_a_token_is_not_sent_unencrypted_to_another_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CredentialsError, match=r"token .* unencrypted .*s://") as raised:
        ProductTagger(url, token=TOKEN)
    assert TOKEN not in str(raised.value)
    monkeypatch.setenv("TAGGER_TOKEN", TOKEN)
    with pytest.raises(CredentialsError, match="TAGGER_TOKEN"):
        ProductTagger(url)
    ProductTagger(url, headers={"Authorization": f"Bearer {TOKEN}"}).close()
    ProductTagger(url.replace("://", "s://")).close()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"token": ""}, "token is empty"),
        ({"token": "two words"}, "holds a space"),
        ({"token": "line\r\nX: y"}, "holds a space"),
        ({"token": TOKEN, "headers": {"authorization": "Basic eA=="}}, "give one of them"),
        ({"headers": {"X Y": "1"}}, "no name of a header"),
        ({"headers": {"X-Y": "1\r\nHost: else"}}, "value of the header X-Y"),
        ({"headers": {"Content-Length": "1"}}, "sets it itself"),
        ({"ca": "ca.pem"}, "not encrypted"),
    ],
)
def test_credentials_that_cannot_be_used_are_told(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CredentialsError, match=sentence):
        ProductTagger("http://127.0.0.1:8000", **settings)


def test_a_file_of_certificates_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(CredentialsError, match=str(path)):
            ProductTagger("https://127.0.0.1:8000", ca=path)
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(CredentialsError, match=r"text\.pem"):
        ProductTagger("grpcs://127.0.0.1:8000", ca=tmp_path / "text.pem")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that is its own authority, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@BOTH
@pytest.mark.parametrize("protocol", ["https", "grpcs"])
def test_a_server_is_trusted_by_the_certificates_given_and_not_without(
    asynchronous: bool, protocol: str, certificate: tuple[Path, Path]
) -> None:
    if protocol == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

        def behave(visit: Visit) -> None:
            visit.socket = context.wrap_socket(visit.socket, server_side=True)
            while visit.read_request() is not None:
                body, length = category_answer()
                visit.answer(body, "200 OK", length)

        serving: Any = misbehaving(behave)
    else:
        pair = [(certificate[1].read_bytes(), certificate[0].read_bytes())]
        serving = grpc_server(Refusing(), grpc.ssl_server_credentials(pair))
    with serving as server:
        url = server if isinstance(server, str) else f"https://localhost:{server.port}"
        answer = ask(asynchronous, url, "tag", "cotton dress", ca=certificate[0], token=TOKEN)
        assert answer.category == "home"
        with pytest.raises(AuthenticationError, match="given as ca"):
            ask(asynchronous, url, "tag", "cotton dress", token=TOKEN)


@BOTH
def test_the_wrong_one_of_the_ports_is_named(asynchronous: bool, triton: Triton) -> None:
    for url, meant in (
        (triton.grpc.replace("grpc://", "http://"), "gRPC port is written grpc://"),
        (triton.http.replace("http://", "grpc://"), "speaks HTTP, not gRPC; write http://"),
        (triton.grpc.replace("grpc://", "https://"), "without it is http://"),
        (triton.grpc.replace("grpc://", "grpcs://"), "without it is grpc://"),
    ):
        with pytest.raises(ProtocolError, match=meant):
            ask(asynchronous, url, "tag", "cotton dress")


def test_who_is_not_let_in_does_not_wait_until_the_server_is_ready() -> None:
    with answering("401 Unauthorized", PROBLEM) as server, ProductTagger(server.url) as tagger:
        assert tagger.is_ready() is False
        with pytest.raises(AuthenticationError):
            tagger.wait_ready(60)


def test_the_command_sends_token_and_headers_and_tells_a_refusal_in_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv").write_text("id,title\n1,cotton dress\n")
    refusing = Refusing(grpc.StatusCode.UNAUTHENTICATED)
    with grpc_server(refusing) as url:
        assert main(["--url", url, "--token", TOKEN, "--header", "X-Shop: corner", "--json", "cotton dress"]) == 1
        told = capsys.readouterr()
        assert refusing.seen[0]["authorization"] == f"Bearer {TOKEN}" and refusing.seen[0]["x-shop"] == "corner"
        monkeypatch.setenv("TAGGER_TOKEN", TOKEN)
        assert main(["--url", "http://shop.example", "cotton dress"]) == 1
        again = capsys.readouterr()
    assert "refuses access" in told.out + told.err and "unencrypted" in again.err
    assert TOKEN not in told.out + told.err + again.out + again.err


def test_a_run_over_a_file_ends_at_once_when_it_is_not_let_in(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,title\n1,cotton dress\n")
    with answering("401 Unauthorized", PROBLEM) as server, pytest.raises(AuthenticationError):
        tag_file(BulkOptions(tmp_path / "in.csv", tmp_path / "out.csv", server.url, token=TOKEN))
