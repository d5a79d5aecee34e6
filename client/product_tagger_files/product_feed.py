"""Rows of a product feed in XML: RSS with an `item`, or Atom with an `entry`, for each product.

Google Merchant Center takes such feeds, and shops' systems write them: `<item><g:id>1</g:id><title>Oak</title>…`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from product_tagger_files.errors import FileError
from product_tagger_files.rows import Row, Table

COLUMNS = (
    "id", "item_group_id", "title", "description", "link", "image_link", "availability", "condition", "price", "gtin",
    "mpn", "product_type", "google_product_category", "brand", "color", "size", "material", "pattern", "gender",
    "age_group", "size_type", "size_system",
)  # fmt: skip
"""What is read of an item, by the feed's names without their namespace."""

_BLOCK = 1 << 16
_ITEMS = frozenset(("item", "entry"))
_OTHER_NAMES = {"summary": "description", "content": "description"}
_MOST_DEPTH = 50
_LONGEST_TAG = 1 << 20
_MOST_CHARACTERS = 1 << 22  # of an item; the server cuts texts far sooner


def open_product_feed(stream: IO[bytes], path: Path) -> Table:
    """Opens a feed; its rows are its items, counted from 1.

    Args:
        stream: The file's bytes, in an encoding that the XML declares.
        path: Its name, for errors.
    """
    return Table(COLUMNS, lambda _needed: _Items(path).read(stream))


class _Items:
    """Gathers the items as the parser comes across them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._depth = 0
        self._item_depth: int | None = None
        self._item: dict[str, Any] = {}
        self._field: str | None = None
        self._parts: list[str] = []
        self._characters = 0
        self._done: list[dict[str, Any]] = []

    def read(self, stream: IO[bytes]) -> Iterator[Row]:
        number = read = 0
        while True:
            block = stream.read(_BLOCK)
            read += len(block)
            try:
                self._parser.Parse(block, not block)
            except expat.ExpatError as error:
                raise FileError(f"{self._path} is not whole XML ({error}): write or download it again") from error
            if read - self._parser.CurrentByteIndex > _LONGEST_TAG:
                raise FileError(f"{self._path} is no product feed: it has a tag of over {_LONGEST_TAG >> 20} MiB")
            for item in self._done:
                number += 1
                yield Row(number, item)
            self._done.clear()
            if not block:
                break
        if not number:
            raise FileError(f"{self._path} holds no product: a feed has an <item> or <entry> for each")

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise FileError(f"{self._path}: elements are nested more than {_MOST_DEPTH} deep; that is no product feed")
        local = name.rpartition(" ")[2].lower()
        if self._item_depth is None:
            if local in _ITEMS:
                self._item_depth, self._item, self._characters = self._depth, {}, 0
        elif self._depth == self._item_depth + 1:
            field = _OTHER_NAMES.get(local, local)
            self._field = field if field in COLUMNS and field not in self._item else None
            self._parts = []

    def _text(self, text: str) -> None:
        if self._field is not None and self._characters < _MOST_CHARACTERS:
            self._characters += len(text)
            self._parts.append(text)

    def _end(self, _name: str) -> None:
        if self._item_depth is not None:
            if self._depth == self._item_depth + 1 and self._field is not None:
                self._item[self._field] = "".join(self._parts).strip()
                self._field = None
            elif self._depth == self._item_depth:
                self._done.append(self._item)
                self._item_depth = None
        self._depth -= 1

    def _refuse_doctype(self, *_declaration: Any) -> None:
        # Entities that a document declares itself may grow without measure, or name other files.
        raise FileError(f"{self._path} declares a document type, which a product feed has no need of: remove it")
