"""Products in a file, and runs over them that end where a test wants them to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from product_tagger_client.bulk import BulkOptions

if TYPE_CHECKING:
    from tests.client.conftest import Triton

WORDS = ("cotton", "dress", "summer", "phone", "case", "leather", "巧克力", "礼盒", "car", "500ml", "cream", "sofa")


def product(number: int) -> dict[str, Any]:
    words = [WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(3 + number % 5)]
    return {"id": f"sku-{number}", "title": " ".join(words), "attributes": {"number": str(number)}}


def write_jsonl(path: Path, count: int, changes: dict[int, Any] | None = None) -> Path:
    """Products one a line; a change replaces a line, counted from 0, by a product or by raw bytes."""
    with path.open("wb") as stream:
        for number in range(count):
            row = (changes or {}).get(number, product(number))
            stream.write(row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode())
            stream.write(b"\n")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def options(tmp_path: Path, triton: Triton) -> Callable[..., BulkOptions]:
    """Options of a run over 203 products, three of them bad, with what the test wants otherwise."""

    def make(**settings: Any) -> BulkOptions:
        if "input" not in settings:
            changes = {17: {"id": "sku-17"}, 90: {"id": "bad", "title": "!invalid"}, 91: b"{broken"}
            settings["input"] = tmp_path / "in.jsonl"
            if not settings["input"].exists():
                write_jsonl(settings["input"], 203, changes)
        return BulkOptions(**{"output": tmp_path / "out.jsonl", "url": triton.grpc, "wait": 5.0, **settings})

    return make


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("in.jsonl", "server.log"))


class Stop(Exception):
    """Ends a run from inside."""


def stop_after(rows: int) -> Callable[[int, int], None]:
    def report(done: int, rejected: int) -> None:
        if done >= rows:
            raise Stop

    return report
