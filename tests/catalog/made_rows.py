"""Made-up products, and the settings to prepare them with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalog.prepared import read_split
from settings import Settings, load_settings

NOUNS = ("shelf", "bottle", "dress", "lamp", "charger", "shampoo", "helmet", "cookies", "sofa", "earphones")
COLOURS = (
    "amber",
    "bronze",
    "coral",
    "denim",
    "ebony",
    "fuchsia",
    "green",
    "hazel",
    "indigo",
    "jade",
    "khaki",
    "lilac",
)


def row(number: int, **values: Any) -> dict[str, Any]:
    """A product whose title shares no run of characters with that of another number."""
    digits = [int(digit) for digit in f"{number:04d}"]
    words = [
        COLOURS[digits[3]] + NOUNS[digits[2]],
        NOUNS[digits[1]] + COLOURS[digits[0]],
        f"{number * 7919 % 99991:05d}",
    ]
    title = " ".join(word * 2 for word in words)
    return {"id": f"sku-{number}", "title": title, "category": ("home", "food")[number % 2], "tags": ["wood"], **values}


def write(path: Path, rows: Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def settings_for(tmp_path: Path, path: Path, *more: str) -> Settings:
    overrides = [f"catalog.path={path}", f"build_dir={tmp_path / 'build'}", *more]
    return load_settings(write(tmp_path / "empty.yaml", ["{}"]), [f"{item}" for item in overrides])


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids_of(directory: Path, split: str) -> set[str]:
    return {example.id for example in read_split(directory, split)}
