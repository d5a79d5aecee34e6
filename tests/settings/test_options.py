"""Several settings in one text, as make passes them on."""

from __future__ import annotations

import argparse

import pytest

from settings import add_settings_options, load_settings
from settings.options import split_pairs


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("training.epochs=2", ["training.epochs=2"]),
        (" training.epochs=2   serving.http_port=9000 ", ["training.epochs=2", "serving.http_port=9000"]),
        ("catalog.columns={title: Product Name}", ["catalog.columns={title: Product Name}"]),
        (
            "catalog.columns={title: Product Name, tags: a.b=c} build_dir=my build",
            ["catalog.columns={title: Product Name, tags: a.b=c}", "build_dir=my build"],
        ),
        ("catalog.path=my shop.csv training.epochs=2", ["catalog.path=my shop.csv", "training.epochs=2"]),
        ("catalog.path='a b.c=d' catalog.limit=5", ["catalog.path='a b.c=d'", "catalog.limit=5"]),
        ("catalog.path=children's shop.csv catalog.limit=5", ["catalog.path=children's shop.csv", "catalog.limit=5"]),
        ("catalog.columns=[16, 32] catalog.limit=5", ["catalog.columns=[16, 32]", "catalog.limit=5"]),
        ("catalog.path=商品 表.csv trainning.epochs=2", ["catalog.path=商品 表.csv", "trainning.epochs=2"]),
        ("epochs", ["epochs"]),
        ("", []),
    ],
)
def test_a_new_pair_begins_where_a_word_names_a_setting(text: str, pairs: list[str]) -> None:
    assert split_pairs(text) == pairs


def test_pairs_of_one_option_and_of_several_are_all_taken() -> None:
    parser = add_settings_options(argparse.ArgumentParser())
    given = parser.parse_args(
        ["--set", "catalog.columns={title: Product Name} catalog.limit=5", "--set", "catalog.limit=6"]
    )
    catalog = load_settings(None, given.set).catalog
    assert (catalog.columns, catalog.limit) == ({"title": "Product Name"}, 6)
    assert parser.parse_args([]).set == []
