"""What a client gets from a running server, over both protocols: answers, and errors that spoil nothing else."""

from __future__ import annotations

import asyncio
import http.client
import json
import struct
import subprocess
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from catalog.cleaning import MAX_CHARACTERS
from serving.health import curl_command
from tests.serving.conftest import Place
from tests.small_release import MAX_LENGTH

MAX_BYTES = 4 * (MAX_CHARACTERS + 1)
"""What the server decodes of a text."""
OUTPUTS = ("CATEGORY", "CATEGORY_SCORE", "TAGS", "TAG_SCORES", "TRUNCATED")


class Asker:
    """Asks with plain tritonclient."""

    def __init__(self, module: ModuleType, url: str) -> None:
        self._module = module
        self._client = module.InferenceServerClient(url)

    def infer(self, model: str, **tensors: tuple[Any, str]) -> Any:
        inputs = []
        for name, (array, datatype) in tensors.items():
            one = self._module.InferInput(name, list(array.shape), datatype)
            one.set_data_from_numpy(array)
            inputs.append(one)
        return self._client.infer(model, inputs)

    def tag(self, *texts: bytes, model: str = "product_tagger") -> Any:
        return self.infer(model, TEXT=(np.array([[text] for text in texts], dtype=object), "BYTES"))

    def answers_the_next(self) -> bool:
        return bool(self.tag(b"red dress").as_numpy("CATEGORY").tolist() == [[b"apparel"]])


@pytest.fixture(params=["grpc", "http"])
def asker(request: pytest.FixtureRequest, shared: Place) -> Asker:
    """One for each protocol."""
    return Asker(triton_grpc, shared.grpc) if request.param == "grpc" else Asker(triton_http, shared.http)


def refusal(asker: Asker, *texts: bytes) -> str:
    """The sentence with which texts are refused as an invalid argument; the next text must be answered."""
    with pytest.raises(InferenceServerException) as caught:
        asker.tag(*texts)
    assert caught.value.status() in ("StatusCode.INVALID_ARGUMENT", "400")
    assert asker.answers_the_next()
    return str(caught.value)


def test_a_text_gets_its_category_and_its_tags_the_most_probable_first(asker: Asker) -> None:
    answer = asker.tag(b"red dress for the summer")
    assert answer.as_numpy("CATEGORY").tolist() == [[b"apparel"]]
    assert answer.as_numpy("CATEGORY_SCORE") == pytest.approx(np.array([[0.9647]]), abs=1e-3)
    assert answer.as_numpy("TAGS").tolist() == [[b"dress", b"summer"]]
    assert answer.as_numpy("TAG_SCORES") == pytest.approx(np.array([[0.9526, 0.9526]]), abs=1e-3)
    assert answer.as_numpy("TRUNCATED").tolist() == [[False]]


def test_rows_with_fewer_tags_are_padded(asker: Asker) -> None:
    answer = asker.tag(b"phone", b"a dress as a summer gift", b"chocolate")
    assert answer.as_numpy("TAGS").tolist() == [[b"phone", b"", b""], [b"dress", b"summer", b"gift"], [b"", b"", b""]]
    assert (answer.as_numpy("TAG_SCORES") > 0).sum(axis=1).tolist() == [1, 3, 0]
    assert answer.as_numpy("CATEGORY").tolist() == [[b"electronics"], [b"apparel"], [b"food"]]


def test_a_tag_that_does_not_go_with_the_category_is_left_out(asker: Asker) -> None:
    answer = asker.tag(b"dress phone")  # both categories are equally probable; the first one wins
    assert answer.as_numpy("CATEGORY").tolist() == [[b"apparel"]]
    assert answer.as_numpy("TAGS").tolist() == [[b"dress"]]


def test_clutter_is_cleaned_away_as_before_the_training(asker: Asker) -> None:
    assert asker.tag("包邮 ¥199 <b>dress</b>".encode()).as_numpy("CATEGORY").tolist() == [[b"apparel"]]


