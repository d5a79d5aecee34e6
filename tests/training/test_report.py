"""The model card says where the linear model is as good."""

from __future__ import annotations

import copy
import json
from typing import Any

from huggingface_hub import ModelCard

from catalog.taxonomy import Label, Taxonomy
from training.card import model_card
from training.report import combined, label_rows, report_text, terminal_lines

TAXONOMY = Taxonomy((Label("food", {"zh": "食品"}), Label("home")), (Label("tea"),))
FIGURES = {"products": 50.0, "category_accuracy": 0.95, "category_macro_f1": 0.94, "tag_micro_f1": 0.8}
METRICS: dict[str, Any] = {
    "training": {
        "base": "english", "base_reason": "training.base names it.", "base_layers": 6, "base_pieces": 30522,
        "pooling": "mean", "max_length": 96, "steps": 100, "batch_size": 32, "epochs": 4.0,
        "seconds": 90.0, "device": "cpu", "precision": "bf16", "processes": 1, "threads": 2, "best_step": 75,
        "plan": None, "recipe": "The encoder is fine-tuned, and also left as it is.",
        "ngram_buckets": 32768,
        "calibration": {
            "category_factor": 0.4, "tag_factor": 0.5, "ngram_category_factor": 1.25, "ngram_tag_factor": 2.0,
        },
        "chosen_on": {"products": 100, "sha256": "1a"},
        "encoder": "frozen", "held_out_log_loss": {"fine-tuned": 1.5, "frozen": 1.25},
        "calibrated_on": {"products": 100, "sha256": "1a", "cross_fitted_products": 800},
    },
    "data": {
        "train": 800, "validation": 100, "test": 50, "languages": {"en": 500, "zh": 300},
        "unknown_token_share": {"en": 0.0, "zh": 0.55}, "cut_share": {"en": 0.31, "zh": 0.01},
    },
    "test": FIGURES,
    "halves": {"test": {"encoder": {**FIGURES, "category_accuracy": 0.931}, "ngrams": FIGURES}},
    "baseline_left_out": None,
    "baseline": {**FIGURES, "category_accuracy": 0.9, "category_macro_f1": 0.9, "tag_micro_f1": 0.7},
    "test_by_language": {"en": FIGURES, "zh": FIGURES},
    "baseline_by_language": {"en": FIGURES, "zh": FIGURES},
    "coverage": [{"precision": 0.95, "confidence": 0.6, "coverage": 0.9, "precision_reached": 0.96}],
    "baseline_coverage": [{"precision": 0.95, "confidence": 0.6, "coverage": 0.8, "precision_reached": 0.96}],
    "confusion": [[45, 5], [0, 0]], "confusions": [{"category": "food", "answered": "home", "products": 5}],
    "labels": {"categories": 1, "tags": 1},
    "categories": [{"id": "food", "precision": 1.0, "recall": 0.9, "f1": 0.95, "baseline_f1": 0.9, "products": 50}],
    "tags": [
        {
            "id": "tea", "threshold": 0.3, "precision": 0.4, "recall": 0.4, "f1": 0.4, "baseline_f1": 0.5,
            "products": 9,
        }
    ],
}  # fmt: skip


def test_the_card_names_what_the_baseline_does_as_well() -> None:
    metrics = copy.deepcopy(METRICS)
    assert "The model is better in every figure of this table" in report_text(metrics, TAXONOMY)
    metrics["baseline"]["tag_micro_f1"] = 0.8
    metrics["baseline_coverage"][0]["coverage"] = 0.95
    card = report_text(metrics, TAXONOMY)
    assert "The baseline is as good or better in: tag micro-F1, coverage at 95% right." in card


def test_the_card_says_which_encoder_held_out_products_have_chosen() -> None:
    assert (
        "the encoder: the base as it is, under a fitted head, by the log loss on 900 held-out products "
        "(1.500 fine-tuned, 1.250 frozen)"
    ) in report_text(METRICS, TAXONOMY)
    alone = {**METRICS["training"], "encoder": "fine-tuned", "held_out_log_loss": {"fine-tuned": 1.5}}
    assert "the encoder:" not in report_text({**METRICS, "training": alone}, TAXONOMY)


def test_the_card_says_what_each_half_contributes() -> None:
    card = report_text(METRICS, TAXONOMY)
    assert "| category accuracy | 0.9500 | 0.9310 | 0.9500 |" in card
    assert "count 0.40 for categories and 0.50 for tags, the table's 1.25 and 2.00" in card
    assert "## What each half contributes" not in report_text({**METRICS, "halves": None}, TAXONOMY)


def test_the_card_warns_of_weak_tags_and_of_a_language_the_base_can_not_read() -> None:
    card = report_text(METRICS, TAXONOMY)
    assert "Tags to use with care (F1 under 0.5 in the test part): tea." in card
    assert "The base english can't read `zh`, the language of 38% of the training products: 55% of its tokens" in card
    assert "can't read `en`" not in card
    assert "food 食品" in card


def test_the_card_says_which_base_it_was_and_why() -> None:
    assert "- the base: english, 6 layers, 30,522 pieces; training.base names it." in report_text(METRICS, TAXONOMY)


def test_the_card_says_whether_a_table_of_n_grams_stands_beside_the_encoder() -> None:
    card = report_text(METRICS, TAXONOMY)
    assert (
        "A BERT encoder (english, mean pooling) with one linear layer, and a table of n-grams (30,522 tokens, 32,768 "
        "rows for pairs), for 2 categories (softmax) and 1 tags"
    ) in card
    alone = report_text({**METRICS, "training": {**METRICS["training"], "ngram_buckets": 0}}, TAXONOMY)
    assert "with one linear layer for 2 categories (softmax)" in alone


