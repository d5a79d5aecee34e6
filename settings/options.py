"""The two options by which every command of the project is told its settings."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_PAIR = re.compile(r"(?:\w+(?:\.\w+)+|build_dir)=")
_BRACKETS = {"{": "}", "[": "]"}


def add_settings_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds `--config FILE` and `--set section.key=value`: what `load_settings` takes, as `config` and `set`.

    Returns:
        The parser itself.
    """
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration (default: tagger.yaml)")
    parser.add_argument(
        "--set",
        action=_Pairs,
        default=[],
        metavar="section.key=value",
        help="override a setting, or several with spaces between them; repeatable",
    )
    return parser


def split_pairs(text: str) -> list[str]:
    """Takes a text apart that holds several `section.key=value`, as SET="…" of make does.

    A value may have spaces: a new pair begins only where a word reads `section.key=` (or `build_dir=`), outside of
    quotes and of YAML's brackets. A value that holds such a word itself has to be quoted.

    >>> split_pairs("catalog.path=my shop.csv training.epochs=2")
    ['catalog.path=my shop.csv', 'training.epochs=2']
    >>> split_pairs("catalog.columns={title: Product Name} training.seed=1")
    ['catalog.columns={title: Product Name}', 'training.seed=1']
    """
    starts = [0, *(place for place in _word_starts(text) if place and _PAIR.match(text, place))]
    return [
        pair for start, end in zip(starts, [*starts[1:], len(text)], strict=True) if (pair := text[start:end].strip())
    ]


def _word_starts(text: str) -> Iterator[int]:
    """Where words begin after white space, outside of quotes and brackets."""
    closing: list[str] = []
    quote = ""
    before = " "
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and before in " \t\n=:,[{":  # elsewhere it is an apostrophe: children's
            quote = char
        elif char in _BRACKETS:
            closing.append(_BRACKETS[char])
        elif closing and char == closing[-1]:
            closing.pop()
        elif before.isspace() and not char.isspace() and not closing:
            yield place
        before = char


class _Pairs(argparse.Action):
    """Collects the pairs of all `--set`."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        _option: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *split_pairs(str(values))])
