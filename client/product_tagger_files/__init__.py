"""Reads product files as shops write them, row by row. The catalogue stage and the client's `tag --file` share it.

It needs the standard library only, and pyarrow for Parquet files.

    tables.py      opens a file of any format as a Table: its columns and its Rows
    containers.py  what the file is packed in; delimited.py, json_lines.py, parquet.py: the formats
    fields.py      makes a Product of a row's cells, with tags.py, attributes.py, counts.py, paths.py, lists.py
    shops/         the columns of shops' systems; exports.py reads a file by them
    aliases.py     which column may be meant: for advice
    missing.py     words that mean "none"; notes.py counts them, and what else was done to cells
    products.py    the whole: a file as Products and Rejects
"""

from product_tagger_files.containers import EXTENSIONS, file_format
from product_tagger_files.errors import FileError, RowError
from product_tagger_files.exports import EXPORT_FORMATS, Continuation, ExportFormat
from product_tagger_files.fields import FIELDS, product_from_row
from product_tagger_files.notes import Note, Notes
from product_tagger_files.paths import path_readings, settle_paths
from product_tagger_files.products import TEXT_FIELDS, ReadOptions, Reject, read_products
from product_tagger_files.record import Product, raw_text
from product_tagger_files.rows import Row
from product_tagger_files.tables import estimate_rows

__all__ = [
    "EXPORT_FORMATS",
    "EXTENSIONS",
    "FIELDS",
    "TEXT_FIELDS",
    "Continuation",
    "ExportFormat",
    "FileError",
    "Note",
    "Notes",
    "Product",
    "ReadOptions",
    "Reject",
    "Row",
    "RowError",
    "estimate_rows",
    "file_format",
    "path_readings",
    "product_from_row",
    "raw_text",
    "read_products",
    "settle_paths",
]
