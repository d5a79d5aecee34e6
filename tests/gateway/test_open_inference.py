"""The Open Inference Protocol through the door, before a real Triton: as tritonclient and curl speak it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from tests.gateway.test_door import JSON, ask, still_answers
from tests.serving.conftest import make_place, running

TAGGER, SCORES = "/v2/models/product_tagger/infer", "/v2/models/product_scores/infer"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The HTTP port of a server with a gateway."""
    with running(make_place(tmp_path_factory.mktemp("door") / "build", gateway=True, max_batch_size=8)) as place:
        yield place.settings.serving.http_port


def texts(*values: Any, **more: Any) -> dict[str, Any]:
    return {
        "inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [len(values), 1], "data": list(values)}],
        **more,
    }


def text_input(values: list[str], *, binary: bool = True) -> triton.InferInput:
    given = triton.InferInput("TEXT", [len(values), 1], "BYTES")
    given.set_data_from_numpy(np.array([[value.encode()] for value in values], dtype=object), binary_data=binary)
    return given


def test_json_as_curl_sends_it_gets_every_output_by_name(door: int) -> None:
    status, told = ask(door, "POST", TAGGER, texts("summer dress", "phone", id="a-7"), FORM)
    assert (status, told["model_name"], told["model_version"], told["id"]) == (200, "product_tagger", "1", "a-7")
    found = {one["name"]: one for one in told["outputs"]}
    assert list(found) == ["CATEGORY", "CATEGORY_SCORE", "TAGS", "TAG_SCORES", "TRUNCATED"]
    assert found["CATEGORY"]["data"] == ["apparel", "electronics"] and found["CATEGORY"]["shape"] == [2, 1]
    assert found["TAGS"]["shape"] == found["TAG_SCORES"]["shape"] == [2, 2]
    assert set(found["TAGS"]["data"][:2]) == {"dress", "summer"} and found["TRUNCATED"]["data"] == [False, False]


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_reads_both_forms(door: int, binary: bool) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{door}") as client:
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("TAGS", "CATEGORY_SCORE")]
        answer = client.infer("product_tagger", [text_input(["summer dress"], binary=binary)], outputs=wanted)
        assert set(answer.as_numpy("TAGS")[0].tolist()) in ({b"dress", b"summer"}, {"dress", "summer"})
        assert 0 < answer.as_numpy("CATEGORY_SCORE")[0, 0] <= 1 and answer.as_numpy("CATEGORY") is None
        everything = client.infer("product_tagger", [text_input(["phone"])], request_id="7", timeout=5_000_000)
        assert everything.as_numpy("CATEGORY")[0, 0] == b"electronics" and everything.get_response()["id"] == "7"


def test_the_asynchronous_tritonclient_gets_its_own_answers_while_others_are_joined(door: int) -> None:
    async def many() -> list[bytes]:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{door}", conn_limit=16) as client:
            asked = [
                client.infer("product_tagger", [text_input([("phone", "summer dress")[n % 2]])]) for n in range(40)
            ]
            return [answer.as_numpy("CATEGORY")[0, 0] for answer in await asyncio.gather(*asked)]

    assert asyncio.run(many()) == [b"electronics", b"apparel"] * 20


def test_all_probabilities_and_the_most_probable_labels_are_told(door: int) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{door}") as client:
        scores = client.infer("product_scores", [text_input(["summer dress", "phone"])]).as_numpy("SCORES")
        assert scores.shape[0] == 2 and scores[0, :3].sum() == pytest.approx(1, abs=1e-3)
    wanted = [{"name": "SCORES", "parameters": {"classification": 2}}]
    _, told = ask(door, "POST", SCORES, texts("summer dress", outputs=wanted), FORM)
    assert len(told["outputs"][0]["data"]) == 2 and "apparel" in "".join(told["outputs"][0]["data"])


def test_the_server_tells_of_itself_and_of_no_extension_that_is_closed(door: int) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{door}") as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("product_tagger")
        assert client.get_model_metadata("product_tagger", "1")["inputs"][0]["name"] == "TEXT"
        assert client.get_model_config("product_scores")["name"] == "product_scores"
        assert client.get_inference_statistics("product_tagger")["model_stats"]
        assert client.get_model_config("classifier")["name"] == "classifier", "perf_analyzer asks for the steps"
        assert client.get_inference_statistics("classifier", "1")["model_stats"]
        extensions = client.get_server_metadata()["extensions"]
        assert "binary_tensor_data" in extensions and not [one for one in extensions if "shared_memory" in one]


