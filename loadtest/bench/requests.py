"""Requests as they go over the wire, encoded before the time begins."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

GRPC, HTTP, PEER = "triton-grpc", "triton-http", "peer-http"
"""How a server is asked: Triton's two protocols, and what a hand-written service takes: {"text": …} at /tag."""
MODEL = "product_tagger"


def encode(api: str, texts: Sequence[str], port: int) -> bytes:
    """A request for some texts; with gRPC the message alone, which goes into a frame.

    Args:
        api: One of the three above.
        texts: What is asked about, a row each.
        port: Where the server listens.

    Raises:
        ValueError: There is no text, or the server takes one a request only.
    """
    if not texts or (api == PEER and len(texts) > 1):
        raise ValueError(f"a request to {api} can't hold {len(texts)} texts")
    if api == GRPC:
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelInferRequest(model_name=MODEL)
        tensor = request.inputs.add(name="TEXT", datatype="BYTES", shape=[len(texts), 1])
        tensor.contents.bytes_contents.extend(text.encode() for text in texts)
        encoded: bytes = request.SerializeToString()
        return encoded
    if api == HTTP:
        path = f"/v2/models/{MODEL}/infer"
        tensor_json = {"name": "TEXT", "datatype": "BYTES", "shape": [len(texts), 1], "data": list(texts)}
        body = json.dumps({"inputs": [tensor_json]}, ensure_ascii=False).encode()
    else:
        path = "/tag"
        body = json.dumps({"text": texts[0]}, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def grouped(texts: Sequence[str], size: int) -> list[list[str]]:
    """The texts in groups of one size, every text in one at least; the last group is filled up from the beginning.

    Raises:
        ValueError: There is no text.
    """
    if not texts:
        raise ValueError("there are no texts to send")
    endless = itertools.cycle(texts)
    return [list(itertools.islice(endless, size)) for _ in range(-(-len(texts) // size))]
