"""Texts to tensors and tensors to results: pure functions, the same for every protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .display import DisplayNames, read_display_names
from .errors import InvalidTextError, NoTextError, ProtocolError, TaggerError
from .results import Tag, TaggedProduct

TEXT = "TEXT"
"""The tensor that the models take; the next ones are what they give."""
CATEGORY, CATEGORY_SCORE, TAGS, TAG_SCORES, TRUNCATED = "CATEGORY", "CATEGORY_SCORE", "TAGS", "TAG_SCORES", "TRUNCATED"
SCORES = "SCORES"
TAGGER_MODEL = "product_tagger"
TAGGER_OUTPUTS = (CATEGORY, CATEGORY_SCORE, TAGS, TAG_SCORES, TRUNCATED)
SCORES_MODEL = "product_scores"
SCORES_OUTPUTS = (SCORES,)
MAX_CHARACTERS = 65_536
"""Of a text a server reads so many characters."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the client reads from a model's configuration.

    Attributes:
        max_batch_size: Most texts in one request.
        score_count: Length of SCORES, that is categories plus tags; 0 where the model has none or doesn't say.
        display_names: Language → what categories and tags are called in it.
    """

    max_batch_size: int
    score_count: int
    display_names: DisplayNames = field(default_factory=dict)


def encode(text: Any, index: int) -> bytes | InvalidTextError:
    """The text in UTF-8, or why it has none. What else is wrong with a text is for the server to say.

    Of a longer text one character more than the server reads is sent: the server sees from it that the text was cut.
    """
    if not isinstance(text, str):
        if text is None or text != text:
            return NoTextError(f"text {index} is missing ({text})", index=index)
        return NoTextError(f"text {index} is a {type(text).__name__}; texts are given as str", index=index)
    try:
        return text[: MAX_CHARACTERS + 1].encode("utf-8")
    except UnicodeEncodeError as error:
        message = f"text {index} holds half of a surrogate pair at character {error.start}: it has no UTF-8 form"
        return InvalidTextError(message, text, index)


def listed(texts: Iterable[str]) -> list[str]:
    """The texts as a list.

    Raises:
        TypeError: It is one str, whose characters would be taken for texts.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError("several texts are expected, as a list for instance; for one text there is `tag`")
    return list(texts)


def read_facts(config: Mapping[str, Any], model: str, outputs: Sequence[str]) -> ModelFacts:
    """Reads a Triton model configuration, in the JSON form of either protocol (gRPC writes numbers as strings).

    Raises:
        ProtocolError: The model has other inputs or outputs than a product tagger, or takes no batches.
    """
    inputs = [str(tensor.get("name")) for tensor in config.get("input", [])]
    present = {str(tensor.get("name")): tensor for tensor in config.get("output", [])}
    missing = [name for name in outputs if name not in present]
    if inputs != [TEXT] or missing:
        lack = f"it has no output {missing[0]}" if missing else f"its inputs are {', '.join(inputs) or 'none'}"
        raise ProtocolError(f"the server's model {model} is not the one this client speaks to: {lack}")
    size = int(config.get("max_batch_size", 0))
    if size < 1:
        raise ProtocolError(f"the server's model {model} takes no batches: its max_batch_size is {size}, not 1 or more")
    dims = [int(number) for number in present.get(SCORES, {}).get("dims", [])]
    return ModelFacts(size, max(dims[-1], 0) if dims else 0, read_display_names(config))


def _column(arrays: Mapping[str, npt.NDArray[Any]], name: str, kinds: str, rows: int) -> npt.NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.ndim != 2 or array.shape[0] != rows or array.dtype.kind not in kinds:
        found = "is missing" if array is None else f"has shape {list(array.shape)} and type {array.dtype}"
        raise ProtocolError(f"the server's answer to {rows} texts cannot be read: its output {name} {found}")
    return array


def read_products(arrays: Mapping[str, npt.NDArray[Any]], rows: int) -> list[TaggedProduct]:
    """Output arrays of product_tagger → one result a text.

    Args:
        arrays: CATEGORY bytes [N, 1], CATEGORY_SCORE [N, 1], TAGS bytes [N, K], TAG_SCORES [N, K], TRUNCATED [N, 1];
            tags are padded to the longest row with empty names, which are left out here.
        rows: N.

    Raises:
        ProtocolError: An output is missing, or of another shape or type.
    """
    categories = _column(arrays, CATEGORY, "OS", rows)
    category_scores = _column(arrays, CATEGORY_SCORE, "f", rows)
    names = _column(arrays, TAGS, "OS", rows)
    scores = _column(arrays, TAG_SCORES, "f", rows)
    truncated = _column(arrays, TRUNCATED, "b", rows)
    if names.shape != scores.shape:
        raise ProtocolError(f"the server gave {names.shape[1]} tags but {scores.shape[1]} scores of tags a text")
    return [
        TaggedProduct(
            category=_text(categories[row, 0]) or None,
            category_score=float(category_scores[row, 0]),
            tags=tuple(
                Tag(_text(name), float(score)) for name, score in zip(names[row], scores[row], strict=True) if name
            ),
            truncated=bool(truncated[row, 0]),
        )
        for row in range(rows)
    ]


def read_scores(arrays: Mapping[str, npt.NDArray[Any]], rows: int) -> list[npt.NDArray[np.float32]]:
    """Output arrays of product_scores → one float32 [C + T] a text."""
    return list(_column(arrays, SCORES, "f", rows).astype(np.float32, copy=False))


def read_labels(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[str, ...]:
    """`score:index:label` strings, as Triton's classification answer to one text holds them → the labels by index.

    Raises:
        ProtocolError: The server's model has no label file.
    """
    labels: dict[int, str] = {}
    for entry in _column(arrays, SCORES, "OS", 1)[0]:
        parts = _text(entry).split(":", 2)
        if len(parts) < 3:
            raise ProtocolError(
                f"the server's model {SCORES_MODEL} does not name its scores: its output SCORES has no label_filename"
            )
        labels[int(parts[1])] = parts[2]
    if sorted(labels) != list(range(len(labels))):
        raise ProtocolError(f"the server's model {SCORES_MODEL} named only some of its scores")
    return tuple(labels[index] for index in range(len(labels)))


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def checked_batch_size(size: int | None) -> int | None:
    """The argument as it is.

    Raises:
        ValueError: It is below 1.
    """
    if size is not None and size < 1:
        raise ValueError(f"max_batch_size is {size}; it must be 1 or more, or None for the server's own")
    return size


def first_error(answers: Sequence[object]) -> TaggerError | None:
    """The first failure among answers; None when all succeeded."""
    return next((answer for answer in answers if isinstance(answer, TaggerError)), None)


def stack_scores(rows: Sequence[npt.NDArray[np.float32]], facts: ModelFacts) -> npt.NDArray[np.float32]:
    """Rows of [C + T] → [N, C + T]; of no rows too."""
    return np.stack(rows) if rows else np.zeros((0, facts.score_count), dtype=np.float32)