def test_the_scores_are_probabilities_in_the_order_of_the_labels(asker: Asker) -> None:
    scores = asker.tag(b"phone", b"dress", model="product_scores").as_numpy("SCORES")
    assert scores.dtype == np.float32 and scores.shape == (2, 7)
    assert scores[:, :3].sum(axis=1) == pytest.approx(np.ones(2), abs=1e-6)
    assert scores[:, :3].argmax(axis=1).tolist() == [1, 0]


def test_a_text_longer_than_the_model_reads_is_cut_and_it_is_said(asker: Asker) -> None:
    fits, cut = b"dress " + b"x " * (MAX_LENGTH - 3), b"dress " + b"x " * (MAX_LENGTH - 2)
    answer = asker.tag(fits, cut)
    assert answer.as_numpy("TRUNCATED").tolist() == [[False], [True]]
    assert answer.as_numpy("CATEGORY").tolist() == [[b"apparel"], [b"apparel"]]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (b"dress<!--" + b"x" * (MAX_CHARACTERS - 12) + b"-->", False),
        (b"dress<!--" + b"x" * (MAX_CHARACTERS - 12) + b"--> ", True),
        (b"dress " * 200_000, True),
        (("dress " + "棉" * 100_000).encode(), True),
        (("dress" + "\U00020000" * MAX_CHARACTERS).encode(), True),
        (b"dress " + b"x" * MAX_BYTES + b"\0\xff", True),
        (("dress " + "\ufdfa a" * 20_000).encode(), True),
    ],
    ids=[
        "at the limit",
        "one over",
        "a megabyte",
        "three-byte forms",
        "four-byte forms",
        "bad bytes behind",
        "growing",
    ],
)
def test_a_text_over_the_limit_is_cut_and_answered(asker: Asker, text: bytes, cut: bool) -> None:
    answer = asker.tag(b"phone", text)
    assert answer.as_numpy("CATEGORY").tolist() == [[b"electronics"], [b"apparel"]]
    assert answer.as_numpy("TRUNCATED").tolist() == [[False], [cut]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "row 1: the text is empty or blank"),
        (b" \n\t ", "row 1: the text is empty or blank"),
        ("\u3000".encode(), "row 1: the text is empty or blank"),
        ("¥199 🔥".encode(), "row 1: no text is left after cleaning"),
        (
            b"<!--" + b"x" * MAX_CHARACTERS + b"-->dress",
            "row 1: no text is left after cleaning its first 65,536 characters",
        ),
        (b"caf\xe9", "row 1: the text is not valid UTF-8 (at byte 3)"),
        (b"a\0b", "row 1: the text holds a NUL character (at byte 1)"),
    ],
    ids=["empty", "blank", "ideographic space", "clutter", "clutter over the limit", "UTF-8", "NUL"],
)
def test_a_bad_text_is_refused_with_its_row_and_the_server_answers_the_next(
    asker: Asker, text: bytes, sentence: str
) -> None:
    assert sentence in refusal(asker, b"dress", text)


def test_a_wrong_type_is_refused(asker: Asker) -> None:
    with pytest.raises(InferenceServerException, match="expects 'BYTES'"):
        asker.infer("product_tagger", TEXT=(np.array([[1]]), "INT64"))
    assert asker.answers_the_next()


@pytest.mark.parametrize("shape", [(2,), (1, 2), (1, 1, 2), (0, 1)])
def test_a_wrong_shape_is_refused(asker: Asker, shape: tuple[int, ...]) -> None:
    with pytest.raises(InferenceServerException, match=r"unexpected shape|expected 1 string"):
        asker.infer("product_tagger", TEXT=(np.full(shape, b"dress", dtype=object), "BYTES"))
    assert asker.answers_the_next()


def test_a_batch_over_the_maximum_is_refused_and_one_at_it_is_answered(asker: Asker) -> None:
    assert "batch-size must be <= 8" in refusal(asker, *[b"dress"] * 9)
    assert asker.tag(*[b"dress"] * 8).as_numpy("CATEGORY").tolist() == [[b"apparel"]] * 8


