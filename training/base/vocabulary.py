"""Prunes a tokenizer's vocabulary to the pieces that a catalogue needs, and rewrites tokenizer.json to match.

Most weights of a multilingual encoder are vectors of words that a shop never writes. Fewer pieces must not change how
a text of the catalogue is cut. They don't, as long as every piece that its texts use is kept:

- Unigram (XLM-R) takes the sequence of pieces with the highest sum of scores. The one it took is still there, and has
  fewer rivals. Characters without a piece cost the lowest score of the vocabulary less a constant. So a piece with
  that score is kept too: else unknown characters would get cheaper and might win.
- WordPiece (BERT) takes the longest piece that fits, again and again. The longest is still there. A word that it
  can't finish is unknown as a whole; the pieces it took until then are kept, so that it ends at the same place.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from training.base.errors import BaseModelError

logger = logging.getLogger(__name__)

Pieces = npt.NDArray[np.int64]

TEXTS_AT_ONCE = 4096
PROGRESS_TEXTS = 200_000
SCRIPT_BLOCKS = (
    (0x0020, 0x024F),  # Latin: Basic, Latin-1, Extended-A and -B, with digits and punctuation
    (0x1E00, 0x1EFF),  # Latin Extended Additional
    (0x2000, 0x206F),  # General Punctuation
    (0x2C60, 0x2C7F),  # Latin Extended-C
    (0x2E80, 0x2FDF),  # CJK Radicals
    (0x3000, 0x30FF),  # CJK Symbols and Punctuation, Hiragana, Katakana
    (0x3400, 0x4DBF),  # CJK Unified Ideographs Extension A
    (0x4E00, 0x9FFF),  # CJK Unified Ideographs
    (0xF900, 0xFAFF),  # CJK Compatibility Ideographs
    (0xFF00, 0xFFEF),  # Halfwidth and Fullwidth Forms
    (0x20000, 0x3134F),  # CJK Unified Ideographs Extensions B to G
)
"""First and last code point of the Unicode blocks of which every single character stays."""


def needed_pieces(tokenizer: Tokenizer, texts: Iterable[str], size: int) -> Pieces:
    """Choose the pieces to keep.

    Kept are, whatever their number: special tokens, the pieces that the texts use, and single characters of the CJK and
    Latin blocks. The most probable others fill up to `size`: those with the highest scores, or, in a WordPiece
    vocabulary, which has no scores and is sorted by frequency, the first ones.

    Args:
        tokenizer: The whole vocabulary's; it neither cuts nor pads.
        texts: Every text of the catalogue.
        size: Pieces wanted.

    Returns:
        Ids in ascending order, int64 [V]: a kept piece's new id is its place here.

    Raises:
        BaseModelError: The tokenizer is neither Unigram nor WordPiece.
    """
    data = _parsed(tokenizer)
    model, names = data["model"], _names(data)
    special = [token["id"] for token in data["added_tokens"]]
    keep = np.zeros(max([len(names) - 1, *special]) + 1, dtype=np.bool_)
    keep[special] = True
    for ids in _used(tokenizer, model, texts):
        keep[ids] = True
    prefix = model.get("continuing_subword_prefix", "")
    keep[[number for number, name in enumerate(names) if _is_wanted_character(name.removeprefix(prefix))]] = True
    if model["type"] == "Unigram":
        scores = np.array([score for _, score in model["vocab"]])
        keep[[int(scores.argmin()), *([] if model["unk_id"] is None else [model["unk_id"]])]] = True
        order = np.argsort(-scores, kind="stable")
    else:
        keep[names.index(model["unk_token"])] = True
        order = np.array([number for number, name in enumerate(names) if not name.startswith("[unused")])
    spare = order[~keep[order]]
    keep[spare[: max(0, size - int(keep.sum()))]] = True
    return np.flatnonzero(keep)


def pruned_tokenizer(tokenizer: Tokenizer, pieces: Pieces) -> Tokenizer:
    """Make a tokenizer that knows these pieces only, under their new ids, with all else as it was.

    Args:
        tokenizer: The whole vocabulary's.
        pieces: What `needed_pieces` chose, int64 [V].
    """
    data = _parsed(tokenizer)
    model = data["model"]
    new_id = {old: new for new, old in enumerate(pieces.tolist())}
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][old] for old in pieces.tolist() if old < len(model["vocab"])]
        model["unk_id"] = None if model["unk_id"] is None else new_id[model["unk_id"]]
    else:
        model["vocab"] = {name: new_id[old] for name, old in model["vocab"].items() if old in new_id}
    for token in data["added_tokens"]:
        token["id"] = new_id[token["id"]]
    if data["post_processor"]:
        _renumber(data["post_processor"], new_id)
    data["truncation"] = data["padding"] = None
    return Tokenizer.from_str(json.dumps(data, ensure_ascii=False))


def _parsed(tokenizer: Tokenizer) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    kind = data["model"]["type"]
    if kind not in ("Unigram", "WordPiece"):
        raise BaseModelError(
            f"The base's tokenizer is of the type {kind}; only the vocabularies of Unigram and WordPiece tokenizers "
            "can be pruned. Set training.base_vocabulary=all."
        )
    return data


def _names(data: Mapping[str, Any]) -> list[str]:
    """The model's pieces by id."""
    vocabulary = data["model"]["vocab"]
    if data["model"]["type"] == "Unigram":
        return [name for name, _ in vocabulary]
    names = [""] * (max(vocabulary.values()) + 1)
    for name, number in vocabulary.items():
        names[number] = name
    return names


