"""Reads tagger.yaml and `section.key=value` overrides into Settings; every mistake is one sentence with its place."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from settings.schema import Settings

DEFAULT_FILE = Path("tagger.yaml")


class SettingsError(ValueError):
    """The configuration can't be used; the message says where, why and what to do."""


def load_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Read the configuration.

    Args:
        path: the YAML file; None reads ./tagger.yaml where it exists and the defaults where it doesn't.
        overrides: `section.key=value` pairs, the value in YAML notation; they win over the file.

    Raises:
        SettingsError: unreadable file, unknown key, or a value of the wrong type or out of its range.
    """
    values: dict[str, Any] = {}
    source = str(path or DEFAULT_FILE)
    if path is not None or DEFAULT_FILE.exists():
        values = _read_yaml(path or DEFAULT_FILE)
    for override in overrides:
        _apply_override(values, override)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(source, e) for e in error.errors())) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: can't be read ({error.strerror}). Name an existing file with --config.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: the top level must be sections such as `catalog:`, not {type(values).__name__}.")
    return values


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SettingsError(f"--set {override}: write it as section.key=value, for instance training.epochs=3.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    *sections, last = key.split(".")
    target = values
    for section in sections:
        inner = target.setdefault(section, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"--set {override}: `{section}` is a value, not a section.")
        target = inner
    target[last] = value


def _sentence(source: str, error: Any) -> str:
    location = [str(part) for part in error["loc"] if not str(part).startswith(("constrained-", "literal[", "int"))]
    key = ".".join(location)
    if error["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.0)
        return f"{source}: unknown key `{key}`. Did you mean `{'.'.join([*location[:-1], near[0]])}`?"
    message = error["msg"].removeprefix("Value error, ")
    return f"{source}: `{key}` is {error['input']!r}: {message[0].lower()}{message[1:]}."


def _known_keys(sections: Sequence[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for section in sections:
        annotation = model.model_fields[section].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
