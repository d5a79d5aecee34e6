"""Which of a product's category paths is its own."""

from __future__ import annotations

from collections.abc import Sequence

Path = list[str]


def main_path(paths: Sequence[Path]) -> list[Path]:
    """Puts a product's main path first: the first one, or the longest that goes on where it ends.

    Shops list a category and those above it: of `Clothing`, `Clothing > Hoodies`, `Sale` it is the second.

    Returns:
        The main path, then those that it does not begin with, as levels.
    """
    paths = [levels for path in paths if (levels := [level for level in path if level])]
    if not paths:
        return []
    main = paths[0]
    for path in paths:
        if len(path) > len(main) and path[: len(main)] == main:
            main = path
    return [main, *(path for path in paths if path != main[: len(path)])]
