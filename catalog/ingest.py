"""First pass over a catalogue: reads, rejects, cleans, and keeps of each product only numbers.

The cleaned texts go to a spool file on disk; what later steps decide on (splits, weights, tags) is kept in compact
arrays, about 200 bytes a product with what it is grouped by.
"""

from __future__ import annotations

import hashlib
import json
import logging
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.cleaning import clean_text
from catalog.grouping import ProductKeys
from catalog.language import name_language
from catalog.languages import Languages
from catalog.lines import LineCounts
from catalog.look_alikes import look_alikes
from catalog.prepared import SPLITS
from catalog.readers import read_products
from catalog.spelling import clean_name, hint, label_id
from catalog.taxonomy import Taxonomy
from product_tagger_files import Continuation, Note, Notes, Product, ReadOptions, Reject, Row, settle_paths

logger = logging.getLogger(__name__)

PROGRESS_ROWS = 100_000
MOST_HINTS = 100
_BATCH = 256
_NAN = float("nan")
_AS_JSON = json.JSONEncoder(ensure_ascii=False).encode
"""So many unknown categories are told with the known one that is nearest."""


class TextSink(Protocol):
    """Something that lines can be written to."""

    def write(self, text: str, /) -> int:
        """Takes a piece of text."""


class _Accepted(NamedTuple):
    """What languages and groups are told by, of a product that was accepted."""

    title: str
    text: str
    lang: str | None
    group: str | None


class Labels:
    """Numbers the categories or tags of a catalogue in the order they turn up.

    Attributes:
        ids: Number → label id.
    """

    def __init__(self) -> None:
        """Starts without any label."""
        self.ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._words: dict[str, int | None] = {}
        self._uses: Counter[str] = Counter()

    def number(self, word: str, label: str | None = None) -> int | None:
        """Returns a word's number, or None where nothing of the word can be seen.

        Args:
            word: As the catalogue writes it.
            label: Its id where a taxonomy gives it.
        """
        if word not in self._words:
            self._words[word] = self._number_of(label or label_id(word))
        self._uses[word] += 1
        return self._words[word]

    def _number_of(self, label: str) -> int | None:
        if not label:
            return None
        number = self._numbers.setdefault(label, len(self.ids))
        if number == len(self.ids):
            self.ids.append(label)
        return number

    @property
    def words(self) -> list[str]:
        """The different words, as the catalogue writes them."""
        return list(self._words)

    def rewritten(self, words: Mapping[str, str]) -> tuple[Labels, NDArray[np.uint32]]:
        """Returns these labels with some of their words replaced, and [K] the new number of each old one.

        Args:
            words: Word → what it means. Words that come to mean the same are one label.
        """
        labels, moved = Labels(), np.zeros(len(self.ids), dtype=np.uint32)
        for word, number in self._words.items():
            meant = words.get(word, word)
            now = labels._number_of(label_id(meant))
            labels._words[meant] = now
            labels._uses[meant] += self._uses[word]
            if number is not None and now is not None:
                moved[number] = now
        return labels, moved

    @property
    def spellings(self) -> dict[str, str]:
        """Label id → how the catalogue mostly writes it; of equally frequent spellings the first."""
        uses: Counter[tuple[int, str]] = Counter()
        for word, number in self._words.items():
            if number is not None:
                uses[number, clean_name(word)] += self._uses[word]
        spellings: dict[str, str] = {}
        for (number, name), _ in uses.most_common():
            spellings.setdefault(self.ids[number], name)
        return spellings


