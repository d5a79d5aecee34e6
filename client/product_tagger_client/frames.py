"""Data frames of products in, data frames of answers out: pandas' and polars', neither of which the client needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from product_tagger_files import Notes, RowError, product_from_row
from product_tagger_files.aliases import likely_columns

from .errors import InvalidTextError, TaggerError
from .results import TaggedProduct

_FIELDS = ("title", "description", "attributes")
_NAMES = 50


def read_texts(frame: Any, columns: Mapping[str, str]) -> list[str | InvalidTextError]:
    """The text of each row, as training saw it, or why it has none.

    Args:
        frame: Of pandas or polars.
        columns: `title`, `description` or `attributes` → the frame's own column name; one not named keeps its own.

    Raises:
        TypeError: It is no data frame.
        ValueError: It lacks a column.
    """
    library = library_of(frame)
    names = _column_names(frame, columns)
    cells = {field: _cells(frame[name], library) for field, name in names.items()}
    notes = Notes()
    texts: list[str | InvalidTextError] = []
    for place, row in enumerate(zip(*cells.values(), strict=True)):
        try:
            product = product_from_row(
                dict(zip(cells, row, strict=True)), default_id=str(place), require_category=False, notes=notes
            )
            texts.append(product.raw_text)
        except RowError as error:
            texts.append(InvalidTextError(error.detail, index=place))
    return texts


def library_of(frame: Any) -> str:
    """`pandas` or `polars`.

    Raises:
        TypeError: The frame is of neither, or one of polars that is not computed yet.
    """
    kind = type(frame)
    name = kind.__module__.partition(".")[0]
    if name not in ("pandas", "polars") or kind.__name__ != "DataFrame":
        hint = ": call collect() on it" if kind.__name__ == "LazyFrame" else ""
        raise TypeError(f"a DataFrame of pandas or polars is expected, not a {name}.{kind.__name__}{hint}")
    return name


def write_answers(frame: Any, answers: Sequence[TaggedProduct | TaggerError], *, with_names: bool) -> Any:
    """A frame with a row for each row of `frame`, in its order; one of pandas has its index.

    Args:
        frame: The products.
        answers: One a row.
        with_names: Whether there are columns for display names.
    """
    columns: dict[str, tuple[str, list[Any]]] = {
        "category": ("text", [_of(answer, "category") for answer in answers]),
        "category_score": ("number", [_of(answer, "category_score") for answer in answers]),
        "tags": ("texts", [_of_tags(answer, "name") for answer in answers]),
        "tag_scores": ("numbers", [_of_tags(answer, "score") for answer in answers]),
        "truncated": ("truth", [_of(answer, "truncated") for answer in answers]),
        "error": ("text", [str(answer) if isinstance(answer, TaggerError) else None for answer in answers]),
    }
    if with_names:
        columns["category_display_name"] = ("text", [_of(answer, "category_display_name") for answer in answers])
        columns["tag_display_names"] = ("texts", [_of_tags(answer, "display_name") for answer in answers])
    name = library_of(frame)
    library = importlib.import_module(name)
    if name == "polars":
        text, number = library.String, library.Float64
        kinds = {"text": text, "number": number, "truth": library.Boolean}
        kinds |= {"texts": library.List(text), "numbers": library.List(number)}
        schema = {column: kinds[kind] for column, (kind, _) in columns.items()}
        return library.DataFrame({column: values for column, (_, values) in columns.items()}, schema=schema)
    kinds = {"text": "string", "number": "float64", "truth": "boolean", "texts": "object", "numbers": "object"}
    return library.DataFrame(
        {
            column: library.Series(values, index=frame.index, dtype=kinds[kind])
            for column, (kind, values) in columns.items()
        },
        index=frame.index,
    )


def _column_names(frame: Any, columns: Mapping[str, str]) -> dict[str, str]:
    """Field → the frame's column, of the fields that it has."""
    unknown = [field for field in columns if field not in _FIELDS]
    if unknown:
        raise ValueError(f"columns names {unknown[0]!r}; a text is made of {', '.join(_FIELDS)}")
    present = list(frame.columns)
    names = {field: columns.get(field, field) for field in _FIELDS if field in columns or field in present}
    told = f"its columns are {', '.join(map(str, present[:_NAMES]))}{', …' if present[_NAMES:] else ''}"
    for field, name in names.items():
        if present.count(name) != 1:
            wrong = "no column" if name not in present else "more than one column"
            raise ValueError(f"the data frame has {wrong} {name!r}, the {field}; {told}")
    if "title" not in names and "description" not in names:
        likely = likely_columns([str(name) for name in present], {"title": "title"})
        raise ValueError(
            f"the data frame has neither a column 'title' nor 'description'; {told}: give for instance columns={likely}"
        )
    return names


def _cells(column: Any, library: str) -> list[Any]:
    """The column's values, None where one is missing in whichever way the library writes that."""
    if library == "polars":
        values: list[Any] = column.to_list()
        return values
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]


def _of(answer: TaggedProduct | TaggerError, attribute: str) -> Any:
    return getattr(answer, attribute) if isinstance(answer, TaggedProduct) else None


def _of_tags(answer: TaggedProduct | TaggerError, attribute: str) -> list[Any] | None:
    return [getattr(tag, attribute) for tag in answer.tags] if isinstance(answer, TaggedProduct) else None
