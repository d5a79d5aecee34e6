"""What happens to connections: threads that end, forks, idle connections that the server closes, slow answers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from product_tagger_client import AsyncProductTagger, ProductTagger, ServerUnavailableError, TaggerTimeoutError
from tests.client.asking import ask
from tests.client.misbehaving import Visit, category_answer, misbehaving, silent_relay, tag_well

if TYPE_CHECKING:
    from tests.client.conftest import Triton

CONFIG = json.dumps({
    "max_batch_size": 8,
    "input": [{"name": "TEXT"}],
    "output": [{"name": name} for name in ("CATEGORY", "CATEGORY_SCORE", "TAGS", "TAG_SCORES", "TRUNCATED")],
}).encode()  # fmt: skip
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "async"])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_threads_that_have_ended_leave_no_descriptors_behind(triton: Triton, protocol: str) -> None:
    with ProductTagger(getattr(triton, protocol)) as tagger:
        tagger.tag("cotton dress")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            thread = threading.Thread(target=tagger.tag, args=("cotton dress",))
            thread.start()
            thread.join()
        assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_threads_one_after_the_other_share_a_connection() -> None:
    with misbehaving(tag_well) as server, ProductTagger(server.url) as tagger:
        for _ in range(5):
            thread = threading.Thread(target=tagger.tag, args=("cotton dress",))
            thread.start()
            thread.join()
        assert len(server.visits) == 1


def test_a_closed_client_has_no_connection_and_opens_one_again_when_it_is_used() -> None:
    with misbehaving(tag_well) as server:
        tagger = ProductTagger(server.url)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(2):
            assert tagger.tag("cotton dress").category == "home"
            tagger.close()
        assert len(server.visits) == 2
        assert len(os.listdir("/proc/self/fd")) <= before + 2  # the server's own ends of them


FORKING = """
import os, sys, threading
from product_tagger_client import ProductTagger, TaggerError
url, in_flight = sys.argv[1], sys.argv[2] == "busy"
tagger = ProductTagger(url, timeout=10)
texts = [f"product {number}" for number in range(30)]
expected = [tagger.tag(text) for text in texts]
if in_flight:
    thread = threading.Thread(target=tagger.tag, args=("!slow",))
    thread.start()
    while not (started := sys._current_frames().get(thread.ident)) or "_ask" not in names(started):
        pass
child = os.fork()
if in_flight and child:
    thread.join()
try:
    told = "right" if [tagger.tag(text) for text in texts] == expected else "wrong"
    again = ProductTagger(url, timeout=10)
    told += " right" if [again.tag(text) for text in texts] == expected else " wrong"
except TaggerError as error:
    told = str(error)
if child:
    os.waitpid(child, 0)
print("parent" if child else "child", told, flush=True)
os._exit(0)
"""
NAMES = """
def names(frame):
    found = []
    while frame:
        found.append(frame.f_code.co_name)
        frame = frame.f_back
    return found
"""


def forked(url: str, state: str) -> dict[str, str]:
    """What parent and child say after a client was used before and after a fork."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "client")}
    done = subprocess.run(
        [sys.executable, "-c", NAMES + FORKING, url, state], env=environment, capture_output=True, text=True, timeout=60
    )
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return {line[0]: line[1] for line in lines}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_after_a_fork_both_processes_get_their_own_answers(triton: Triton, protocol: str) -> None:
    assert forked(getattr(triton, protocol), "idle") == {"parent": "right right", "child": "right right"}


def test_a_fork_while_grpc_was_in_use_is_told_in_the_child(triton: Triton) -> None:
    told = forked(triton.grpc, "busy")
    assert told["parent"] == "right right"
    assert "forked" in told["child"] and "http://" in told["child"]


@BOTH
def test_an_idle_connection_that_the_server_closed_costs_no_try(asynchronous: bool) -> None:
    def close_after_one(visit: Visit) -> None:
        visit.read_request()
        body, length = category_answer()
        visit.answer(body, "200 OK", length)  # says nothing of closing, and closes

    with misbehaving(close_after_one) as server:
        results = ask(asynchronous, server.url, "tag_many", ["a", "b", "c"], max_batch_size=1, retries=0)
    assert [result.category for result in results] == ["home"] * 3


