"""What reading a file told beside its products and rejects: cells taken as missing, cleaned, or read by a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any


class Note(Enum):
    """What happened to a cell that did not cost the row."""

    MISSING = "Missing, written as a word"
    NO_COUNT = "Not a count, taken as missing"
    EXCEL_ID = "Rounded to Excel's notation, taken as missing"
    HALF_CHARACTERS = "NUL or half characters, removed"
    MORE_PATHS = "Several category paths, the first taken"
    SETTLED_PATH = "Spellings read as a category path, as the others show"


_ADVICE = {
    Note.NO_COUNT: "A count is a number such as 1200, 1,200, 1.2k or 1万.",
    Note.EXCEL_ID: (
        "Excel turned long numbers into notation such as 6.94E+12, and the digits are lost. These products are kept "
        "as FILE:LINE. Export the file again, and import the column into Excel as text."
    ),
}
_EXAMPLES = 3
_SHOWN = 40


class Notes:
    """What was noted of one or more files: cells by kind and field, with the first few different values.

    Attributes:
        continuations: Rows that only continued a product: variants, pictures, store views.
    """

    def __init__(self) -> None:
        """Starts without any."""
        self._counts: Counter[tuple[Note, str]] = Counter()
        self._examples: dict[tuple[Note, str], list[str]] = {}
        self._exports: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._encodings: dict[str, str] = {}
        self.continuations = 0

    def add(self, note: Note, field: str, value: Any) -> None:
        """Counts one cell of a product field."""
        key = (note, field)
        self._counts[key] += 1
        examples = self._examples.setdefault(key, [])
        if len(examples) < _EXAMPLES and (text := shown(value, _SHOWN)) not in examples:
            examples.append(text)

    def count(self, note: Note, field: str | None = None) -> int:
        """How many cells were noted so, of one field or of all."""
        return sum(n for (kind, name), n in self._counts.items() if kind is note and field in (None, name))

    def recognised(self, file: str, export: str, sources: Mapping[str, str]) -> None:
        """Keeps that a file is a shop system's export, and which columns the product fields come from."""
        self._exports[file] = export, sources

    def decoded(self, file: str, encoding: str) -> None:
        """Keeps that a file is not in UTF-8."""
        self._encodings[file] = encoding

    def __bool__(self) -> bool:
        return bool(self._counts)

    def to_json(self) -> dict[str, dict[str, int]]:
        """Kind → field → number of cells."""
        found: dict[str, dict[str, int]] = {}
        for note, field, count in self._sorted():
            found.setdefault(note.name.lower(), {})[field] = count
        return found

    def sentences(self) -> list[str]:
        """One line for each kind: the fields with their cells, the first different values, and what to do."""
        lines = [f"{file} is read in the encoding {encoding}." for file, encoding in self._encodings.items()]
        for file, (export, sources) in self._exports.items():
            origins = "; ".join(f"{field}: {columns}" for field, columns in sources.items())
            lines.append(f"{file} is read as an export of {export} ({origins}).")
        for note in Note:
            fields = [
                f"{field} {count:,} ({', '.join(self._examples[note, field])})"
                for kind, field, count in self._sorted()
                if kind is note
            ]
            if fields:
                lines.append(" ".join((f"{note.value}: {'; '.join(fields)}.", _ADVICE.get(note, ""))).rstrip())
        return lines

    def _sorted(self) -> Iterator[tuple[Note, str, int]]:
        order = list(Note)
        for (note, field), count in sorted(
            self._counts.items(), key=lambda entry: (order.index(entry[0][0]), -entry[1], entry[0][1])
        ):
            yield note, field, count


def shown(value: Any, length: int = 60) -> str:
    """A value for a sentence, cut to so many characters; anything is taken, integers of any length too."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= length else text[: length - 3] + "..."
