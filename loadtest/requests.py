"""Requests as they go over the wire, encoded before the time begins."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Literal

from serving.health import TAGGER

Api = Literal["grpc", "http", "peer"]
"""Triton's two protocols, and what a hand-written service takes: {"text": …}."""
NAMES: dict[str, str] = {"grpc": "gRPC", "http": "HTTP"}
METHOD = "/inference.GRPCInferenceService/ModelInfer"
PATHS: dict[str, str] = {"http": f"/v2/models/{TAGGER}/infer", "peer": "/tag"}


def encode(api: Api, texts: Sequence[str]) -> bytes:
    """A request for some texts: the gRPC message, or the HTTP body.

    Raises:
        ValueError: There is no text, or the server takes one a request only.
    """
    if not texts or (api == "peer" and len(texts) > 1):
        raise ValueError(f"a request to {api} can't hold {len(texts)} texts")
    if api == "grpc":
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelInferRequest(model_name=TAGGER)
        tensor = request.inputs.add(name="TEXT", datatype="BYTES", shape=[len(texts), 1])
        tensor.contents.bytes_contents.extend(text.encode() for text in texts)
        encoded: bytes = request.SerializeToString()
        return encoded
    tensor_json = {"name": "TEXT", "datatype": "BYTES", "shape": [len(texts), 1], "data": list(texts)}
    body = {"inputs": [tensor_json]} if api == "http" else {"text": texts[0]}
    return json.dumps(body, ensure_ascii=False).encode()


def grouped(texts: Sequence[str], size: int) -> list[list[str]]:
    """The texts in groups of one size, every text in one at least; the last group is filled up from the beginning.

    Raises:
        ValueError: There is no text.
    """
    if not texts:
        raise ValueError("there are no texts to send")
    endless = itertools.cycle(texts)
    return [list(itertools.islice(endless, size)) for _ in range(-(-len(texts) // size))]
