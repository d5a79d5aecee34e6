"""The model card: what the Hugging Face hub reads of it, in front of the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from catalog.language import UNKNOWN
from training.base.builtin import ENGLISH, MULTILINGUAL
from training.spoken import OTHER

BASES = {
    ENGLISH: ("sentence-transformers/all-MiniLM-L6-v2", "apache-2.0"),
    MULTILINGUAL: ("intfloat/multilingual-e5-small", "mit"),
}
"""Built-in base → its id on the hub, and its licence, which the fine-tuned model takes over."""
METRICS = {
    "category_accuracy": ("accuracy", "category accuracy"),
    "category_macro_f1": ("f1", "category macro-F1"),
    "tag_micro_f1": ("f1", "tag micro-F1"),
}
"""Figure of the test part → its type and name on the hub."""
TAGS = ("product-tagging", "bert")


def model_card(metrics: Mapping[str, Any], text: str) -> str:
    """Put the metadata in front of a card's text.

    Args:
        metrics: what metrics.json holds.
        text: Markdown.
    """
    name, licence = BASES.get(metrics["training"]["base"], (None, None))
    test = metrics["test"] or {}
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type="catalogue",
            dataset_name="test part of the catalogue",
            metric_type=kind,
            metric_name=title,
            metric_value=round(test[key], 4),
        )
        for key, (kind, title) in METRICS.items()
        if key in test
    ]
    data = ModelCardData(
        model_name="Product tagger" if results else None,
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=name,
        license=licence,
        language=[code for code in metrics["data"]["languages"] if code not in (OTHER, UNKNOWN)] or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        tags=list(TAGS),
        eval_results=results or None,
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}", ignore_metadata_errors=False))
