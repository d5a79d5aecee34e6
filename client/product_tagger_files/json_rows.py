"""Rows of JSON: one object a line, or an array of objects in whatever layout."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from product_tagger_files.encodings import shown, undecodable
from product_tagger_files.errors import FileError, RowError
from product_tagger_files.lines import MOST_CHARACTERS, Lines, is_piece, too_long
from product_tagger_files.rows import Row, Table

_CHUNK = 1 << 16
_SHOWN = 2000
_ARRAY = re.compile(r"\s*\[\s*(?:\{|$)")
_LAYOUT = re.compile(r"[\s,]*")
_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_END = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)
_VALUE_END = re.compile(r"(?=[,\]\s])")


def open_json(text: io.TextIOWrapper, path: Path) -> Table:
    """Tells by its beginning whether a file is an array of objects, objects over several lines, or one a line."""
    lines = Lines(text)
    taken: list[str] = []
    while not taken or not taken[-1].strip():
        if not (line := lines.take()):
            break
        taken.append(line)
    first = taken[-1] if taken else ""
    if _ARRAY.match(first) and not _is_one_of_lines(first, taken, lines):
        return Table(None, _Values(text, path, "".join(taken), is_array=True).rows)
    if first.strip() == "{" and not _next_line(taken, lines).lstrip().startswith("{"):
        return Table(None, _Values(text, path, "".join(taken), is_array=False).rows)
    lines.give_back(taken)
    return Table(None, lambda _needed: _rows_of_lines(lines))


def _is_one_of_lines(first: str, taken: list[str], lines: Lines) -> bool:
    """Whether a line that looks like the beginning of an array is a whole value, with others below it."""
    if is_piece(first) or not _next_line(taken, lines).strip():
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _next_line(taken: list[str], lines: Lines) -> str:
    line = lines.take()
    if line:
        taken.append(line)
    return line


def _rows_of_lines(lines: Lines) -> Iterator[Row]:
    while line := lines.take():
        if is_piece(line):
            start, number = shown(line[:_SHOWN]), lines.taken + 1
            while is_piece(line):
                line = lines.take()
            yield Row(number, None, 1, too_long(), start)
            continue
        number = lines.taken
        if not line.strip():
            yield Row(number, None)
            continue
        error = undecodable(line, lines.encoding)
        values: Any = None
        if error is None:
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as problem:
                error = RowError("broken JSON", f"the line is not JSON: {problem}")
        if error is None:
            error = _not_an_object(values, "line")
        if error is None:
            yield Row(number, values)
        else:
            yield Row(number, None, 1, error, shown(line[:_SHOWN]))


def _not_an_object(value: Any, place: str) -> RowError | None:
    if isinstance(value, dict):
        return None
    return RowError("not an object", f"the {place} is a JSON {type(value).__name__}, not an object")


class _Values:
    """JSON values between the brackets of an array, or one behind the other; only one is in memory at a time."""

    def __init__(self, text: io.TextIOWrapper, path: Path, start: str, *, is_array: bool) -> None:
        self._text = text
        self._path = path
        self._buffer = start
        self._is_array = is_array
        self._place = start.index("[") + 1 if is_array else 0
        self._line = 1
        self._decoder = json.JSONDecoder()

    def rows(self, _needed: object = None) -> Iterator[Row]:
        """Gives each value a number; a broken one is an error of its own.

        Raises:
            FileError: A value, or the array, is not closed.
        """
        number = 0
        while self._to_next():
            number += 1
            yield self._row(number)
        if self._is_array and (self._buffer[self._place + 1 :] + self._text.read(_CHUNK)).strip():
            raise FileError(f"{self._path}: something follows the array that ends in line {self._line}: remove it")

    def _to_next(self) -> bool:
        """Goes to the next value; false at the end of the array or file."""
        while True:
            match = _LAYOUT.match(self._buffer, self._place)
            self._advance(match.end() if match else self._place)
            if self._place < len(self._buffer):
                return not (self._is_array and self._buffer[self._place] == "]")
            if not self._read_on():
                if self._is_array:
                    raise FileError(
                        f"{self._path} ends before its array does, in line {self._line}: it was cut off; write or "
                        "download it again"
                    )
                return False

    def _row(self, number: int) -> Row:
        line = self._line
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._place)
                if end < len(self._buffer) or isinstance(value, (dict, list, str)):
                    break
                problem: Exception | None = None
            except (ValueError, RecursionError) as error:
                problem = error
                value_end = self._end_of_value()
                if value_end is not None:
                    return self._broken(number, line, value_end, problem)
            if len(self._buffer) - self._place > MOST_CHARACTERS:
                return self._long(number)
            if not self._read_on():
                if problem is None:
                    break
                raise FileError(
                    f"{self._path}: the value that begins in line {line} is not closed ({problem}): mend it, or "
                    "download the file again"
                )
        text = self._buffer[self._place : end]
        error_found = undecodable(text, self._text.encoding) or _not_an_object(value, f"value in line {line}")
        self._advance(end)
        if error_found is not None:
            return Row(number, None, 1, error_found, shown(text[:_SHOWN]))
        return Row(number, value)

    def _broken(self, number: int, line: int, end: int, problem: Exception) -> Row:
        text = self._buffer[self._place : min(end, self._place + _SHOWN)]
        self._advance(end)
        told = problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem)
        error = RowError("broken JSON", f"the value that begins in line {line} is not JSON: {told}")
        return Row(number, None, 1, error, shown(text))

    def _long(self, number: int) -> Row:
        """Passes over a value with too many characters, in pieces."""
        text = shown(self._buffer[self._place : self._place + _SHOWN])
        depth = 0
        while True:
            end, depth = self._scan(self._place, depth)
            if end is not None:
                self._advance(end)
                return Row(number, None, 1, too_long(), text)
            # The last characters may be the beginning of a string; all before is done with.
            rest = self._unfinished
            self._advance(rest)
            if len(self._buffer) - self._place > MOST_CHARACTERS or not self._read_on():
                raise FileError(f"{self._path}: the value no. {number} is not closed, or too long: mend it")

    def _end_of_value(self) -> int | None:
        """Where the value at this place ends, by its brackets; None if the end is not in the buffer yet."""
        if self._buffer[self._place] not in '{["':
            match = _VALUE_END.search(self._buffer, self._place + 1)
            return match.start() if match else None
        return self._scan(self._place, 0)[0]

    def _scan(self, place: int, depth: int) -> tuple[int | None, int]:
        """Follows brackets and strings until all are closed; `_unfinished` is where it had to stop."""
        while True:
            match = _STRUCTURE.search(self._buffer, place)
            if match is None:
                self._unfinished = len(self._buffer)
                return None, depth
            char, place = match[0], match.end()
            if char == '"':
                string = _STRING_END.match(self._buffer, place)
                if string is None:
                    self._unfinished = match.start()
                    return None, depth
                place = string.end()
            else:
                depth += 1 if char in "{[" else -1
            if depth <= 0:
                return place, 0

    def _advance(self, place: int) -> None:
        self._line += self._buffer.count("\n", self._place, place)
        self._place = place

    def _read_on(self) -> bool:
        """Reads as much again as is waiting, so that a long value is looked at only a few times."""
        block = self._text.read(max(_CHUNK, len(self._buffer) - self._place))
        self._buffer = self._buffer[self._place :] + block
        self._place = 0
        return bool(block)
