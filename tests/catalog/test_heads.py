"""The heads: one layout, one encoding and one decision for all that trains, measures and serves a model."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from catalog import heads
from catalog.heads import CATEGORY, HEADS, SOFTMAX, TAG, DecisionRule, Head, Layout, UnknownLabel
from catalog.prepared import Example
from catalog.taxonomy import Label, Taxonomy
from export.held_out import HeldOut
from export.parity import Limits, compare, measure
from training.answers import decide, in_batches
from training.data import Labels
from training.inference import probabilities_of

ROOT = Path(__file__).parents[2]
LABELING = ROOT / "model_repository" / "labeler" / "1" / "labeling.py"
TAXONOMY = Taxonomy((Label("food"), Label("home")), (Label("tea", categories=("food",)), Label("wood"), Label("gift")))
LAYOUT = TAXONOMY.layout
THRESHOLDS = {"tea": 0.5, "wood": 0.25, "gift": 0.8}
RULE = DecisionRule.of(TAXONOMY.data, THRESHOLDS)


@dataclass(frozen=True)
class ColouredExample(Example):
    """A product with a label of a third kind."""

    color: str = "red"


@pytest.fixture(scope="module")
def labeler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The served labeler, as it runs in a release."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "taxonomy.json").write_text(TAXONOMY.to_json(), encoding="utf-8")
    (folder / "thresholds.json").write_text(json.dumps({"tags": THRESHOLDS}), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "heads", heads)
        spec = importlib.util.spec_from_file_location("served_labeling", LABELING)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module.Labeler(folder, 0.0)


def test_the_columns_are_the_categories_and_then_the_tags() -> None:
    assert LAYOUT.names == ("category/food", "category/home", "tag/tea", "tag/wood", "tag/gift")
    assert (LAYOUT.width, LAYOUT.columns(CATEGORY), LAYOUT.columns(TAG)) == (5, slice(0, 2), slice(2, 5))


def test_a_layout_is_read_back_from_the_names_of_a_model_s_outputs() -> None:
    assert Layout.of_names(LAYOUT.names) == LAYOUT
    odd = Taxonomy((Label("a/b"), Label("tag/c")), (Label("category/d"),)).layout
    assert Layout.of_names(odd.names) == odd
    with pytest.raises(ValueError, match=r"'colour/red' is none of: category/…, tag/…"):
        Layout.of_names(["category/food", "colour/red"])
    with pytest.raises(ValueError, match="not in the order"):
        Layout.of_names(["tag/tea", "category/food"])


def test_categories_share_their_probability_and_every_tag_has_its_own() -> None:
    probabilities = LAYOUT.probabilities(torch.tensor([[1.0, 1.0, 0.0, 100.0, -100.0]]))
    assert probabilities[0].tolist() == pytest.approx([0.5, 0.5, 0.5, 1.0, 0.0])


def test_the_labels_of_examples_become_targets() -> None:
    targets = LAYOUT.encode([Example("1", "en", "x", "home", ("gift", "tea", "rare")), Example("2", "en", "y", "food")])
    assert targets[CATEGORY].tolist() == [1, 0] and targets[CATEGORY].dtype == np.int64
    assert targets[TAG].toarray().tolist() == [[True, False, True], [False] * 3]
    assert {head: values.shape for head, values in LAYOUT.encode([]).items()} == {CATEGORY: (0,), TAG: (0, 3)}


def test_a_category_that_the_taxonomy_does_not_list_is_told_with_its_product() -> None:
    with pytest.raises(UnknownLabel, match="Product 'sku-7' has the category 'toys', which the taxonomy does not list"):
        LAYOUT.encode([Example("sku-7", "en", "x", "toys")])


def test_a_tag_without_a_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="no threshold for the tag 'wood'"):
        DecisionRule.of(TAXONOMY.data, {"tea": 0.5})


def test_an_abstention_has_no_category_and_keeps_every_tag_over_its_threshold() -> None:
    unsure = np.array([[0.4, 0.6, 0.9, 0.25, 0.1]], dtype=np.float32)
    category, confidence, tags = DecisionRule.of(TAXONOMY.data, THRESHOLDS, abstain_below=0.7).decide(unsure)
    assert (category.tolist(), confidence.tolist()) == ([2], pytest.approx([0.6]))
    assert tags.tolist() == [[True, True, False]]
    assert RULE.decide(unsure).tags.tolist() == [[False, True, False]]


LOGITS = st.lists(st.lists(st.floats(-12, 12, width=32), min_size=5, max_size=5), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(LOGITS)
def test_the_labeler_the_evaluation_and_the_parity_gate_answer_the_same_to_the_same_logits(
    labeler: Any, rows: list[list[float]]
) -> None:
    scores = probabilities_of(np.array(rows, dtype=np.float32), LAYOUT)
    served = labeler.label(scores)
    category = np.array([TAXONOMY.category_ids.index(name.decode()) for name in served.categories[:, 0]])
    tags = np.array([[tag.encode() in row for tag in TAXONOMY.tag_ids] for row in served.tags])

    weight = np.ones(len(rows), np.float32)
    labels = Labels(category, csr_matrix(tags), weight, weight > 0, np.full(len(rows), "en"))
    answers = decide(in_batches(scores), RULE, labels)
    assert (answers.answered == category).all() and (answers.tags_given.unpacked() == tags).all()
    assert (answers.confidence == served.category_scores[:, 0]).all()

    products = HeldOut([np.arange(3)] * len(rows), category, tags, {"test": len(rows)}, pad_token_id=0)
    found = measure(scores, products, RULE)
    assert (found.category_macro_f1, found.tag_micro_f1) == (1.0, float(tags.any()))
    assert compare("graph", scores, scores, scores, products, RULE, Limits(0.0, 1.0, 0.0)).passed


def test_another_head_is_one_more_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    color = Head("color", labels="colors", targets="color", activation=SOFTMAX)
    monkeypatch.setattr(heads, "HEADS", (*HEADS, color))
    taxonomy = {**TAXONOMY.data, "colors": [{"id": "red"}, {"id": "blue"}]}

    layout = Layout.of(taxonomy)
    assert layout.names == (*LAYOUT.names, "color/red", "color/blue")
    assert Layout.of_names(layout.names) == layout
    assert layout.encode([ColouredExample("1", "en", "x", "home", color="blue")])[color].tolist() == [1]
    probabilities = probabilities_of(np.zeros((1, 7), dtype=np.float32), layout)
    assert probabilities.tolist() == [[0.5] * 7]
    assert DecisionRule.of(taxonomy, THRESHOLDS).decide(probabilities).tags.tolist() == [[True, True, False]]


def test_the_served_file_needs_numpy_alone(tmp_path: Path) -> None:
    (tmp_path / "heads.py").write_bytes((ROOT / "catalog" / "heads.py").read_bytes())
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import heads\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'torch', 'pydantic', 'catalog', 'steps', 'yaml'})"
    )
    printed = subprocess.check_output([sys.executable, "-I", "-c", program], text=True, timeout=60)
    assert printed.strip() == "set()"
