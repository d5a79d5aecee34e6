"""What a check before the start finds: in order, worth knowing, or a problem with its mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from serving.errors import ServingError

Outcome = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Note:
    """What a check gives for something that doesn't stop the server, but that a person should know."""

    told: str


Check = Callable[[], "str | Note"]
"""Gives what it found, in a few words; raises a ServingError where that stops the server."""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        check: What was looked at.
        outcome: What follows from it.
        told: What was found; of a problem the sentence with its mend.
    """

    check: str
    outcome: Outcome
    told: str


def run_checks(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Runs checks, all of them, in their order."""
    findings = []
    for name, check in checks:
        try:
            found = check()
        except ServingError as error:
            findings.append(Finding(name, "problem", str(error)))
        else:
            noted = isinstance(found, Note)
            findings.append(Finding(name, "note" if noted else "ok", found.told if isinstance(found, Note) else found))
    return findings


def require(findings: Iterable[Finding]) -> None:
    """Passes where nothing stops the server.

    Raises:
        ServingError: The first problem, and how many more there are.
    """
    problems = [finding.told for finding in findings if finding.outcome == "problem"]
    if not problems:
        return
    more = len(problems) - 1
    told = f" (And {more} more: `python -m serving preflight` tells all.)" if more else ""
    raise ServingError(problems[0] + told)
