"""Rows of an Excel workbook: its first sheet that has any."""

from __future__ import annotations

import datetime
import logging
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from product_tagger_files.containers import MOST_UNPACKED
from product_tagger_files.errors import FileError
from product_tagger_files.rows import Row, Table

logger = logging.getLogger(__name__)


def open_xlsx(path: Path) -> Table:
    """Reads the sheet's header, its first row that is not empty.

    Raises:
        FileError: The package python-calamine is missing, or this is no workbook with a header.
    """
    try:
        import python_calamine
    except ImportError as error:
        raise FileError(
            f"{path} needs the package python-calamine, which can't be loaded ({error}): install it, or save the "
            "workbook as CSV UTF-8"
        ) from error
    _require_measure(path)
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(path)
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
    except (python_calamine.CalamineError, zipfile.BadZipFile) as error:
        raise _broken(path, error) from error
    filled = [sheet for sheet in sheets if sheet.height]
    if not filled:
        raise FileError(f"{path} has no sheet with a row in it; its first row must name the columns")
    sheet = filled[0]
    if len(filled) > 1:
        others = ", ".join(other.name for other in filled[1:])
        logger.warning("%s: only the sheet %s is read, not %s", path.name, sheet.name, others)
    start = sheet.start[0] if sheet.start else 0
    rows: Iterator[list[Any]] = iter(sheet.iter_rows())
    header = tuple(" ".join(str(cell).split()) for cell in next(rows))
    return Table(header, lambda needed: _rows(rows, header, start, needed))


def _rows(
    rows: Iterator[list[Any]], header: tuple[str, ...], start: int, needed: Collection[str] | None
) -> Iterator[Row]:
    wanted = [(name, place) for place, name in enumerate(header) if needed is None or name in needed]
    yield Row(1, None, start + 1)
    for number, cells in enumerate(rows, start + 2):
        if all(cell == "" for cell in cells):
            yield Row(number, None)
        else:
            yield Row(number, {name: _value(cells[place]) for name, place in wanted})


def _value(cell: Any) -> Any:
    """A cell as a product's fields take it: Excel has every number as a float, and no missing cells."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e16:
        return int(cell)
    if isinstance(cell, (datetime.date, datetime.time, datetime.timedelta, bool)):
        return str(cell)
    return cell


def _require_measure(path: Path) -> None:
    """Refuses a workbook that would unpack to more than memory should take; it is read as a whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise _broken(path, error) from error
    if size > MOST_UNPACKED:
        raise FileError(f"{path} unpacks to {size >> 20:,} MiB, too much for a workbook: save it as CSV UTF-8")


def _broken(path: Path, error: Exception) -> FileError:
    return FileError(f"{path} is not a whole Excel workbook ({error}): save it again as .xlsx, or as CSV UTF-8")
