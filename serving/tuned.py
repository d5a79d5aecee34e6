"""What `make tune` has found for this machine, build/tuned.yaml, and when it is in force.

One rule: a tuned value takes the place of a setting that has its default value, and of no other. What a person has set
to something else wins; `serving.tuned=false`, or removing the file, turns all of it off.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from serving.errors import ServingError
from serving.machine import processor_name
from serving.releases import Release
from serving.repository import usable_cores
from settings import ServingSettings, Settings

logger = logging.getLogger(__name__)

FILE = "tuned.yaml"
KEYS = ("instances", "threads", "joined_batch_size", "queue_delay_us", "token_budget")
"""The settings of `serving` that are tuned."""
DIVIDED = frozenset({"instances", "threads"})
"""They divide the cores between them: one that a person has set keeps the other from being tuned as well."""
_HEAD = """\
# Written by `make tune`. A server started on this machine uses these values where tagger.yaml leaves the defaults.
# To turn that off: remove this file, or set serving.tuned to false.
"""


@dataclass(frozen=True)
class Tuned:
    """What was found, and where it holds.

    Attributes:
        serving: Settings of `serving` that differ from the defaults.
        cores: Cores that could be used.
        processor: What the processor calls itself.
        engine: What runs the classifier, as the release's manifest has it.
        release: The release that was served.
        created: When, in UTC.
    """

    serving: Mapping[str, int]
    cores: int
    processor: str
    engine: str
    release: str
    created: str

    @classmethod
    def here(cls, serving: Mapping[str, int], release: Release, created: str) -> Tuned:
        """What was found on this machine."""
        return cls(serving, usable_cores(), processor_name(), engine_name(release), release.id, created)

    def strange(self, release: Release) -> str:
        """Why it doesn't hold for a release on this machine; empty where it does."""
        for what, then, now in (
            ("cores", self.cores, usable_cores()),
            ("processor", self.processor, processor_name()),
            ("engine", self.engine, engine_name(release)),
        ):
            if then != now:
                return f"it was made for other {what} ({then}; here: {now})"
        return ""


@dataclass(frozen=True)
class InForce:
    """What a server is started with.

    Attributes:
        serving: The settings, tuned values among them.
        values: The tuned values that are in force.
        told: What is to be said of them, or of why there are none; empty where there is nothing to be said.
    """

    serving: ServingSettings
    values: Mapping[str, int] = field(default_factory=dict)
    told: str = ""


def engine_name(release: Release) -> str:
    """What runs a release's classifier: `INT8 ONNX` for instance, or only its target where the manifest has no more."""
    engine = release.manifest.get("engine")
    return str(engine.get("name", release.target)) if isinstance(engine, dict) else release.target


def adjustable(serving: ServingSettings) -> frozenset[str]:
    """The settings that tuning may fill in: those that have their default value."""
    fields = ServingSettings.model_fields
    free = {key for key in KEYS if getattr(serving, key) == fields[key].default}
    return frozenset(free if free >= DIVIDED else free - DIVIDED)


def apply_tuned(settings: Settings, release: Release) -> InForce:
    """Puts the tuned values in their place, where they hold here and nothing else is set.

    A file that can't be used is no reason not to serve: what is wrong with it is told.
    """
    serving = settings.serving
    path = settings.build_dir / FILE
    if not serving.tuned:
        return InForce(serving)
    try:
        found = read_tuned(path)
    except ServingError as error:
        return InForce(serving, told=str(error))
    if found is None:
        return InForce(serving)
    reason = found.strange(release)
    if reason:
        return InForce(serving, told=f"{path} is not used: {reason}. `make tune` makes another.")
    free = adjustable(serving)
    values = {key: value for key, value in found.serving.items() if key in free}
    if not values:
        return InForce(serving)
    told = f"Tuned settings are in force ({path}): {describe(values)}."
    return InForce(serving.model_copy(update=values), values, told)


def describe(values: Mapping[str, int]) -> str:
    """Settings as a person reads them."""
    return ", ".join(f"{key} {value}" for key, value in values.items())


def read_tuned(path: Path) -> Tuned | None:
    """Reads what was found; None where there is no file.

    Raises:
        ServingError: The file is none of `make tune`'s, or damaged.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        tuned = Tuned(**content)
        if set(tuned.serving) - set(KEYS):
            raise ValueError("it has settings that are not tuned")
        ServingSettings.model_validate(dict(tuned.serving))
    except FileNotFoundError:
        return None
    except (OSError, yaml.YAMLError, TypeError, ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ServingError(f"{path} is not used: it can't be read ({first}). `make tune` makes another.") from None
    return tuned


def write_tuned(path: Path, tuned: Tuned) -> None:
    """Writes what was found, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    values = {**dataclasses.asdict(tuned), "serving": dict(tuned.serving)}
    temporary.write_text(_HEAD + yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    os.replace(temporary, path)