def test_the_card_says_of_which_language_many_texts_were_cut() -> None:
    card = report_text(METRICS, TAXONOMY)
    assert "31% of the texts in `en` have more than 96 tokens; what comes after those is not read" in card
    assert "of the texts in `zh` have" not in card


def test_figures_are_told_by_language_where_there_are_several() -> None:
    assert "en (baseline)" in terminal_lines(METRICS)[0]
    assert "`zh`, 50 products" in report_text(METRICS, TAXONOMY)


def test_without_a_test_part_the_card_says_that_nothing_was_measured() -> None:
    metrics = {**METRICS, "test": None}
    assert "nothing was measured" in report_text(metrics, TAXONOMY)
    assert terminal_lines(metrics) == ["The catalogue has no test part: nothing was measured."]


def test_the_hub_reads_licence_base_languages_and_figures_of_the_card() -> None:
    card: Any = ModelCard(model_card(METRICS, report_text(METRICS, TAXONOMY)))
    assert (card.data.license, card.data.base_model) == ("apache-2.0", "sentence-transformers/all-MiniLM-L6-v2")
    assert (card.data.library_name, card.data.pipeline_tag) == ("transformers", "text-classification")
    assert (card.data.language, card.data.metrics) == (["en", "zh"], ["accuracy", "f1"])
    assert card.data.tags == ["product-tagging", "bert"]
    assert {result.metric_name: result.metric_value for result in card.data.eval_results} == {
        "category accuracy": 0.95, "category macro-F1": 0.94, "tag micro-F1": 0.8,
    }  # fmt: skip
    assert card.text.strip() == report_text(METRICS, TAXONOMY).strip()


def test_the_card_of_an_unknown_base_that_was_not_measured_claims_neither_licence_nor_figures() -> None:
    metrics = {**METRICS, "test": None, "training": {**METRICS["training"], "base": "../bert"}}
    data: Any = ModelCard(model_card(metrics, "# Product tagger\n")).data
    assert (data.license, data.base_model, data.eval_results) == (None, None, None)


def test_without_a_baseline_tables_have_no_column_for_it_and_the_reason_is_told() -> None:
    learnt = {"training": METRICS["training"], "data": METRICS["data"]}
    model = {
        "sizes": {"validation": 100, "test": 50}, "test": FIGURES, "validation": FIGURES, "confusion": [[1]],
        "confusions": [],
        "by_language": {"en": FIGURES, "zh": FIGURES}, "coverage": METRICS["coverage"],
        "categories": [{"id": "food", "precision": 1.0, "recall": 0.9, "f1": 0.95, "products": 50}], "tags": [],
    }  # fmt: skip
    metrics = combined(learnt, model, None, "training.baseline is false.")
    text = report_text(metrics, TAXONOMY)
    assert "There is no baseline beside it: training.baseline is false." in text
    assert "| label | precision | recall | F1 | products |" in text and "| figure | model |" in text
    assert terminal_lines(metrics)[-1] == "There is no baseline beside it: training.baseline is false."
    assert "(" not in terminal_lines(metrics)[2]


def test_the_card_says_when_another_validation_part_has_chosen_the_step() -> None:
    assert "kept: step 75, the best on the validation part\n" in report_text(METRICS, TAXONOMY)
    calibrated = {"products": 120, "sha256": "2b", "cross_fitted_products": 0}
    metrics = {**METRICS, "training": {**METRICS["training"], "calibrated_on": calibrated}}
    assert (
        "the best on the validation part of then (100 products); probabilities and thresholds are fitted on the "
        "present one (120 products)"
    ) in report_text(metrics, TAXONOMY)


def test_of_very_many_labels_the_report_lists_the_most_frequent_and_the_confusions_stand_in_a_table() -> None:
    rows = [
        {"id": f"label-{number}", "precision": 1.0, "recall": 0.9, "f1": 0.95, "products": number}
        for number in range(10_000)
    ]
    learnt = {"training": METRICS["training"], "data": METRICS["data"]}
    model = {
        "sizes": {"validation": 100, "test": 50}, "test": FIGURES, "validation": FIGURES, "confusion": None,
        "confusions": [{"category": "label-1", "answered": "label-2", "products": 7}], "categories": rows,
        "tags": [{**row, "threshold": 0.5} for row in rows], "by_language": {}, "coverage": [],
    }  # fmt: skip
    metrics = combined(learnt, model, None, None)
    text = report_text(metrics, TAXONOMY)
    assert "| label-9999 | 0.9500 |" in text.replace("| 1.0000 | 0.9000 ", "") and "| label-9900 |" in text
    assert "| label-9899 |" not in text and "| label-1 | label-2 | 7 |" in text
    assert "These are the 100 with the most test products, of 10,000; labels.csv has all." in text
    assert len(json.dumps(metrics)) < 60_000 and len(text) < 30_000
    assert len(label_rows(model, None)["tags"]) == 10_000


def test_the_card_says_why_which_encoders_were_made_and_tells_no_steps_where_none_was_fine_tuned() -> None:
    text = report_text(METRICS, TAXONOMY)
    assert "- The encoder is fine-tuned, and also left as it is." in text and "100 steps of 32 products" in text
    frozen = {**METRICS["training"], "steps": 0, "recipe": "The encoder is left as it is.", "best_step": None}
    alone = report_text({**METRICS, "training": frozen}, TAXONOMY)
    assert "- The encoder is left as it is." in alone and "steps of" not in alone
