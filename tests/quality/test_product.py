"""The product itself in a cell, with a base that learns in seconds."""

from __future__ import annotations

import json
from pathlib import Path

from loadtest.large.base import write_tiny_base
from quality.__main__ import main

QUICK = "training.epochs=1 training.min_steps=3 training.max_length=32 training.ngram_buckets=64"


def test_the_product_and_the_frozen_encoder_are_asked_the_same_with_the_same_base(data: Path, tmp_path: Path) -> None:
    build, base = tmp_path / "build", tmp_path / "base"
    write_tiny_base(base)
    options = [
        "--data",
        str(data),
        "--sets",
        "toy.leaf",
        "--sizes",
        "40",
        "--seeds",
        "1",
        "--systems",
        "product,frozen",
    ]
    assert main([*options, "--set", f"build_dir={build}", "--set", f"training.base={base} {QUICK}"]) == 0
    cell = build / "quality" / "toy.leaf" / "40" / "13"
    product, frozen = (
        json.loads((cell / f"{name}.json").read_text(encoding="utf-8")) for name in ("product", "frozen")
    )
    assert product["answers"]["products"] == frozen["answers"]["products"]
    assert product["answers"]["category"] == frozen["answers"]["category"]
    assert product["labels"] == frozen["labels"] == 40 and product["validation"] == frozen["validation"] > 0
    assert product["figures"]["category_accuracy"] == sum(
        given == true
        for given, true in zip(product["answers"]["answered"], product["answers"]["category"], strict=True)
    ) / len(product["answers"]["category"])
    assert product["inputs"]["the settings"]["training.min_steps"] == 3
    # The weights are not kept: a night of cells would fill the disk.
    assert not (cell / "build" / "checkpoint").exists() and (cell / "build" / "catalog" / "test.jsonl").is_file()
    row = json.loads((build / "reports" / "quality" / "quality.json").read_text(encoding="utf-8"))["rows"][0]
    assert set(row["differences"]) >= {"category_accuracy", "category_macro_f1"}
