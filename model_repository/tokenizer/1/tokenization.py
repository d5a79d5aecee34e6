"""Product texts to token ids: decoding, cleaning, one tokenization call for all texts of a batch.

Beside this file lie `cleaning/` (the very code that cleaned the training texts), `tokenizer.json` and
`tokenizer_settings.json` ({"max_length", "pad_token_id"}, and "length_buckets" where the classifier computes some
lengths only).
"""

from __future__ import annotations

import codecs
import json
import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

# One process tokenizes thousands of texts a second with one thread; more would only take the classifier's cores.
# Read by the library at its first call.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
from cleaning import MAX_CHARACTERS, Cleaned, clean
from tokenizers import Tokenizer

MAX_BYTES = 4 * (MAX_CHARACTERS + 1)
"""Of a text so many bytes are decoded: in UTF-8 more characters than the cleaning reads, so that it sees the cut."""


class BadText(ValueError):
    """A text that can't be tagged; the message says why, for its sender."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of N texts.

    Attributes:
        ids: Token ids, padded at the end, int64 [N, L].
        lengths: Tokens of each text, int64 [N].
        truncated: Whether a text was longer than the cleaning or the model reads, bool [N].
    """

    ids: Any
    lengths: Any
    truncated: Any

    def batch(self, rows: Any, width: int) -> tuple[Any, Any]:
        """Ids and attention mask of some rows, cut or padded to a width, int64 [rows, width]."""
        return self.ids[rows, :width], (np.arange(width) < self.lengths[rows, None]).astype(np.int64)


class TextTokenizer:
    """The tokenizer of a folder.

    Args:
        folder: Where its files lie.
    """

    def __init__(self, folder: Path) -> None:
        settings = json.loads((folder / "tokenizer_settings.json").read_text(encoding="utf-8"))
        self._pad = int(settings["pad_token_id"])
        self._buckets = np.array(settings.get("length_buckets", []), dtype=np.int64)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(int(settings["max_length"]))
        self._tokenizer.no_padding()  # padding is below
        self.encode([clean("Women's cotton dress <b>size M</b> ¥199 包邮")])  # the first request finds it warm

    @property
    def has_buckets(self) -> bool:
        """Whether texts are padded to one of some lengths."""
        return bool(len(self._buckets))

    def encode(self, texts: list[Cleaned]) -> Tokens:
        """Tokens of cleaned texts, padded to the longest; where there are length buckets, to the one that holds it."""
        encodings = self._tokenizer.encode_batch_fast([text for text, _ in texts])
        rows = [encoding.ids for encoding in encodings]
        pairs = zip(texts, encodings, strict=True)
        truncated = np.array([text.cut or bool(encoding.overflowing) for text, encoding in pairs])
        if len(rows) == 1 and not self.has_buckets:  # the usual case, where there is nothing to pad
            return Tokens(np.array(rows, dtype=np.int64), np.array([len(rows[0])]), truncated)
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        ids = np.full((len(rows), self._width(int(lengths.max()))), self._pad, dtype=np.int64)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.fromiter(
            chain.from_iterable(rows), dtype=np.int64, count=int(lengths.sum())
        )
        return Tokens(ids, lengths, truncated)

    def _width(self, longest: int) -> int:
        """What rows are padded to: the least bucket that holds the longest, which the last one always does."""
        return int(self._buckets[np.searchsorted(self._buckets, longest)]) if self.has_buckets else longest


def read_requests(tensors: list[Any]) -> tuple[list[Cleaned], list[slice | BadText]]:
    """The cleaned texts of all requests, and where each request's are among them.

    Args:
        tensors: TEXT of each request, bytes [B, 1].

    Returns:
        The texts, and for each request the slice of its own, or why it is refused: one with a bad text has none.
    """
    texts: list[Cleaned] = []
    places: list[slice | BadText] = []
    for rows in tensors:
        start = len(texts)
        try:
            texts += read_texts(rows)
            places.append(slice(start, len(texts)))
        except BadText as error:
            places.append(error)
    return texts, places


def read_texts(rows: Any) -> list[Cleaned]:
    """The cleaned texts of one request (bytes [B, 1]).

    Raises:
        BadText: for the first text that can't be tagged, and for a request without a text.
    """
    if not rows.size:
        raise BadText("the request holds no text: send TEXT with the shape [number of texts, 1]")
    return [read_text(row, raw) for row, raw in enumerate(rows[:, 0])]


def read_text(row: int, raw: bytes) -> Cleaned:
    """One cleaned text. What lies behind MAX_BYTES is not looked at.

    Raises:
        BadText: naming the row, where the text is not UTF-8, holds a NUL, is blank or all clutter.
    """
    try:
        # Where a character is cut through by MAX_BYTES, the decoder waits for its rest.
        text = codecs.utf_8_decode(raw[:MAX_BYTES], "strict", len(raw) <= MAX_BYTES)[0]
    except UnicodeDecodeError as error:
        raise BadText(f"row {row}: the text is not valid UTF-8 (at byte {error.start}); encode it as UTF-8") from None
    if "\0" in text:
        raise BadText(f"row {row}: the text holds a NUL character (at byte {raw.index(0)}); remove it")
    cleaned = clean(text)
    if not cleaned.text:
        if not text.strip():
            raise BadText(f"row {row}: the text is empty or blank; send the product's title, description or both")
        place = f" its first {MAX_CHARACTERS:,} characters" if cleaned.cut else ""
        raise BadText(
            f"row {row}: no text is left after cleaning{place}; only markup, prices, links or emoji were there"
        )
    return cleaned
