"""Real products, where they lie beside the checkout: the pipeline has to beat chance widely and to pass parity."""

from __future__ import annotations

from pathlib import Path

import pytest

from product_tagger_client import ProductTagger
from serving.control import start, stop
from tests.e2e.conftest import ROOT, make_pipeline, take_rows

PRODUCTS = ROOT.parent / "shared" / "data" / "amazon_in"
ROWS = {"train": 3000, "validation": 600, "test": 1000}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    not Path(f"{PRODUCTS}.train.jsonl.gz").exists(), reason=f"no real products beside the checkout ({PRODUCTS.name}.*)"
)
def test_three_thousand_real_products_make_a_useful_tagger(tmp_path: Path) -> None:
    for part, rows in ROWS.items():
        take_rows(Path(f"{PRODUCTS}.{part}.jsonl.gz"), tmp_path / f"shop.{part}.jsonl", rows)
    pipeline = make_pipeline(
        tmp_path,
        {
            "catalog.path": str(tmp_path / "shop"),
            "training.epochs": 2,
            "training.min_steps": 0,
            "training.baseline": False,
            "export.parity_products": 500,
        },
    )
    for module, arguments in (("catalog", ["prepare"]), ("training", []), ("export", [])):
        pipeline.run(module, *arguments)

    test = pipeline.metrics()["test"]
    # Answering the most frequent category everywhere would be right for 38 % of them.
    assert test["category_accuracy"] > 0.9
    assert test["category_macro_f1"] > 0.85
    assert test["tag_micro_f1"] > 0.5
    assert pipeline.manifest()["parity"]["passed"]
    try:
        start(pipeline.settings)
        with ProductTagger(f"grpc://{pipeline.grpc}") as tagger:
            assert tagger.tag("JBL wireless bluetooth earbuds with charging case").category == "electronics"
    finally:
        stop(pipeline.settings)
