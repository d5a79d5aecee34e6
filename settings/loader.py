"""Reads tagger.yaml and `section.key=value` overrides into Settings; every mistake is one sentence with its place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from settings.schema import Settings
from steps import ProductTaggerError

DEFAULT_FILE = Path("tagger.yaml")


class SettingsError(ProductTaggerError):
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
    if path is not None or DEFAULT_FILE.exists():
        values = _read_yaml(path or DEFAULT_FILE)
    overridden: dict[str, str] = {}
    for override in overrides:
        overridden[_apply_override(values, override)] = f"--set {override}"
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        # A value that may be of several types has an error for each of them.
        errors: dict[str, list[Any]] = {}
        for one in error.errors():
            errors.setdefault(".".join(_place(one)), []).append(one)
        file = str(path or DEFAULT_FILE)
        sentences = (_sentence(_source(key, overridden, file), key, found) for key, found in errors.items())
        raise SettingsError("\n".join(sentences)) from None


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
    # A section of which all keys are commented out is there, and empty.
    return {key: {} if value is None and key in _sections(Settings) else value for key, value in values.items()}


def _apply_override(values: dict[str, Any], override: str) -> str:
    """Puts the value in its place, and tells the key."""
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
    return key


def _place(error: Any) -> list[str]:
    """Where the value is that an error is about, without the names pydantic has for the types it tried."""
    place: list[str] = []
    model: type[BaseModel] | None = Settings
    for part in error["loc"]:
        if model is not None:
            place.append(str(part))
            model = _sections(model).get(str(part))
        elif isinstance(part, int):
            place.append(str(part))
    return place


def _source(key: str, overridden: Mapping[str, str], file: str) -> str:
    for name, told in overridden.items():
        # The error may be about what is inside the value, or about a section that does not exist.
        if f"{key}.".startswith(f"{name}.") or f"{name}.".startswith(f"{key}."):
            return told
    return file


def _sentence(source: str, key: str, errors: Sequence[Any]) -> str:
    first = errors[0]
    *sections, last = key.split(".")
    if first["type"] == "extra_forbidden":
        known = _known_keys(sections)
        near = difflib.get_close_matches(last, known, n=1, cutoff=0.0)
        return f"{source}: unknown key `{key}`. Did you mean `{'.'.join([*sections, near[0]])}`?"
    if first["type"] == "model_type":
        keys = ", ".join(_known_keys([*sections, last])[:3])
        return f"{source}: `{key}` is a section with keys such as {keys}, not a value."
    messages = [error["msg"].removeprefix("Value error, ") for error in errors]
    told = " or ".join(
        [messages[0][0].lower() + messages[0][1:], *(m.removeprefix("Input should be ") for m in messages[1:])]
    )
    return f"{source}: `{key}` is {first['input']!r}: {told}."


def _known_keys(sections: Sequence[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for section in sections:
        model = _sections(model)[section]
    return list(model.model_fields)


def _sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The keys of a section that are sections themselves."""
    return {
        name: field.annotation
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