class Ingest:
    """The accepted products of a catalogue, and what was rejected.

    Attributes:
        language_numbers: [N] indices into `languages`; known after `settle`.
    """

    def __init__(self, spool: IO[str], keys: ProductKeys, rejects: TextSink, taxonomy: Taxonomy | None) -> None:
        """Starts with no product.

        Args:
            spool: Where the cleaned texts go, one unfinished JSON object a line.
            keys: Takes what products are grouped by.
            rejects: Where rejects go as JSON lines.
            taxonomy: Categories outside it are rejected and tags outside it left out; None accepts every word.
        """
        self._spool = spool
        self._keys = keys
        self._rejects = rejects
        self._taxonomy = taxonomy
        self._seen: set[int] = set()
        self._hints: dict[str, str] = {}
        self.categories = Labels()
        self.tags = Labels()
        self.rows_read: Counter[str] = Counter()
        self.rows_rejected: Counter[str] = Counter()
        self.reject_reasons: Counter[str] = Counter()
        self.unknown_tags: Counter[str] = Counter()
        self.notes = Notes()
        self.line_counts = LineCounts()
        self._spoken = Languages()
        self._waiting: list[_Accepted] = []
        self._ids = array("Q")
        self._parts = array("b")
        self._lines = array("Q")
        self._category_numbers = array("I")
        self.language_numbers: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._views, self._clicks, self._purchases = array("f"), array("f"), array("f")
        self._tag_numbers = array("I")
        self._tag_counts = array("H")

    def read(self, part: str, path: Path, options: ReadOptions) -> None:
        """Reads one file into a part (`train`, `validation` or `test`).

        Raises:
            CatalogError: The file can't be read at all.
        """
        number = SPLITS.index(part)
        for row, item in read_products(path, options, notes=self.notes):
            if item is None or isinstance(item, Continuation):
                self.line_counts.add(row, item)
                continue
            self.rows_read[part] += 1
            if self.rows_read[part] % PROGRESS_ROWS == 0:
                told = f"{self.rows_read[part]:,}", f"{self.rows_rejected[part]:,}"
                logger.info("%s: %s rows read, %s rejected", path.name, *told)
            rejected = item if isinstance(item, Reject) else self._accept(item, number, path.name, row)
            self.line_counts.add(row, rejected or item)
            if rejected is not None:
                self._reject(part, rejected)
        self._take_waiting()

    @property
    def reject_share(self) -> float:
        """Share of the rejects: of the rows or of their lines, whichever is larger."""
        rows = sum(self.rows_rejected.values()) / max(1, sum(self.rows_read.values()))
        return max(rows, self.line_counts.reject_share)

    def settle(self) -> None:
        """Decides, once all files are read, what a row alone can't tell: its language, and what its category means."""
        self.language_numbers = self._spoken.decide()
        self._settle_categories()

    def _settle_categories(self) -> None:
        """Decides which categories are the same path in other notations.

        With a taxonomy there is nothing to decide: it says which paths there are.
        """
        if self._taxonomy is not None:
            return
        paths = settle_paths(self.categories.words)
        if paths:
            self.categories, moved = self.categories.rewritten(paths)
            self._category_numbers = array("I", moved[self.category_numbers].tobytes())
        for spelling in paths:
            self.notes.add(Note.SETTLED_PATH, "category", spelling)

    def _accept(self, product: Product, part: int, file: str, row: Row) -> Reject | None:
        key = int.from_bytes(hashlib.blake2b(product.id.encode(), digest_size=8).digest(), "little")
        if key in self._seen:
            return _rejected(product, file, row, "duplicate id", f"id {product.id!r} stands in an earlier row")
        category = product.category or ""
        label = None
        if self._taxonomy is not None:
            label = self._taxonomy.find_category(category)
            if label is None:
                detail = f"category {category!r} is not in the taxonomy{self._hint(category, self._taxonomy)}"
                return _rejected(product, file, row, "unknown category", detail)
        raw = product.raw_text
        text = clean_text(raw)
        if not text:
            return _rejected(product, file, row, "no text is left after cleaning", "nothing but clutter in the text")
        category_number = self.categories.number(category, label)
        if category_number is None:
            return _rejected(product, file, row, "no category", f"nothing can be seen of the category {category!a}")
        self._seen.add(key)
        self._ids.append(key)
        self._parts.append(part)
        self._lines.append(row.line)
        self._category_numbers.append(category_number)
        for values, value in (
            (self._views, product.views), (self._clicks, product.clicks), (self._purchases, product.purchases),
        ):  # fmt: skip
            values.append(_NAN if value is None else min(value, 1e30))
        self._add_tags(product.tags)
        self._spool.write(f'{{"id": {_AS_JSON(product.id)}, "text": {_AS_JSON(text)}\n')
        title = text if raw == product.title else clean_text(product.title)
        self._waiting.append(_Accepted(title, text, product.lang, product.group))
        if len(self._waiting) == _BATCH:
            self._take_waiting()
        return None

    def _take_waiting(self) -> None:
        """Tells languages, then reads titles: one after the other takes a fifth less than both for each product."""
        for product in self._waiting:
            self._spoken.add(product.text, product.lang)
        for product in self._waiting:
            self._keys.add(product.title, product.text, product.group)
        self._waiting.clear()

    def _hint(self, category: str, taxonomy: Taxonomy) -> str:
        """The nearest category, of the first unknown ones only: in a large taxonomy it takes a tenth of a second."""
        if category not in self._hints and len(self._hints) < MOST_HINTS:
            self._hints[category] = hint(category, (word for entry in taxonomy.tree for word in entry.words))
        return self._hints.get(category, "")

    def _add_tags(self, tags: tuple[str, ...]) -> None:
        numbers: list[int] = []
        for tag in tags:
            label = None
            if self._taxonomy is not None:
                label = self._taxonomy.find_tag(tag)
                if label is None:
                    self.unknown_tags[tag] += 1
                    continue
            number = self.tags.number(tag, label)
            if number is not None:
                numbers.append(number)
        unique = list(dict.fromkeys(numbers))[:65535]
        self._tag_numbers.extend(unique)
        self._tag_counts.append(len(unique))

    def _reject(self, part: str, reject: Reject) -> None:
        self.rows_rejected[part] += 1
        self.reject_reasons[reject.reason] += 1
        write_reject(self._rejects, reject)

    def __len__(self) -> int:
        """Number of accepted products."""
        return len(self._ids)

    @property
    def ids(self) -> NDArray[np.uint64]:
        """[N] hashes of the product ids."""
        return np.array(self._ids, dtype=np.uint64)

    @property
    def parts(self) -> NDArray[np.int8]:
        """[N] the source's own part, an index into SPLITS."""
        return np.array(self._parts, dtype=np.int8)

    @property
    def lines(self) -> NDArray[np.int64]:
        """[N] line number within the file, from 1."""
        return np.array(self._lines, dtype=np.int64)

    @property
    def category_numbers(self) -> NDArray[np.int64]:
        """[N] indices into `categories.ids`."""
        return np.array(self._category_numbers, dtype=np.int64)

    @property
    def languages(self) -> list[str]:
        """Codes of the languages that occur; products without letters are in `und`."""
        return self._spoken.codes

    @property
    def category_names(self) -> dict[str, dict[str, str]]:
        """Category id → language → the catalogue's own name for it."""
        return _names(self.categories, self.category_numbers, self.language_numbers, self.languages)

    @property
    def tag_names(self) -> dict[str, dict[str, str]]:
        """Tag id → language → the catalogue's own name for it."""
        numbers, starts = self.tag_numbers
        return _names(self.tags, numbers, np.repeat(self.language_numbers, np.diff(starts)), self.languages)

    def look_alikes(self) -> dict[str, list[tuple[str, str]]]:
        """Kind of label → pairs of ids that may mean the same; none with a taxonomy, which says what is one."""
        if self._taxonomy is not None:
            return {"categories": [], "tags": []}
        kinds = {"categories": (self.categories, self.category_numbers), "tags": (self.tags, self.tag_numbers[0])}
        return {
            kind: look_alikes(
                dict(zip(labels.ids, np.bincount(numbers, minlength=len(labels.ids)).tolist(), strict=True))
            )
            for kind, (labels, numbers) in kinds.items()
        }

    @property
    def behaviour(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Views, clicks and purchases, [N] each; NaN where unknown."""
        return (
            np.array(self._views, dtype=np.float32),
            np.array(self._clicks, dtype=np.float32),
            np.array(self._purchases, dtype=np.float32),
        )

    @property
    def tag_numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices into `tags.ids` of all products one after the other, and [N + 1] where each product's start."""
        counts = np.array(self._tag_counts, dtype=np.int64)
        return np.array(self._tag_numbers, dtype=np.int64), np.concatenate(([0], np.cumsum(counts)))


def _names(
    labels: Labels, numbers: NDArray[np.int64], spoken: NDArray[np.int64], languages: Sequence[str]
) -> dict[str, dict[str, str]]:
    """What labels are called, each in the language of the products that carry it.

    Args:
        labels: The categories or tags.
        numbers: [K] indices into `labels.ids`, one for each label that a product carries.
        spoken: [K] indices into `languages` of these products.
        languages: Language codes.
    """
    pairs, counts = np.unique(numbers * len(languages) + spoken, return_counts=True)
    by_label: dict[str, list[str]] = {}
    for pair in pairs[np.argsort(-counts, kind="stable")].tolist():
        number, language = divmod(pair, len(languages))
        by_label.setdefault(labels.ids[number], []).append(languages[language])
    return {label: {name_language(name, by_label.get(label, ())): name} for label, name in labels.spellings.items()}


def write_reject(stream: TextSink, reject: Reject) -> None:
    """Writes one line of rejects.jsonl; values JSON does not know are written as text."""
    stream.write(json.dumps(reject.to_json(), ensure_ascii=True, default=str) + "\n")


def _rejected(product: Product, file: str, row: Row, reason: str, detail: str) -> Reject:
    read = {"id": product.id, "title": product.title, "description": product.description, "category": product.category}
    return Reject(file, row.line, reason, detail, read, row.lines, product.id)
