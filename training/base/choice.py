"""Chooses between the built-in bases by what the catalogue speaks, and warns of what the base can't read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from training.base.builtin import ENGLISH, MULTILINGUAL

MINOR_SHARE = 0.05
"""Languages that together have a smaller share of the products don't change the base. The English one is better at
English, and loses less on so few other products."""
UNREAD_SHARE = 0.1
"""A base that doesn't know a larger share of a language's tokens can't read it. The English base doesn't know
two thirds of the built-in catalogue's Chinese tokens. It falls 20 points behind a linear model there."""

_TOLD = 5


def choose_base(languages: Mapping[str, int]) -> tuple[str, str]:
    """Choose a built-in base.

    Args:
        languages: language code → number of training products.

    Returns:
        The base's name, and the reason in one sentence.
    """
    total = sum(languages.values())
    others = {language: count for language, count in languages.items() if language != "en"}
    share = sum(others.values()) / max(1, total)
    told = ", ".join(f"{count / max(1, total):.1%} {language}" for language, count in _by_count(languages)[:_TOLD])
    told += ", …" if len(languages) > _TOLD else ""
    if share >= MINOR_SHARE:
        return MULTILINGUAL, f"auto chose it, because {share:.1%} of the training products aren't in English ({told})."
    if others:
        return ENGLISH, (
            f"auto chose it, because less than {MINOR_SHARE:.0%} of the training products aren't in English ({told})."
        )
    return ENGLISH, "auto chose it, because all training products are in English."


def unread_languages(languages: Mapping[str, int], unknown: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Yield the languages that the base can't read, the most frequent first.

    Args:
        languages: language code → number of training products.
        unknown: language code → share of its tokens that are unknown to the base.

    Yields:
        Language, its share of the products, and the share of its tokens that are unknown.
    """
    total = sum(languages.values())
    for language, count in _by_count(languages):
        if unknown.get(language, 0.0) > UNREAD_SHARE and count >= MINOR_SHARE * total:
            yield language, count / total, unknown[language]


def _by_count(languages: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(languages.items(), key=lambda item: (-item[1], item[0]))
