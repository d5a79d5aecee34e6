"""A pruned vocabulary cuts the catalogue's texts as the whole one does, and survives all others."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from training.base.errors import BaseModelError
from training.base.vocabulary import Pieces, needed_pieces, pruned_tokenizer

SIZE = 32_000


def assert_cut_alike(whole: Tokenizer, pruned: Tokenizer, pieces: Pieces, texts: Sequence[str]) -> None:
    """Every text has the same tokens, each under its new id."""
    for text, before, after in zip(texts, whole.encode_batch(texts), pruned.encode_batch(texts), strict=True):
        assert pieces[after.ids].tolist() == before.ids, text


@pytest.fixture(scope="module", params=["unigram", "wordpiece"])
def whole(request: pytest.FixtureRequest) -> Tokenizer:
    """Both kinds of tokenizers."""
    found: Tokenizer = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("size", [1, SIZE])
def test_every_text_of_the_catalogue_is_cut_as_before(whole: Tokenizer, catalog_texts: list[str], size: int) -> None:
    assert len(catalog_texts) == 12_600
    pieces = needed_pieces(whole, catalog_texts, size)
    assert_cut_alike(whole, pruned_tokenizer(whole, pieces), pieces, catalog_texts)


def test_the_vocabulary_has_the_size_asked_for_and_more_only_where_the_texts_need_it(
    unigram: Tokenizer, catalog_texts: list[str]
) -> None:
    assert len(needed_pieces(unigram, catalog_texts, SIZE)) == SIZE
    least = len(needed_pieces(unigram, catalog_texts, 1))
    assert least < SIZE
    assert len(needed_pieces(unigram, catalog_texts, least - 1)) == least


def test_what_is_kept_beyond_the_texts_are_single_characters_and_the_most_probable_pieces(unigram: Tokenizer) -> None:
    pieces = needed_pieces(unigram, ["连衣裙"], SIZE)
    kept = {unigram.id_to_token(piece) for piece in pieces.tolist()}
    assert {"a", "ß", "é", "ọ", "7", "%", "口", "红", "の", "。"} <= kept
    assert {"▁de", "▁the", "▁for"} <= kept
    scores = dict(json.loads(unigram.to_str())["model"]["vocab"])
    left_out = [score for name, score in scores.items() if name not in kept]
    filled = [scores[name] for name in kept if len(name) > 1 and not name.startswith("<") and name != "连衣裙"]
    assert max(left_out) <= np.quantile(filled, 0.001)


def test_special_tokens_keep_their_names_and_places_in_a_text(whole: Tokenizer, catalog_texts: list[str]) -> None:
    pieces = needed_pieces(whole, catalog_texts, 1)
    pruned = pruned_tokenizer(whole, pieces)
    for token in json.loads(whole.to_str())["added_tokens"]:
        assert pieces[pruned.token_to_id(token["content"])] == token["id"]
    assert pruned.encode("dress").tokens[0] == whole.encode("dress").tokens[0]
    assert pruned.encode("dress").tokens[-1] == whole.encode("dress").tokens[-1]


@pytest.mark.parametrize("character", ["ꙮ", "한", "ক", "\U00020bb7", "\u2fdf"])
def test_a_character_outside_the_vocabulary_becomes_one_unknown_token(unigram: Tokenizer, character: str) -> None:
    pruned = pruned_tokenizer(unigram, needed_pieces(unigram, ["红色 连衣裙"], 1))
    tokens = pruned.encode(f"红{character}色", add_special_tokens=False).ids
    assert tokens.count(pruned.token_to_id("<unk>")) == 1
    assert pruned.decode(tokens).strip().startswith("红") and pruned.decode(tokens).endswith("色")


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60))
def test_no_text_at_all_leads_beyond_the_vocabulary(small: Tokenizer, text: str) -> None:
    assert max(small.encode(text).ids) < small.get_vocab_size()


@pytest.fixture(scope="module")
def small(unigram: Tokenizer) -> Tokenizer:
    """A tokenizer that has been pruned to one text."""
    return pruned_tokenizer(unigram, needed_pieces(unigram, ["cotton dress 连衣裙"], 1))


def test_unknown_characters_stay_as_expensive_as_they_were() -> None:
    # An unknown character costs the lowest score less 10. Priced by `щa`, `щ` with `abc` would win over `щa bc`.
    scores = [("<unk>", 0.0), ("щa", -20.0), ("bc", -20.0), ("abc", -1.0), ("жж", -40.0)]
    whole = Tokenizer(models.Unigram(scores, unk_id=0))
    texts = ["щabc", "abc"]
    assert whole.encode(texts[0]).tokens == ["щa", "bc"]
    pieces = needed_pieces(whole, texts, 1)
    assert_cut_alike(whole, pruned_tokenizer(whole, pieces), pieces, texts)


def test_a_word_that_wordpiece_could_not_finish_stays_unknown() -> None:
    vocabulary = {"[UNK]": 0, "жд": 1, "ж": 2, "##дщ": 3, "##е": 4, "дом": 5}
    whole = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    # Without `жд`, which no token shows, `ж` and `##дщ` would make a known word of the first.
    texts = ["ждщ дом", "жедщ"]
    assert whole.encode(texts[0]).tokens == ["[UNK]", "дом"]
    assert whole.encode(texts[1]).tokens == ["ж", "##е", "##дщ"]
    pieces = needed_pieces(whole, texts, 1)
    assert_cut_alike(whole, pruned_tokenizer(whole, pieces), pieces, texts)


def test_post_processors_of_every_kind_get_the_new_ids() -> None:
    vocabulary = {"[UNK]": 0, "щ": 1, "dress": 2, "[SEP]": 3, "[CLS]": 4}
    for post in (
        processors.BertProcessing(("[SEP]", 3), ("[CLS]", 4)),
        processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 4)),
        processors.Sequence([processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 4), ("[SEP]", 3)])]),
    ):
        whole = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        whole.normalizer = normalizers.Lowercase()
        whole.add_special_tokens(["[SEP]", "[CLS]"])
        whole.post_processor = post
        pieces = needed_pieces(whole, ["dress"], 1)
        pruned = pruned_tokenizer(whole, pieces)
        assert pieces.tolist() == [0, 2, 3, 4]
        assert (pruned.encode("Dress").ids, pruned.encode("Dress").tokens) == ([3, 1, 2], ["[CLS]", "dress", "[SEP]"])


def test_another_kind_of_tokenizer_is_refused_with_the_way_out() -> None:
    with pytest.raises(BaseModelError, match=r"type BPE.*training.base_vocabulary=all"):
        needed_pieces(Tokenizer(models.BPE()), [], SIZE)