@BOTH
def test_a_request_that_a_used_connection_loses_is_sent_once_more(asynchronous: bool) -> None:
    def reset_the_second_request(visit: Visit) -> None:
        body, length = category_answer()
        for _ in range(3 if visit.number else 1):
            if visit.read_request() is None:
                return
            visit.answer(body, "200 OK", length)
        visit.read_request()

    with misbehaving(reset_the_second_request) as server:
        results = ask(asynchronous, server.url, "tag_many", ["a", "b"], max_batch_size=1, retries=0)
        assert [result.category for result in results] == ["home"] * 2
        assert len(server.visits) == 2


@BOTH
@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_trickles_in_does_not_outlast_the_time(asynchronous: bool, part: str) -> None:
    def trickle(visit: Visit) -> None:
        visit.read_request()
        visit.socket.sendall(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 1000\r\n\r\n" if part == "body" else b"X: "))
        while not visit.ended.wait(0.02):
            visit.socket.sendall(b"x")

    with misbehaving(trickle) as server, pytest.raises(TaggerTimeoutError, match=r"within 0\.2 seconds"):
        ask(asynchronous, server.url, "tag", "cotton dress", timeout=0.2)


@BOTH
def test_a_server_that_accepts_and_says_nothing_is_a_timeout(asynchronous: bool) -> None:
    def say_nothing(visit: Visit) -> None:
        visit.ended.wait()

    with misbehaving(say_nothing) as server, pytest.raises(TaggerTimeoutError, match=r"within 0\.1 seconds"):
        ask(asynchronous, server.url, "tag", "cotton dress", timeout=0.1)


@BOTH
def test_an_answer_that_is_cut_off_is_no_answer(asynchronous: bool) -> None:
    def cut(visit: Visit) -> None:
        visit.read_request()
        visit.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")

    with misbehaving(cut) as server, pytest.raises(ServerUnavailableError, match=server.url):
        ask(asynchronous, server.url, "tag", "cotton dress", retries=0)


@BOTH
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_after_a_timeout_a_connection_that_has_gone_silent_is_not_used_again(
    asynchronous: bool, protocol: str, triton: Triton
) -> None:
    port = triton.grpc_port if protocol == "grpc" else triton.http_port

    async def run(tag: Callable[[str], Any]) -> str:
        async def answer(text: str) -> Any:
            result = tag(text)
            return await result if asynchronous else result

        first = await answer("cotton dress")
        relay.silence()
        with pytest.raises(TaggerTimeoutError):
            await answer("cotton dress")
        assert await answer("cotton dress") == first
        return "done"

    with silent_relay(port) as relay:
        url = f"{protocol}://127.0.0.1:{relay.port}"
        tagger = (AsyncProductTagger if asynchronous else ProductTagger)(url, timeout=1.0, retries=0)
        assert asyncio.run(run(tagger.tag)) == "done"


def test_a_time_out_bounds_names_and_answer_together() -> None:
    def answer_the_configuration_only(visit: Visit) -> None:
        visit.read_request()
        visit.ended.wait(0.3)
        visit.answer(CONFIG)
        visit.read_request()
        visit.ended.wait()

    with misbehaving(answer_the_configuration_only) as server, pytest.raises(TaggerTimeoutError) as raised:
        ask(False, server.url, "tag", "cotton dress", timeout=0.5, lang="zh")
    assert float(str(raised.value).split("within ")[1].split()[0]) < 0.25


@BOTH
def test_many_texts_are_asked_for_at_the_same_time(asynchronous: bool) -> None:
    together = threading.Barrier(4)

    def answer_when_four_have_asked(visit: Visit) -> None:
        while visit.read_request() is not None:
            together.wait(20)
            body, length = category_answer()
            visit.answer(body, "200 OK", length)

    with misbehaving(answer_when_four_have_asked) as server:
        results = ask(asynchronous, server.url, "tag_many", ["text"] * 8, max_batch_size=1, concurrency=4, timeout=25.0)
        assert len(results) == 8 and len(server.visits) == 4


def test_an_idle_connection_on_which_something_was_said_unasked_is_not_used() -> None:
    said = threading.Semaphore(0)

    def say_more_than_asked(visit: Visit) -> None:
        while visit.read_request() is not None:
            for category in ("home", "food"):
                body, length = category_answer(category)
                visit.answer(body, "200 OK", length)
            said.release()

    with misbehaving(say_more_than_asked) as server, ProductTagger(server.url) as tagger:
        for _ in range(3):
            assert tagger.tag("cotton dress").category == "home"
            assert said.acquire(timeout=20)
