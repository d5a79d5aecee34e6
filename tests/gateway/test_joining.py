"""The policy by which waiting texts are joined."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadText, Problem
from gateway.joining import Joiner, choose

LENGTHS = st.lists(st.integers(0, 500), min_size=1, max_size=200)


@given(LENGTHS, st.integers(1, 40))
def test_the_first_to_come_always_goes_and_what_goes_is_sorted_by_length(lengths: list[int], most: int) -> None:
    chosen = choose(lengths, most)
    assert 0 in chosen and len(chosen) == len(set(chosen)) == min(most, len(lengths))
    assert [lengths[place] for place in chosen] == sorted(lengths[place] for place in chosen)


class Engines:
    """Answers a text with itself in capitals, one that begins with `bad` with an error; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []
        self.open = asyncio.Event()

    async def send(self, texts: list[bytes]) -> list[bytes | BadText]:
        self.asked.append(texts)
        await self.open.wait()
        return [BadText("bad") if text.startswith(b"bad") else text.upper() for text in texts]


@given(st.lists(st.lists(st.sampled_from([b"a", b"bb", b"bad", b"cccc"]), max_size=9), max_size=20), st.integers(1, 5))
def test_every_text_is_answered_once_with_its_own_answer(callers: list[list[bytes]], most: int) -> None:
    async def run() -> None:
        engines = Engines()
        joiner = Joiner(engines.send, lanes=2, most=most, room=1000)
        engines.open.set()
        answers = await asyncio.gather(*(joiner.ask(texts, 10) for texts in callers))
        for texts, found in zip(callers, answers, strict=True):
            told = [None if isinstance(one, BadText) else one for one in found]
            assert told == [None if text == b"bad" else text.upper() for text in texts]
        assert sorted(text for texts in engines.asked for text in texts) == sorted(t for ts in callers for t in ts)
        assert joiner.waiting == 0

    asyncio.run(run())


def test_a_lone_text_passes_at_once_and_those_that_wait_go_together_without_who_left() -> None:
    async def run() -> None:
        engines = Engines()
        joiner = Joiner(engines.send, lanes=1, most=16, room=4)
        first = asyncio.ensure_future(joiner.ask([b"first"], 10))
        await asyncio.sleep(0)
        assert engines.asked == [[b"first"]]
        rest = [asyncio.ensure_future(joiner.ask([text], 10)) for text in (b"longer", b"left", b"no")]
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="too many texts wait"):
            await joiner.ask([b"one", b"two"], 10)
        rest[1].cancel()
        await asyncio.sleep(0)
        engines.open.set()
        assert await first == [b"FIRST"]
        assert await rest[0] == [b"LONGER"] and await rest[2] == [b"NO"]
        assert engines.asked[1:] == [[b"no", b"longer"]]

    asyncio.run(run())
