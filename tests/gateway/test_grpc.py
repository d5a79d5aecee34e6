"""The Open Inference Protocol over gRPC through the door, before a real Triton."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import InferenceServerException

from tests.serving.conftest import make_place, running


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gRPC address of a server with a gateway."""
    with running(make_place(tmp_path_factory.mktemp("door") / "build", gateway=True, max_batch_size=8)) as place:
        yield f"127.0.0.1:{place.settings.serving.grpc_port}"


def text_input(values: list[str]) -> triton.InferInput:
    given = triton.InferInput("TEXT", [len(values), 1], "BYTES")
    given.set_data_from_numpy(np.array([[value.encode()] for value in values], dtype=object))
    return given


def test_tritonclient_gets_labels_and_probabilities(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        answer = client.infer("product_tagger", [text_input(["summer dress", "phone"])], request_id="7")
        assert answer.as_numpy("CATEGORY").tolist() == [[b"apparel"], [b"electronics"]]
        assert set(answer.as_numpy("TAGS")[0].tolist()) == {b"dress", b"summer"} and answer.get_response().id == "7"
        assert answer.as_numpy("TRUNCATED").tolist() == [[False], [False]]
        wanted = [triton.InferRequestedOutput("SCORES")]
        scores = client.infer("product_scores", [text_input(["summer dress"])], outputs=wanted).as_numpy("SCORES")
        assert scores[0, :3].sum() == pytest.approx(1, abs=1e-3)
        wanted = [triton.InferRequestedOutput("SCORES", class_count=2)]
        classes = client.infer("product_scores", [text_input(["summer dress"])], outputs=wanted).as_numpy("SCORES")
        assert b"apparel" in b" ".join(classes.reshape(-1).tolist())


def test_the_asynchronous_tritonclient_gets_its_own_answers_while_others_are_joined(address: str) -> None:
    async def many() -> list[bytes]:
        async with triton_aio.InferenceServerClient(address) as client:
            asked = [
                client.infer("product_tagger", [text_input([("phone", "summer dress")[n % 2]])]) for n in range(40)
            ]
            return [answer.as_numpy("CATEGORY")[0, 0] for answer in await asyncio.gather(*asked)]

    assert asyncio.run(many()) == [b"electronics", b"apparel"] * 20


def test_the_server_tells_of_itself(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("product_tagger", "1")
        assert not [one for one in client.get_server_metadata().extensions if "shared_memory" in one]
        assert client.get_model_metadata("product_tagger").inputs[0].name == "TEXT"
        assert client.get_model_config("product_scores").config.max_batch_size == 8
        assert client.get_inference_statistics("product_tagger").model_stats[0].name == "product_tagger"


def test_what_changes_the_server_is_not_served(address: str) -> None:
    closed: list[Callable[[triton.InferenceServerClient], object]] = [
        lambda client: client.get_model_repository_index(),
        lambda client: client.unload_model("product_tagger"),
        lambda client: client.register_system_shared_memory("mine", "/mine", 8),
        lambda client: client.update_log_settings({"log_verbose_level": 5}),
    ]
    with triton.InferenceServerClient(address) as client:
        for call in closed:
            with pytest.raises(InferenceServerException) as caught:
                call(client)
            assert caught.value.status() == "StatusCode.UNIMPLEMENTED"
        assert client.infer("product_tagger", [text_input(["phone"])]).as_numpy("CATEGORY")[0, 0] == b"electronics"


def request(**fields: object) -> messages.ModelInferRequest:
    """A request for one text, changed by the fields."""
    text = messages.ModelInferRequest.InferInputTensor(name="TEXT", datatype="BYTES", shape=[1, 1])
    usual = {"model_name": "product_tagger", "inputs": [text], "raw_input_contents": [b"\x05\0\0\0phone"]}
    return messages.ModelInferRequest(**{**usual, **fields})


def tensor(**fields: object) -> list[messages.ModelInferRequest.InferInputTensor]:
    usual = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1]}
    return [messages.ModelInferRequest.InferInputTensor(**{**usual, **fields})]


INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
BAD = {
    "unknown model": (request(model_name="classifier"), MISSING),
    "a path for a model": (request(model_name="product_tagger/config"), MISSING),
    "unknown version": (request(model_version="7"), MISSING),
    "no input": (request(inputs=[]), INVALID),
    "other input": (request(inputs=tensor(name="TEXTS")), INVALID),
    "numbers": (request(inputs=tensor(datatype="FP32")), INVALID),
    "other shape": (request(inputs=tensor(shape=[2, 1])), INVALID),
    "huge shape": (request(inputs=tensor(shape=[2**62, 1])), INVALID),
    "a length beyond the end": (request(raw_input_contents=[b"\xff\xff\xff\xffphone"]), INVALID),
    "two tensors of bytes": (request(raw_input_contents=[b"", b""]), INVALID),
    "too many texts": (request(inputs=tensor(shape=[9, 1]), raw_input_contents=[b"\x01\0\0\0a" * 9]), INVALID),
    "blank": (request(raw_input_contents=[b"\x01\0\0\0 "]), INVALID),
    "unknown output": (request(outputs=[{"name": "SCORES"}]), INVALID),
    "shared memory": (
        request(inputs=tensor(parameters={"shared_memory_region": messages.InferParameter(string_param="mine")})),
        INVALID,
    ),
    "a sequence": (request(parameters={"sequence_id": messages.InferParameter(int64_param=3)}), INVALID),
    "a long id": (request(id="x" * 300), INVALID),
    "too large": (request(raw_input_contents=[b"x" * (17 << 20)]), grpc.StatusCode.RESOURCE_EXHAUSTED),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_request_is_told_and_the_next_is_answered(address: str, name: str) -> None:
    bad, code = BAD[name]
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(bad, timeout=20)
        assert caught.value.code() == code and caught.value.details()
        assert stub.ModelInfer(request(), timeout=20).raw_output_contents[0].endswith(b"electronics")


def test_texts_may_be_given_as_contents(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        asked = request(
            inputs=tensor(contents=messages.InferTensorContents(bytes_contents=[b"phone"])), raw_input_contents=[]
        )
        answer = GRPCInferenceServiceStub(channel).ModelInfer(asked, timeout=20)
    assert answer.raw_output_contents[0].endswith(b"electronics")


def test_a_caller_who_leaves_or_waits_too_short_a_time_costs_nobody_else_an_answer(address: str) -> None:
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(8) as pool:
        stub = GRPCInferenceServiceStub(channel)
        left = [stub.ModelInfer.future(request(), timeout=20) for _ in range(20)]
        stayed = [pool.submit(stub.ModelInfer, request(), timeout=20) for _ in range(20)]
        for one in left:
            one.cancel()
        assert all(one.result().raw_output_contents[0].endswith(b"electronics") for one in stayed)


def test_a_compressed_message_is_bounded_by_what_is_in_it(address: str) -> None:
    bomb = request(raw_input_contents=[bytes(64 << 20)])
    with grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        stub = GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(bomb, timeout=20, compression=grpc.Compression.Gzip)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        answer = stub.ModelInfer(request(), timeout=20, compression=grpc.Compression.Gzip)
        assert answer.raw_output_contents[0].endswith(b"electronics")


def test_a_message_of_very_many_empty_fields_is_refused_before_it_is_parsed(address: str) -> None:
    many = request(inputs=[messages.ModelInferRequest.InferInputTensor()] * 25_000)
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(many, timeout=20)
        assert caught.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
        assert stub.ModelInfer(request(), timeout=20).raw_output_contents[0].endswith(b"electronics")
