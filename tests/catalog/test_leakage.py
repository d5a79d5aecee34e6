"""What the splits leak: hardly a test product has a variant in training, hardly a product is joined with another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from catalog.grouping.titles import group_titles
from catalog.leakage import Variants, catalogues, leakage_of
from catalog.leakage.__main__ import main

MOST_TWINS, MOST_JOINED = 0.01, 0.02
SMALL = [name for name, _ in catalogues(1) if "long" not in name]


@pytest.mark.parametrize("name", SMALL)
def test_variants_of_test_products_are_not_trained_on_and_other_products_are_not_joined(name: str) -> None:
    found = leakage_of(dict(catalogues(1))[name], group_titles)
    assert found.tests > 100
    assert found.twins <= MOST_TWINS
    assert found.joined <= MOST_JOINED


def test_a_shirt_in_nine_colours_is_one_product_and_one_of_another_cloth_is_another() -> None:
    cloths = ("Cotton", "Linen", "Silk", "Wool", "Denim", "Fleece", "Jersey", "Velvet")
    cuts = ("T-Shirt", "Jacket", "Trousers", "Hoodie", "Pyjamas", "Coat")
    people = ("Men", "Women", "Boys", "Girls", "Kids")
    colours = ("Red", "Blue", "Green", "Black", "White", "Grey", "Navy", "Pink", "Yellow")
    kinds = list(itertools.product(cloths, cuts, people))
    titles = [f"{cloth} {cut} for {person}, {colour}, M" for cloth, cut, person in kinds for colour in colours]
    found = leakage_of(Variants(titles, np.repeat(np.arange(240), 9)), group_titles)
    assert len(titles) == 2160
    assert (found.twins, found.joined) == (0.0, 0.0)


def test_dealing_products_out_one_by_one_leaks_nearly_every_twin() -> None:
    found = leakage_of(dict(catalogues(1))["English, short"], lambda titles: np.arange(len(titles)))
    assert found.twins > 0.9
    assert found.joined == 0


def test_the_command_prints_a_row_for_each_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "short"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["English, short", "Chinese, short"]