def _used(tokenizer: Tokenizer, model: Mapping[str, Any], texts: Iterable[str]) -> Iterator[Pieces]:
    """Yield the ids that the texts need, some thousand texts at a time."""
    remaining, read = iter(texts), 0
    unknown = tokenizer.token_to_id(model["unk_token"]) if model["type"] == "WordPiece" else None
    while batch := list(islice(remaining, TEXTS_AT_ONCE)):
        ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(batch)]
        yield np.unique(np.concatenate([np.asarray(row, dtype=np.int64) for row in ids]))
        if unknown is not None:
            broken = (text for text, row in zip(batch, ids, strict=True) if unknown in row)
            yield np.array([number for text in broken for number in _begun(tokenizer, model, text)], dtype=np.int64)
        read += len(batch)
        if read // PROGRESS_TEXTS != (read - len(batch)) // PROGRESS_TEXTS:
            logger.info("Looking for the vocabulary that the catalogue uses: %s texts read.", f"{read:,}")


def _begun(tokenizer: Tokenizer, model: Mapping[str, Any], text: str) -> Iterator[int]:
    """Yield the ids of the pieces that WordPiece takes of each word, also of one that it can't finish."""
    vocabulary, prefix = model["vocab"], model["continuing_subword_prefix"]
    plain = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    words = tokenizer.pre_tokenizer.pre_tokenize_str(plain) if tokenizer.pre_tokenizer else [(plain, None)]
    for word, _ in words:
        start = 0
        while start < len(word) <= model["max_input_chars_per_word"]:
            lead = prefix if start else ""
            end = next((end for end in range(len(word), start, -1) if lead + word[start:end] in vocabulary), start)
            if end == start:
                break
            yield vocabulary[lead + word[start:end]]
            start = end


def _is_wanted_character(piece: str) -> bool:
    return len(piece) == 1 and any(first <= ord(piece) <= last for first, last in SCRIPT_BLOCKS)


def _renumber(part: Any, new_id: Mapping[int, int]) -> None:
    """Put the new ids into a post-processor, of whichever kind: the special tokens it adds are kept in all of them."""
    if part["type"] == "Sequence":
        for inner in part["processors"]:
            _renumber(inner, new_id)
    elif part["type"] == "TemplateProcessing":
        for token in part["special_tokens"].values():
            token["ids"] = [new_id[old] for old in token["ids"]]
    else:  # BertProcessing and RobertaProcessing
        for end in ("sep", "cls"):
            if end in part:
                part[end][1] = new_id[part[end][1]]
