"""Category paths: every usual notation becomes `A > B > C`.

Arrows (`>`, `>>`, `›`, `»`, `->`, `→` …) and lists say of themselves that they make a path, so a row is enough to read
them. Slashes and bars may as well stand within a label (`Food/Drink`), and a comma may end a path or belong to a level
(`Heating, Cooling & Air Quality`). Those are decided by all the categories of a catalogue together, in
`settle_paths`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from product_tagger_files.errors import RowError
from product_tagger_files.lists import NotAList, looks_like_list, parse, words
from product_tagger_files.missing import is_missing_label
from product_tagger_files.notes import Note, Notes, shown
from product_tagger_files.scalars import is_nothing, to_text

PATH_SEPARATOR = " > "
"""Between the levels of a category path, as every notation of one is written."""
MAX_CHARACTERS = 1000
MOST_LEVELS = 15
"""Large public taxonomies have seven or eight levels; more is another column, or breadcrumbs joined twice."""

_ARROW = re.compile(r"\s*(?:[-=]{1,2}>|>{1,3}|[›»→⇒➔➤▸►❯⟩])\s*")
_ARROW_SIGNS = frozenset(">›»→⇒➔➤▸►❯⟩")
_BETWEEN_PATHS = re.compile(r"\s*[;|\n；｜]\s*")
_WHOLE = re.compile(r"[+-]?\d{1,15}\.0+")
_SLASHES = ("|", "/", "\\")
_LEAST_SHARE = 0.5

Levels = tuple[str, ...]


def read_category(value: Any, notes: Notes) -> str:
    """Reads a category: a label, or a path as `A > B > C`.

    Args:
        value: A text in any notation, or a list of levels. Of several paths the first is taken.
        notes: Where categories that mean "none" and further paths are counted.

    Returns:
        The label or path; empty where there is none. Slashes, bars and commas stay, see `settle_paths`.

    Raises:
        RowError: The value is no text or list of texts, longer than MAX_CHARACTERS, or a path of over MOST_LEVELS.
    """
    category = _read(value, notes)
    if (levels := category.count(PATH_SEPARATOR) + 1) > MOST_LEVELS:
        detail = f"category has {levels} levels ({shown(category)}); at most {MOST_LEVELS} can be read"
        raise RowError("category has too many levels", detail)
    return category


def _read(value: Any, notes: Notes) -> str:
    if value is None or value == "":
        return ""
    if is_nothing(value):
        notes.add(Note.MISSING, "category", value)
        return ""
    if isinstance(value, (list, tuple)):
        return _from_list(value, notes)
    text = to_text(value, "category", notes).strip()
    if len(text) > MAX_CHARACTERS:
        detail = f"category has {len(text):,} characters ({shown(text)}): is it the column of the category?"
        raise RowError("category is too long", detail)
    if is_missing_label(text):
        if text:
            notes.add(Note.MISSING, "category", text)
        return ""
    if looks_like_list(text):
        try:
            return _from_list(parse(text), notes)
        except NotAList:
            return _label(text)
    if "&" in text:
        text = html.unescape(text)
    if _ARROW_SIGNS.isdisjoint(text):
        return _label(text)
    first, *more = [part for part in _BETWEEN_PATHS.split(text) if part] if _several(text) else [text]
    if more:
        notes.add(Note.MORE_PATHS, "category", text)
    return join_levels(_ARROW.split(first))


def join_levels(levels: Iterable[str]) -> str:
    """Makes a path of its levels; empty ones and words for "missing" are left out."""
    tidy = (_label(level) for level in levels)
    return PATH_SEPARATOR.join(level for level in tidy if level and not is_missing_label(level))


def path_readings(category: str) -> Iterator[str]:
    """The paths that a category may mean beside itself: for a taxonomy, which knows the paths there are."""
    if PATH_SEPARATOR in category:
        for comma in _commas(category):
            yield category[:comma].strip()
        return
    for slash in _SLASHES:
        if levels := _split(category, slash):
            yield PATH_SEPARATOR.join(levels)


def settle_paths(categories: Sequence[str]) -> dict[str, str]:
    """Decides by all the different categories of a catalogue what slashes, bars and commas mean in them.

    A path in slashes is one where the same path, or the one right above it, stands there with arrows. The others are
    paths together or not at all: at least half of the categories must have slashes, and half of those must share
    their first level with another, or have three levels. `Home/Pans`, `Home/Pots` are paths; `Food/Drink`,
    `Health/Beauty` are labels.

    A comma ends a path where a known path ends before it and another follows, or a known first level stands behind it.

    Args:
        categories: Each once, as `read_category` gives them.

    Returns:
        Category → its path, for those that change. Linear in the characters.
    """
    settled = _settle_commas(categories)
    for slash in _SLASHES:
        present = list(dict.fromkeys(settled.get(category, category) for category in categories))
        paths = _settle_slashes(present, slash)
        for category in categories:
            now = settled.get(category, category)
            if now in paths:
                settled[category] = paths[now]
    return settled


def _settle_commas(categories: Sequence[str]) -> dict[str, str]:
    paths = [category for category in categories if PATH_SEPARATOR in category]
    plain = [category for category in categories if "," not in category and "，" not in category]
    known = set(map(_key, plain))
    roots = {_key(category.split(PATH_SEPARATOR, 1)[0]) for category in plain}
    settled: dict[str, str] = {}
    for path in paths:
        for comma in _commas(path):
            before, behind = path[:comma].strip(), path[comma + 1 :]
            root = re.split(r"[,，]| > ", behind, maxsplit=1)[0]
            if (PATH_SEPARATOR in behind and _key(before) in known) or _key(root) in roots:
                settled[path] = before
                break
    return settled


def _settle_slashes(categories: Sequence[str], slash: str) -> dict[str, str]:
    candidates = {
        category: levels
        for category in categories
        if PATH_SEPARATOR not in category and (levels := _split(category, slash)) is not None
    }
    if not candidates:
        return {}
    known = _known_paths(category for category in categories if PATH_SEPARATOR in category)
    settled = {category: levels for category, levels in candidates.items() if _continues(levels, known)}
    others = {category: levels for category, levels in candidates.items() if category not in settled}
    if _branches(others, categories):
        settled |= others
    return {category: PATH_SEPARATOR.join(levels) for category, levels in settled.items()}


def _continues(levels: Levels, known: set[str]) -> bool:
    """Whether a path stands there with arrows, or one that it lies right below."""
    return any(_key(PATH_SEPARATOR.join(levels[:length])) in known for length in {len(levels), max(len(levels) - 1, 2)})


def _branches(candidates: Mapping[str, Levels], categories: Sequence[str]) -> bool:
    """Whether slashes separate in a catalogue: most of its categories have them, and together they are a tree."""
    roots = Counter(_key(levels[0]) for levels in candidates.values())
    roots.update(
        _key(category) for category in categories if category not in candidates and PATH_SEPARATOR not in category
    )
    branching = sum(len(levels) > 2 or roots[_key(levels[0])] > 1 for levels in candidates.values())
    return (
        len(candidates) > 1
        and len(candidates) >= _LEAST_SHARE * len(categories)
        and branching >= _LEAST_SHARE * len(candidates)
    )


def _known_paths(paths: Iterable[str]) -> set[str]:
    """The paths and all that they begin with, from two levels on."""
    known: set[str] = set()
    for path in paths:
        levels = path.split(PATH_SEPARATOR)
        known.update(_key(PATH_SEPARATOR.join(levels[:length])) for length in range(2, len(levels) + 1))
    return known


def _split(category: str, slash: str) -> Levels | None:
    """The levels between slashes; None where there are none, or where one of them is empty or without a letter."""
    plain = category.replace("／", "/").replace("｜", "|").replace("＼", "\\")
    if slash not in plain:
        return None
    levels = tuple(_label(level) for level in plain.strip(slash + " ").split(slash))
    has_letters = all(any(char.isalpha() for char in level) for level in levels)
    return levels if len(levels) > 1 and has_letters else None


def _from_list(value: Sequence[Any], notes: Notes) -> str:
    first = next((item for item in value if item is not None), "")
    try:
        if isinstance(first, (list, tuple)):  # a list of paths
            if len(value) > 1:
                notes.add(Note.MORE_PATHS, "category", value)
            value = first
        levels = [to_text(word, "category", notes) for word in words(value)]
    except (NotAList, RowError):
        raise RowError("category is not a text", f"category is {shown(value)}, not a label or a path") from None
    if sum(map(len, levels)) > MAX_CHARACTERS:
        raise RowError("category is too long", f"category is {shown(value)}: is it the column of the category?")
    if len(levels) > 1 and any(_ARROW.search(level.strip()) for level in levels):
        notes.add(Note.MORE_PATHS, "category", value)
        levels = levels[:1]
    return join_levels(part for level in levels for part in _ARROW.split(html.unescape(level)))


def _several(text: str) -> bool:
    """Whether a text in arrows holds several paths: a line break, `;` or `|` stands between two whole ones."""
    parts = filter(None, _BETWEEN_PATHS.split(text))
    return all(len(levels) > 1 and all(levels) for levels in map(_ARROW.split, parts))


def _label(text: str) -> str:
    label = " ".join(text.split())
    return label[: label.index(".")] if _WHOLE.fullmatch(label) else label


def _commas(path: str) -> Iterator[int]:
    """Where commas stand in a path, with a level before each."""
    return (match.start() for match in re.finditer("[,，]", path) if PATH_SEPARATOR in path[: match.start()])


def _key(path: str) -> str:
    return path.strip().casefold()
