"""The small parts: text composition, sample weights, the prepared reader's errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalog.prepared import PreparedCatalogError, read_split
from catalog.weights import MAX_WEIGHT, MIN_WEIGHT, behaviour_weights
from product_tagger_files import Product


def test_the_raw_text_is_title_description_and_one_line_per_attribute() -> None:
    product = Product("1", title="Dress", description="Light", attributes={"material": "cotton", "size": " "})
    assert product.raw_text == "Dress\nLight\nmaterial: cotton"
    assert Product("1", description="Light").raw_text == "Light"


def weights(*rows: tuple[float, float, float]) -> list[float]:
    views, clicks, purchases = (np.array(column, dtype=np.float32) for column in zip(*rows, strict=True))
    return [float(weight) for weight in behaviour_weights(views, clicks, purchases)]


NAN = float("nan")


def test_without_behaviour_every_weight_is_one() -> None:
    assert weights((NAN, NAN, NAN), (NAN, 3, 1)) == [1.0, 1.0]
    assert weights((100, 0, 0), (0, 0, 0)) == [1.0, 1.0]


def test_weights_rise_with_the_rate_and_stay_within_their_bounds() -> None:
    usual = [(1e6, 1e4, 0.0)] * 50
    low, high, unknown, middle, *_ = weights((1e6, 0, 0), (1e6, 9e4, 9e3), (NAN, NAN, NAN), *usual)
    assert (low, high, unknown) == (MIN_WEIGHT, MAX_WEIGHT, 1.0)
    assert low < middle < high


def test_the_formula_is_the_documented_one() -> None:
    # r = (10 + 5·1 + 5) / 1100; the first product: (15 + 100 r) / 1100 / r, under the root.
    rate = 20 / 1100
    first, second = weights((1000, 10, 1), (100, 5, 0))
    assert first == pytest.approx(((15 + 100 * rate) / 1100 / rate) ** 0.5, rel=1e-5)
    assert second == pytest.approx(((5 + 100 * rate) / 200 / rate) ** 0.5, rel=1e-5)


def test_few_views_say_little() -> None:
    lucky, steady = weights((10, 3, 0), (100_000, 3_000, 0))
    assert abs(lucky - 1) < 0.8
    assert steady == pytest.approx(1.0, abs=0.01)


def test_reading_a_split_that_is_not_there_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PreparedCatalogError, match="python -m catalog prepare"):
        read_split(tmp_path, "train")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"id": "1"}\n')
    with pytest.raises(PreparedCatalogError, match=r"train.jsonl:1 is not a prepared example"):
        read_split(tmp_path, "train")
