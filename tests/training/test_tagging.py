"""The library: a checkpoint answers in Python as it was measured, and its examples hold."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import training.tagging
from catalog.readers import CatalogError
from tests.training.conftest import make_products, quick_settings, write_catalog
from training import TaggingModel, Trained, TrainingError, train

SHOP = """\
sku,name,category,tags
1,Fine green tea,Food,tea
2,Cotton dress,apparel,dress
3,wooden table,home,"wood, heavy"
4,wooden chair,,wood
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Trained:
    """A small model in a folder `build`."""
    build = tmp_path_factory.mktemp("library") / "build"
    parts = {"train": make_products(160), "validation": make_products(210, 1000), "test": make_products(60, 2000)}
    write_catalog(build / "catalog", parts)
    done = train(quick_settings(build, tiny_base, baseline=False))
    assert done is not None
    return done


def test_the_examples_in_the_documentation_hold(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "build").symlink_to(trained.checkpoint.parent)
    (tmp_path / "shop.csv").write_text(SHOP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(training.tagging)
    assert tried >= 12 and not failed


def test_it_answers_the_test_products_as_well_as_the_report_says(trained: Trained) -> None:
    products = make_products(60, 2000)
    model = TaggingModel.from_checkpoint(trained.checkpoint)
    answers = model.predict([product["text"] for product in products])
    right = [answer.category == product["category"] for answer, product in zip(answers, products, strict=True)]
    assert sum(right) / len(right) == pytest.approx(trained.metrics["test"]["category_accuracy"])
    first = answers[0]
    assert sum(model.predict(["green tea"], top=9)[0].categories.values()) == pytest.approx(1.0)
    assert first.confidence == max(first.categories.values()) == first.categories[first.category]


def test_texts_are_cleaned_as_the_server_cleans_them(trained: Trained) -> None:
    model = TaggingModel.from_checkpoint(trained.checkpoint)
    plain, marked_up = model.predict(["green tea number 7", "<b>green  tea</b> number 7"])
    assert plain.confidence == pytest.approx(marked_up.confidence, abs=1e-6)


def test_no_texts_give_no_answers_and_a_single_text_is_refused(trained: Trained) -> None:
    model = TaggingModel.from_checkpoint(trained.checkpoint)
    assert model.predict([]) == []
    with pytest.raises(TypeError, match=r"predict\(\[text\]\)"):
        model.predict("green tea")


def test_what_can_not_be_loaded_or_evaluated_is_a_sentence(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"There is no checkpoint in .*Run `make train` first"):
        TaggingModel.from_checkpoint(tmp_path)
    model = TaggingModel.from_checkpoint(trained.checkpoint)
    with pytest.raises(CatalogError, match=r"shop\.csv can't be read"):
        model.evaluate(tmp_path / "shop.csv")
    (tmp_path / "toys.csv").write_text("title,category\nred kite,toys\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"no product to evaluate on \(1 × unknown category\)"):
        model.evaluate(tmp_path / "toys.csv")
