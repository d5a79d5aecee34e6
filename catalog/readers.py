"""Reads a shop's files with `product_tagger_files`, and says in the stage's own error where one can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import product_tagger_files
from product_tagger_files import Continuation, Notes, Product, ReadOptions, Reject, Row
from settings.schema import CatalogSettings
from steps import ProductTaggerError


class CatalogError(ProductTaggerError):
    """A catalogue can't be used; the message says what is wrong, where, and what to do."""


def read_options(settings: CatalogSettings) -> ReadOptions:
    """Returns what the settings say of how files are to be read."""
    return ReadOptions(columns=settings.columns, format=settings.format, encoding=settings.encoding)


def read_products(
    path: Path, options: ReadOptions | None = None, *, text_only: bool = False, notes: Notes | None = None
) -> Iterator[tuple[Row, Product | Reject | Continuation | None]]:
    """Reads a catalogue file; see `product_tagger_files.read_products`.

    Raises:
        CatalogError: The file can't be read at all.
    """
    try:
        yield from product_tagger_files.read_products(path, options, text_only=text_only, notes=notes)
    except product_tagger_files.FileError as error:
        raise CatalogError(str(error)) from error


def file_format(path: Path) -> str:
    """Returns the format that a file's name tells.

    Raises:
        CatalogError: Another ending.
    """
    try:
        return product_tagger_files.file_format(path)
    except product_tagger_files.FileError as error:
        raise CatalogError(str(error)) from error