NESTED = b'{"inputs": ' + b"[" * 15_000
ONE = texts("dress")["inputs"][0]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (TAGGER, b"[" * 80_000, JSON, 400),
        (TAGGER, NESTED, JSON, 400),
        (TAGGER, b"{", JSON, 400),
        (TAGGER, b"[]", JSON, 400),
        (TAGGER, {"inputs": []}, JSON, 400),
        (TAGGER, {"inputs": [ONE, ONE]}, JSON, 400),
        (TAGGER, {"inputs": [{**ONE, "name": "TEXTS"}]}, JSON, 400),
        (TAGGER, {"inputs": [{**ONE, "datatype": "FP32", "data": [1.0]}]}, JSON, 400),
        (TAGGER, {"inputs": [{**ONE, "shape": [2, 1]}]}, JSON, 400),
        (TAGGER, {"inputs": [{**ONE, "shape": [2**62, 2]}]}, JSON, 400),
        (TAGGER, {"inputs": [{**ONE, "data": [["a", "b"]]}]}, JSON, 400),
        (TAGGER, {"inputs": [{**ONE, "parameters": {"shared_memory_region": "mine"}}]}, JSON, 400),
        (TAGGER, texts("dress", parameters={"sequence_id": 3}), JSON, 400),
        (TAGGER, texts("dress", parameters={f"p{n}": 1 for n in range(50_000)}), JSON, 413),
        (TAGGER, texts("dress", outputs=[{"name": "SCORES"}]), JSON, 400),
        (TAGGER, texts("dress", outputs=[{"name": "TAGS"}] * 2), JSON, 400),
        (TAGGER, texts("dress", parameters={"timeout": -1}), JSON, 400),
        (TAGGER, texts("dress", parameters={"timeout": True}), JSON, 400),
        (TAGGER, texts("dress", id="x" * 300), JSON, 400),
        (TAGGER, texts(*["dress"] * 9), JSON, 400),
        (TAGGER, texts("dress", " "), JSON, 400),
        (SCORES, texts("dress", " "), JSON, 400),
        (TAGGER, json.dumps(texts("dress")).encode(), {**JSON, "Inference-Header-Content-Length": "9999"}, 400),
        (TAGGER, json.dumps(texts("dress")).encode(), {**JSON, "Inference-Header-Content-Length": "-1"}, 400),
        (TAGGER, texts("dress"), {**JSON, "Content-Encoding": "gzip"}, 415),
        (TAGGER, texts("dress"), {**FORM, "Referer": "https://shop.example/"}, 415),
        (TAGGER, texts("dress"), {**FORM, "Origin": "https://shop.example"}, 403),
        (TAGGER, texts("dress"), {"Content-Type": "text/plain"}, 415),
        ("/v2/models/classifier/infer", texts("dress"), JSON, 404),
        ("/v2/models/product_tagger/versions/2/infer", texts("dress"), JSON, 404),
        ("/v2/models/product_tagger/../../repository/index", {}, JSON, 404),
        ("/v2/repository/index", {}, JSON, 404),
        ("/v2/logging", {"log_verbose_level": 5}, JSON, 404),
        ("/v2/trace/setting", {}, JSON, 404),
        ("/v2/systemsharedmemory/region/mine/register", {"key": "/mine"}, JSON, 404),
        ("/v2/models/product_tagger/config", {}, JSON, 405),
    ],
    ids=[str(number) for number in range(36)],
)
def test_what_is_no_such_request_is_told_and_the_next_is_answered(
    door: int, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    assert ask(door, "POST", path, body, headers)[0] == status
    assert still_answers(door)


def test_a_binary_tensor_that_lies_about_its_lengths_is_refused(door: int) -> None:
    head = texts()
    head["inputs"][0] = {key: value for key, value in ONE.items() if key != "data"}
    for raw in (b"\xff\xff\xff\xff", b"\x05\x00\x00\x00ab", b"\x01\x00\x00"):
        head["inputs"][0]["parameters"] = {"binary_data_size": len(raw)}
        sent = json.dumps(head).encode()
        sizes = {"Inference-Header-Content-Length": str(len(sent)), "Content-Type": "application/octet-stream"}
        assert ask(door, "POST", TAGGER, sent + raw, sizes)[0] == 400
    assert still_answers(door)


def test_a_text_of_megabytes_is_cut_before_it_is_read(door: int) -> None:
    _, told = ask(door, "POST", TAGGER, texts("dress " * 1_000_000), JSON)
    assert told["outputs"][-1] == {"name": "TRUNCATED", "datatype": "BOOL", "shape": [1, 1], "data": [True]}
    assert still_answers(door)


def test_the_row_of_a_bad_text_is_named(door: int) -> None:
    assert "row 1: the text is empty" in ask(door, "POST", TAGGER, texts("dress", ""), JSON)[1]["detail"]
    with triton.InferenceServerClient(f"127.0.0.1:{door}") as client, pytest.raises(InferenceServerException) as caught:
        client.infer("product_tagger", [text_input(["dress", "a\0b"])])
    assert "NUL" in str(caught.value)
