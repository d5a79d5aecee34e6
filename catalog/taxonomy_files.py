"""Reads the file that `catalog.taxonomy` names: YAML, or a public taxonomy's text file.

Such a text file has one category a line, as a path: `1 - Animals & Pet Supplies > Live Animals` (Google),
`abcat09 : Appliances > Ranges` (Best Buy, Shopify), or the path alone.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from catalog.labels import Label, TaxonomyError
from catalog.language import name_language
from catalog.spelling import clean_name, label_id
from catalog.taxonomy import Taxonomy
from catalog.tree import MOST_LEVELS
from product_tagger_files.paths import PATH_SEPARATOR

logger = logging.getLogger(__name__)

MOST_BYTES = 1 << 25
MOST_NODES = 100_000
_LONGEST_LINE = 2_000
_ID = re.compile(r"(\d{1,12} -|\S{1,200} :) ")
_ARROW = re.compile(r"\s*>\s*")


def read_taxonomy(path: Path) -> Taxonomy:
    """Reads a taxonomy: from a `.txt` the lines of paths, from a `.json` what a checkpoint has, otherwise YAML.

    Raises:
        TaxonomyError: The file is missing or holds no usable taxonomy; the message names the line.
    """
    if path.suffix == ".txt":
        return read_path_lines(path)
    return Taxonomy.from_json(path) if path.suffix == ".json" else Taxonomy.from_yaml(path)


def read_path_lines(path: Path) -> Taxonomy:
    """Reads one path a line, with or without ids; lines that begin with `#` are comments.

    Without an id a node's id is its folded path. A level that no line names alone becomes a node too. Each node's name
    is its whole path. A second id of the same path, as Best Buy's file has some, is a synonym;
    an id whose last level has no name is left out with a warning.

    Raises:
        TaxonomyError: The file is missing, too large or not UTF-8; a level is empty; a path stands there twice without
            ids, or an id for two paths; or a node lies deeper than MOST_LEVELS.
    """
    lines = _lines(path)
    with_ids = all(_ID.match(line) for _, line in lines)
    ids: dict[str, str] = {}
    names: dict[str, tuple[str, int]] = {}
    given: dict[str, int] = {}
    synonyms: dict[str, list[str]] = {}
    for number, line in lines:
        match = _ID.match(line) if with_ids else None
        levels = [clean_name(level) for level in _ARROW.split(line[match.end() :] if match else line)]
        key, name = label_id(PATH_SEPARATOR.join(levels)), PATH_SEPARATOR.join(levels)
        if match and len(levels) > 1 and not levels[-1]:
            # An export of a node that has no name yet, as in Best Buy's file: nothing can be below it.
            logger.warning("%s:%d: left out, as the last level of %r has no name", path, number, name)
            continue
        if not all(label_id(level) for level in levels):
            raise _unusable(path, number, f"a level of {name!r} is empty: give it a name")
        if len(levels) > MOST_LEVELS:
            raise _unusable(path, number, f"{name!r} lies deeper than {MOST_LEVELS} levels")
        if key in names and match is None:
            raise _unusable(path, number, f"{name!r} stands in line {names[key][1]} too: remove one of the two")
        node = match[1][:-2] if match else key
        if node in given:
            twice = f"the id {node!r} stands in line {given[node]} too, for another path: a node has one parent"
            raise _unusable(path, number, twice)
        given[node] = number
        if key in names:
            synonyms.setdefault(key, []).append(node)
        else:
            ids[key], names[key] = node, (name, number)
    for key, (name, number) in list(names.items()):
        levels, folded = name.split(PATH_SEPARATOR), key.split(PATH_SEPARATOR)
        for end in range(1, len(levels)):
            above = PATH_SEPARATOR.join(folded[:end])
            if above not in ids:
                ids[above] = above
                names[above] = (PATH_SEPARATOR.join(levels[:end]), number)
    labels = (
        Label(
            ids[key],
            {name_language(name): name},
            tuple(synonyms.get(key, ())),
            (),
            ids.get(key.rpartition(PATH_SEPARATOR)[0]),
        )
        for key, (name, _) in names.items()
    )
    try:
        return Taxonomy(tuple(labels))
    except TaxonomyError as error:
        raise TaxonomyError(f"{path} is not a usable taxonomy: {error}") from None


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that name a node, with their numbers from 1."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TaxonomyError(f"{path} is larger than {MOST_BYTES >> 20} MiB: that is no taxonomy")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TaxonomyError(f"{path} does not exist: give the path of a taxonomy file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path} can't be read as UTF-8 text ({error})") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise TaxonomyError(f"{path} names no category: give one path a line, such as Home > Kitchen")
    if len(lines) > MOST_NODES:
        raise TaxonomyError(f"{path} has {len(lines):,} lines; at most {MOST_NODES:,} can be read")
    for number, line in lines:
        if len(line) > _LONGEST_LINE:
            raise _unusable(path, number, f"the line has {len(line):,} characters: that is no path")
    return lines


def _unusable(path: Path, line: int, cause: str) -> TaxonomyError:
    return TaxonomyError(f"{path}:{line} is not a usable taxonomy: {cause}")
