"""A step: what it makes, from what, and why it runs or is skipped.

A stage is a chain of steps. A step's inputs are named as people call them ("the products", "the settings"); each is a
digest or a plain value. They are kept in a stamp inside the step's output. The step is done where the stamp's inputs
are the present ones.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from steps.outputs import staged_directory

logger = logging.getLogger(__name__)

STAMP = "made-from.json"


@dataclass(frozen=True)
class Step:
    """One step of a stage.

    Attributes:
        name: What is made, at the beginning of a sentence: "The fine-tuned model".
        output: The directory that the step makes; the stamp lies in it.
        inputs: What it is made from: how people call it → a digest or a value that JSON can hold.
        holds: Files of the output without which it is made again.
    """

    name: str
    output: Path
    inputs: Mapping[str, Any]
    holds: tuple[str, ...] = ()

    @property
    def created(self) -> str:
        """When the output was made, as ISO 8601 in UTC; empty where there is none."""
        return str((read_stamp(self.output) or {}).get("created", ""))

    def reason(self, *, force: bool = False) -> str | None:
        """Why the step has to run, for "…, because …"; None where its output is up to date."""
        if force:
            return "it was asked for"
        stamp = read_stamp(self.output)
        if stamp is None:
            return "it is not there yet" if not self.output.exists() else f"{self.output} was not completed"
        difference = changed(stamp.get("inputs", {}), self.inputs)
        if difference:
            return f"{difference} changed since {stamp.get('created')}"
        missing = next((name for name in self.holds if not (self.output / name).is_file()), None)
        return f"{self.output / missing} is missing" if missing else None

    def is_due(self, *, force: bool = False) -> bool:
        """Whether the step has to run; the decision and its reason are logged."""
        reason = self.reason(force=force)
        if reason is None:
            logger.info("%s is up to date: %s did not change since %s.", self.name, _listed(self.inputs), self.created)
            return False
        logger.info("%s is made, because %s.", self.name, reason)
        return True

    @contextmanager
    def making(self) -> Iterator[Path]:
        """Gives an empty directory to fill; it becomes the output, with the stamp, when the block ends well.

        Raises:
            Busy: Another run is making the same output now.
            DiskError: The disk is full, or the output can't be written. The former output is as before.
        """
        with staged_directory(self.output) as directory:
            yield directory
            self.write_stamp(directory)

    def write_stamp(self, directory: Path) -> None:
        """Writes the stamp into a directory that holds the step's output."""
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        text = json.dumps({"created": created, "inputs": self.inputs}, ensure_ascii=False, indent=1)
        (directory / STAMP).write_text(f"{text}\n", encoding="utf-8")


def read_stamp(output: Path) -> dict[str, Any] | None:
    """The stamp in a step's output; None where there is none that can be read."""
    try:
        stamp = json.loads((output / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def changed(former: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Names the inputs that differ, for a sentence: "the products and the settings (epochs)"; empty where none does."""
    # As the stamp holds them: JSON has no tuples, and its keys are strings.
    now = json.loads(json.dumps(now))
    names = []
    for name in [*now, *(name for name in former if name not in now)]:
        before, after = former.get(name), now.get(name)
        if before != after:
            names.append(f"{name}{_differing_keys(before, after)}")
    return _listed(names)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of installed distributions, and of Python."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def _listed(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return " and ".join(filter(None, (", ".join(first), last)))


def _differing_keys(before: Any, after: Any) -> str:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    # A setting that is new, and null, differs too.
    keys = [k for k in {**before, **after} if (k in before, before.get(k)) != (k in after, after.get(k))]
    return f" ({', '.join(keys[:4])}{' …' if len(keys) > 4 else ''})"
