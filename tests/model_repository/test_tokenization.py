"""What the served tokenizer reads of a text, without a server: what the cleaning in training reads of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.cleaning import MAX_CHARACTERS, MAX_VISIBLE_CHARACTERS, clean
from loadtest.bench.models import load_module
from tests.small_release import build_release


@pytest.fixture(scope="module")
def tokenization(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module as a release has it, with its own copy of the cleaning."""
    release = build_release(tmp_path_factory.mktemp("releases"), "20260101T000000Z-cpu-00000000")
    return load_module(release / "model_repository" / "classifier" / "1" / "tokenization.py")


PIECES = ("dress ", "棉", "\U00020000", "<b>", "<!--", "-->", "&amp;", "\ufdfa", "é", "包邮", "$5 ")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    st.sampled_from(PIECES),
    st.sampled_from((0, 1, 3, MAX_VISIBLE_CHARACTERS, MAX_CHARACTERS - 1, MAX_CHARACTERS, 2 * MAX_CHARACTERS)),
)
def test_a_text_of_any_length_is_read_as_in_training(tokenization: Any, start: str, piece: str, times: int) -> None:
    raw = start + piece * times + " phone"
    expected = clean(raw)
    if expected.text:
        assert tokenization.read_text(0, raw.encode()) == expected
    else:
        with pytest.raises(tokenization.BadText, match="no text is left after cleaning"):
            tokenization.read_text(0, raw.encode())