def test_an_unknown_model_is_not_found(asker: Asker) -> None:
    with pytest.raises(InferenceServerException, match="'nothing' is not found") as caught:
        asker.tag(b"dress", model="nothing")
    assert caught.value.status() in ("StatusCode.NOT_FOUND", "404")
    assert asker.answers_the_next()


def test_the_scores_alone_are_those_the_labels_were_made_of(asker: Asker) -> None:
    scores = asker.tag(b"red dress", b"chocolate", model="product_scores").as_numpy("SCORES")
    labels = asker.tag(b"red dress", b"chocolate")
    np.testing.assert_array_equal(scores[:, :3].max(axis=1, keepdims=True), labels.as_numpy("CATEGORY_SCORE"))
    assert labels.as_numpy("CATEGORY").tolist() == [[b"apparel"], [b"food"]]


def post(place: Place, body: bytes, header_length: int | None = None) -> tuple[int, str]:
    """One raw HTTP request for tags."""
    headers = {} if header_length is None else {"Inference-Header-Content-Length": str(header_length)}
    connection = http.client.HTTPConnection(place.http, timeout=10)
    try:
        connection.request("POST", "/v2/models/product_tagger/infer", body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "body", [b"", b"{nonsense", b"{}", b'{"inputs":[{"name":"TEXT","datatype":"BYTES","shape":[1,1],"data":[null]}]}']
)
def test_a_body_that_is_no_request_is_refused_and_the_server_answers_the_next(shared: Place, body: bytes) -> None:
    status, answer = post(shared, body)
    assert status in (400, 500) and "error" in json.loads(answer)
    assert Asker(triton_http, shared.http).answers_the_next()


@pytest.mark.parametrize(
    "payload",
    [struct.pack("<I", 100) + b"abc", struct.pack("<I", 1) + b"abc", b"\1\0", (struct.pack("<I", 1) + b"a") * 2],
    ids=["too short", "too long", "no length", "two texts for one"],
)
def test_binary_texts_that_lie_about_their_length_are_refused(shared: Place, payload: bytes) -> None:
    tensor = {
        "name": "TEXT",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"binary_data_size": len(payload)},
    }
    header = json.dumps({"inputs": [tensor]}).encode()
    assert post(shared, header + payload, len(header))[0] == 400
    assert Asker(triton_http, shared.http).answers_the_next()


def test_bad_requests_spoil_none_of_those_they_are_batched_with(shared: Place) -> None:
    texts = [b"red dress", b"", b"a phone", b"caf\xe9", b"chocolate bar and more words to be of another length", b"\0"]
    answers = asyncio.run(ask_at_once(shared, [texts[number % len(texts)] for number in range(120)]))
    expected = [b"apparel", "empty or blank", b"electronics", "not valid UTF-8", b"food", "NUL"]
    for number, answer in enumerate(answers):
        wanted = expected[number % len(texts)]
        assert wanted in answer if isinstance(wanted, str) else wanted == answer


async def ask_at_once(place: Place, texts: Sequence[bytes]) -> list[Any]:
    """The category of each text, or the sentence of its refusal; all requests are on their way together."""
    async with triton_aio.InferenceServerClient(place.grpc) as client:

        async def ask(text: bytes) -> Any:
            one = triton_grpc.InferInput("TEXT", [1, 1], "BYTES")
            one.set_data_from_numpy(np.array([[text]], dtype=object))
            try:
                return (await client.infer("product_tagger", [one])).as_numpy("CATEGORY")[0, 0]
            except InferenceServerException as error:
                return str(error)

        return list(await asyncio.gather(*(ask(text) for text in texts)))


def test_the_curl_command_of_the_ready_line_works_in_a_shell(shared: Place) -> None:
    serving = shared.settings.serving
    command = curl_command(serving.address, serving.http_port)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30, check=True)
    outputs = {output["name"]: output["data"] for output in json.loads(done.stdout)["outputs"]}
    assert set(outputs) == set(OUTPUTS) and outputs["CATEGORY"] == ["apparel"]
