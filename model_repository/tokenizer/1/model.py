"""Product texts to token ids, in one tokenization call for all requests of a batch.

Beside this file lie `cleaning.py` (the very file that cleaned the training texts), `tokenizer.json` and
`tokenizer_settings.json` ({"max_length", "pad_token_id"}, and "length_buckets" where the classifier computes some
lengths only).
"""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import Any

# One process tokenizes thousands of texts a second with one thread; more would only take the classifier's cores.
# Read by the library at its first call.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import triton_python_backend_utils as pb_utils
from cleaning import clean_text
from tokenizers import Tokenizer

MAX_TEXT_BYTES = 65_536


class BadText(ValueError):
    """A text that can't be tagged; the message says why, for its sender."""


class TritonPythonModel:
    """TEXT [B, 1] bytes → input_ids, attention_mask int64 [B, L], TRUNCATED bool [B, 1].

    L is the length of the request's longest row; where there are length buckets, the bucket that holds the longest row
    of all requests of the batch. They were waiting together, and having one length they can go on together: Triton
    joins neighbours in the classifier's queue only as long as their lengths are equal.
    """

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the tokenizer and uses it once, so that the first request finds it warm."""
        folder = Path(__file__).parent
        settings = json.loads((folder / "tokenizer_settings.json").read_text(encoding="utf-8"))
        self._pad = int(settings["pad_token_id"])
        self._buckets = np.array(settings.get("length_buckets", []), dtype=np.int64)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(int(settings["max_length"]))
        self._tokenizer.no_padding()  # padding is per request, below
        self._tokenize([clean_text("Women's cotton dress <b>size M</b> ¥199 包邮")])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers every request; one with a bad text is refused alone."""
        texts: list[str] = []
        slices: list[tuple[int, int] | BadText] = []
        for request in requests:
            rows = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
            start = len(texts)
            try:
                texts += read_texts(rows)
                slices.append((start, len(texts)))
            except BadText as error:
                slices.append(error)
        if not texts:
            return [_refusal(place) for place in slices if isinstance(place, BadText)]
        ids, lengths, truncated = self._tokenize(texts)
        responses = []
        for place in slices:
            if isinstance(place, BadText):
                responses.append(_refusal(place))
                continue
            rows = slice(*place)
            width = ids.shape[1] if len(self._buckets) else int(lengths[rows].max())
            mask = (np.arange(width) < lengths[rows, None]).astype(np.int64)
            outputs = [
                pb_utils.Tensor("input_ids", np.ascontiguousarray(ids[rows, :width])),
                pb_utils.Tensor("attention_mask", mask),
                pb_utils.Tensor("TRUNCATED", truncated[rows, None]),
            ]
            responses.append(pb_utils.InferenceResponse(outputs))
        return responses

    def _tokenize(self, texts: list[str]) -> tuple[Any, Any, Any]:
        """Token ids int64 [N, L] padded at the end, lengths int64 [N], truncated bool [N]."""
        encodings = self._tokenizer.encode_batch_fast(texts)
        rows = [encoding.ids for encoding in encodings]
        truncated = np.array([bool(encoding.overflowing) for encoding in encodings])
        if len(rows) == 1 and not len(self._buckets):  # the usual case, where there is nothing to pad
            return np.array(rows, dtype=np.int64), np.array([len(rows[0])]), truncated
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        ids = np.full((len(rows), self._width(int(lengths.max()))), self._pad, dtype=np.int64)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.fromiter(
            chain.from_iterable(rows), dtype=np.int64, count=int(lengths.sum())
        )
        return ids, lengths, truncated

    def _width(self, longest: int) -> int:
        """What rows are padded to: the least bucket that holds the longest, which the last one always does."""
        return int(self._buckets[np.searchsorted(self._buckets, longest)]) if len(self._buckets) else longest


def read_texts(rows: Any) -> list[str]:
    """The cleaned texts of one request (bytes [B, 1]).

    Raises:
        BadText: for the first text that can't be tagged, and for a request without a text.
    """
    if not rows.size:
        raise BadText("the request holds no text: send TEXT with the shape [number of texts, 1]")
    return [read_text(row, raw) for row, raw in enumerate(rows[:, 0])]


def read_text(row: int, raw: bytes) -> str:
    """One cleaned text.

    Raises:
        BadText: naming the row, where the text is too long, not UTF-8, holds a NUL, is blank or all clutter.
    """
    if len(raw) > MAX_TEXT_BYTES:
        raise BadText(f"row {row}: the text has {len(raw):,} bytes; at most {MAX_TEXT_BYTES:,} are allowed")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadText(f"row {row}: the text is not valid UTF-8 (at byte {error.start}); encode it as UTF-8") from None
    if "\0" in text:
        raise BadText(f"row {row}: the text holds a NUL character (at byte {raw.index(0)}); remove it")
    cleaned = clean_text(text)
    if not cleaned:
        if not text.strip():
            raise BadText(f"row {row}: the text is empty or blank; send the product's title, description or both")
        raise BadText(f"row {row}: no text is left after cleaning; it held only markup, prices, links or promotion")
    return cleaned


def _refusal(error: BadText) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))
