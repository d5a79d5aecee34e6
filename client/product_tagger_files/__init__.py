"""Reads product files as shops write them, row by row. The catalogue stage and the client's `tag --file` share it.

It needs the standard library only, and pyarrow for Parquet files.
"""

from product_tagger_files.errors import FileError
from product_tagger_files.readers import EXTENSIONS, Reject, file_format, read_products
from product_tagger_files.record import Product, raw_text

__all__ = ["EXTENSIONS", "FileError", "Product", "Reject", "file_format", "raw_text", "read_products"]
