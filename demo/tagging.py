"""Asks a running server about products over both protocols, and lays the answers out as a table."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.language import detect_language
from product_tagger_client import ProductTagger, TaggedProduct
from product_tagger_client.terminal import aligned, shorten

TIMES = 5
_TEXT_WIDTH = 46
_TAGS = 3


@dataclass(frozen=True)
class Answer:
    """What the server says of one product.

    Attributes:
        text: The product.
        result: Category and tags.
        milliseconds: Median time of one request, by protocol.
        same: Whether both protocols gave the same answer.
    """

    text: str
    result: TaggedProduct
    milliseconds: dict[str, float]
    same: bool


def ask(texts: Sequence[str], urls: Sequence[str]) -> list[Answer]:
    """Has each text tagged at each address, one at a time; the labels are called what they are in its language.

    Raises:
        TaggerError: There is no answer.
    """
    results: list[dict[str, TaggedProduct]] = [{} for _ in texts]
    times: list[dict[str, float]] = [{} for _ in texts]
    languages = [detect_language(text) for text in texts]
    for url in urls:
        protocol = url.partition(":")[0]
        with contextlib.ExitStack() as stack:
            taggers = {lang: stack.enter_context(ProductTagger(url, lang=lang)) for lang in sorted(set(languages))}
            for tagger in taggers.values():
                tagger.tag(texts[0])  # opens the connection
            for place, (text, language) in enumerate(zip(texts, languages, strict=True)):
                spent = []
                for _ in range(TIMES):
                    began = time.perf_counter()
                    results[place][protocol] = taggers[language].tag(text)
                    spent.append(1000 * (time.perf_counter() - began))
                times[place][protocol] = statistics.median(spent)
    return [
        Answer(text, next(iter(found.values())), spent, _same(list(found.values())))
        for text, found, spent in zip(texts, results, times, strict=True)
    ]


def _same(results: Sequence[TaggedProduct]) -> bool:
    """Scores may differ in the last digits: how a text is batched decides on the order of the sums."""
    first = results[0]
    return all(
        other.category == first.category
        and abs(other.category_score - first.category_score) < 0.01
        and {tag.name for tag in other.tags} == {tag.name for tag in first.tags}
        for other in results
    )


def table(answers: Sequence[Answer]) -> Iterator[str]:
    """The answers as lines of text."""
    protocols = list(answers[0].milliseconds)
    rows = [("PRODUCT", "CATEGORY", "", *(f"{_NAMES[protocol]} ms" for protocol in protocols), "TAGS")]
    for answer in answers:
        tags = [f"{tag.display_name} {tag.score:.2f}" for tag in answer.result.tags[:_TAGS]]
        rest = len(answer.result.tags) - _TAGS
        rows.append(
            (
                shorten(answer.text, _TEXT_WIDTH),
                answer.result.category_display_name or "(none sure)",
                f"{answer.result.category_score:.2f}",
                *(f"{answer.milliseconds[protocol]:.1f}" for protocol in protocols),
                ", ".join(tags) + (f" and {rest} more" if rest > 0 else "") or "-",
            )
        )
    yield from aligned(rows, right=frozenset(range(2, 3 + len(protocols))))


def summary(answers: Sequence[Answer]) -> Iterator[str]:
    """What the answers have in common."""
    for protocol in answers[0].milliseconds:
        middle = statistics.median(answer.milliseconds[protocol] for answer in answers)
        yield f"{_NAMES[protocol]}: {middle:.1f} ms a product, asked one at a time (median)"
    differing = sum(not answer.same for answer in answers)
    yield "Both protocols gave the same answers." if not differing else f"{differing} answers differ by protocol!"


_NAMES = {"grpc": "gRPC", "http": "HTTP"}
