"""What the services written by hand around the checkpoint have in common: their options, and how they decide."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def read_arguments(arguments: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """Checkpoint, tokens a text is cut at, and port."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args(arguments)


def read_thresholds(checkpoint: Path) -> dict[str, float]:
    """Tag id → the probability from which a tag is given."""
    found: dict[str, float] = json.loads((checkpoint / "thresholds.json").read_text(encoding="utf-8"))["tags"]
    return found


def decide(logits: Mapping[str, float], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """From logits to category and tags: a softmax over the categories, a sigmoid for each tag.

    Args:
        logits: Label (`category/apparel`, `tag/dress`, …) → what the model says of it.
        thresholds: See `read_thresholds`.
    """
    categories = {name: value for name, value in logits.items() if name.startswith("category/")}
    best = max(categories, key=lambda name: categories[name])
    total = sum(math.exp(value - categories[best]) for value in categories.values())
    tags = [
        {"name": name, "score": score}
        for label, value in logits.items()
        if (name := label.removeprefix("tag/")) != label
        and (score := 1 / (1 + math.exp(-value))) >= thresholds.get(name, 0.5)
    ]
    return {"category": best.removeprefix("category/"), "category_score": 1 / total, "tags": tags}
