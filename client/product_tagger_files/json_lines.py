"""Rows of JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO

from product_tagger_files.errors import RowError
from product_tagger_files.rows import Row


def read_json_lines(stream: IO[bytes]) -> Iterator[Row]:
    """Reads one object a line; a broken line is an error of its own."""
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            yield Row(number, None)
            continue
        try:
            values = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            byte = f"byte {error.start + 1} of the line (0x{line[error.start]:02x})"
            problem = RowError("undecodable bytes", f"{byte} is not UTF-8: save the file as UTF-8")
            yield Row(number, None, error=problem, raw=line)
            continue
        except (ValueError, RecursionError) as error:
            yield Row(number, None, error=RowError("broken JSON", f"the line is not JSON: {error}"), raw=line)
            continue
        if isinstance(values, dict):
            yield Row(number, values)
        else:
            problem = RowError("not an object", f"the line is a JSON {type(values).__name__}, not an object")
            yield Row(number, None, error=problem, raw=line)
