"""What a run found, in words: the model card, which is also the report, and the lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from catalog.taxonomy import Taxonomy
from training.base import unread_languages

HEADLINES = (
    ("category_accuracy", "category accuracy"),
    ("category_macro_f1", "category macro-F1"),
    ("category_micro_f1", "category micro-F1"),
    ("category_ece", "category calibration error (ECE)"),
    ("tag_micro_f1", "tag micro-F1"),
    ("tag_macro_f1", "tag macro-F1"),
    ("tag_ece", "tag calibration error (ECE)"),
)

CUT_SHARE_TOLD = 0.02
"""A larger share of cut texts is told among the limits."""


def model_card(metrics: Mapping[str, Any], taxonomy: Taxonomy) -> str:
    """Write the model card in Markdown from what metrics.json holds."""
    training, data = metrics["training"], metrics["data"]
    names = ", ".join(f"{label.id} {label.names.get('zh', '')}".strip() for label in taxonomy.categories[:12])
    more = " …" if len(taxonomy.categories) > 12 else ""
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-classification",
        "tags: [product-tagging, bert]",
        "---",
        "",
        "# Product tagger",
        "",
        f"A BERT encoder ({training['base']}, {training['pooling']} pooling) with one linear layer"
        f"{_beside_the_encoder(training)} for {len(taxonomy.categories)} categories (softmax) and {len(taxonomy.tags)} "
        f"tags (a sigmoid each) of a product text. Categories: {names}{more}.",
        "",
        f"Texts are cleaned as the catalogue stage cleans them and cut at {training['max_length']} tokens.",
        "",
        "## Training",
        "",
        f"- {data['train']:,} products to train on, {data['validation']:,} for validation, {data['test']:,} for the "
        f"test; languages of the training part: {_counts(data['languages'])}",
        f"- the base: {training['base']}, {training['base_layers']} layers, {training['base_pieces']:,} pieces; "
        f"{training['base_reason']}",
        f"- {training['steps']:,} steps of {training['batch_size']} products ({training['epochs']:g} epochs) in "
        f"{training['seconds'] / 60:.1f} minutes on {training['device']} ({training['precision']}, "
        f"{training['processes']} process{'' if training['processes'] == 1 else 'es'}, {training['threads']} threads)",
    ]
    if training["best_step"]:
        lines.append(f"- kept: step {training['best_step']:,}, the best on the validation part")
    if plan := training["plan"]:
        given_up = f" Given up for the time: {plan['given_up']}." if plan["given_up"] else ""
        lines.append(f"- {plan['reason']}{given_up}")
    if metrics["test"] is None:
        return "\n".join([*lines, "", "The catalogue has no test part: nothing was measured.", ""])
    lines += ["", "## Test part", "", *_headline_table(metrics["test"], metrics["baseline"])]
    lines += [
        "",
        "The baseline is TF-IDF with linear support vector machines, fitted and calibrated on the same products. "
        + _where_the_baseline_is_as_good(metrics),
    ]
    if len(metrics["test_by_language"]) > 1:
        lines += ["", "## By language", ""]
        for language, figures in metrics["test_by_language"].items():
            baseline = metrics["baseline_by_language"][language]
            title = f"`{language}`, {figures['products']:,.0f} products"
            lines += [title, "", *_headline_table(figures, baseline), ""]
    lines += ["", "## How much can be tagged without a person", ""]
    lines += ["| right answers wanted | least confidence | coverage | right in the test part | baseline's coverage |"]
    lines += ["|---|---|---|---|---|"]
    for row, baseline in zip(metrics["coverage"], metrics["baseline_coverage"], strict=True):
        lines.append(
            f"| {row['precision']:.0%} | {_figure(row['confidence'])} | {_share(row['coverage'])} | "
            f"{_share(row['precision_reached'])} | {_share(baseline['coverage'])} |"
        )
    lines += ["", "The least confidence is chosen on the validation part and tried on the test part."]
    lines += ["", "## Categories", "", *_label_table(metrics["categories"])]
    if metrics["tags"]:
        lines += ["", "## Tags", "", *_label_table(metrics["tags"])]
    lines += ["", "## Limits", "", *_limits(metrics)]
    return "\n".join([*lines, ""])


def unread_warnings(base: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each language of the catalogue that the base can't read.

    Args:
        base: its name.
        data: what `training.measurement.data_facts` told.
    """
    for language, products, unknown in unread_languages(data["languages"], data["unknown_token_share"]):
        yield (
            f"The base {base} can't read `{language}`, the language of {products:.0%} of the training products: "
            f"{unknown:.0%} of its tokens are unknown to it, and figures in this language are limited by that. "
            "Set training.base to one that reads it, such as multilingual."
        )


def terminal_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return the lines that a person is shown after the run."""
    if metrics["test"] is None:
        return ["The catalogue has no test part: nothing was measured."]
    columns = [("all", metrics["test"], metrics["baseline"])]
    if len(metrics["test_by_language"]) > 1:
        columns += [(k, v, metrics["baseline_by_language"][k]) for k, v in metrics["test_by_language"].items()]
    lines = [f"{'test part':<34}" + "".join(f"{name + ' (baseline)':>20}" for name, _, _ in columns)]
    lines.append(f"{'products':<34}" + "".join(f"{figures['products']:>20,.0f}" for _, figures, _ in columns))
    for key, title in HEADLINES:
        if key in metrics["test"]:
            cells = (f"{_figure(model.get(key))} ({_figure(base.get(key))})" for _, model, base in columns)
            lines.append(f"{title:<34}" + "".join(f"{cell:>20}" for cell in cells))
    for row, baseline in zip(metrics["coverage"], metrics["baseline_coverage"], strict=True):
        title = f"coverage at {row['precision']:.0%} right"
        lines.append(f"{title:<34}{_share(row['coverage']) + ' (' + _share(baseline['coverage']) + ')':>20}")
    return lines


def _beside_the_encoder(training: Mapping[str, Any]) -> str:
    if not training["ngram_buckets"]:
        return ""
    return (
        f", and a table of n-grams ({training['base_pieces']:,} tokens, {training['ngram_buckets']:,} rows for pairs),"
    )


def _headline_table(model: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    lines = ["| figure | model | baseline |", "|---|---|---|"]
    for key, title in HEADLINES:
        if key in model:
            lines.append(f"| {title} | {_figure(model[key])} | {_figure(baseline.get(key))} |")
    return lines


def _label_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    threshold = "threshold" in rows[0]
    lines = [f"| label |{' threshold |' if threshold else ''} precision | recall | F1 | baseline's F1 | products |"]
    lines.append("|---|" + "---|" * (6 if threshold else 5))
    for row in rows:
        cells = [row["id"], *([_figure(row["threshold"])] if threshold else [])]
        cells += [_figure(row[key]) for key in ("precision", "recall", "f1", "baseline_f1")]
        lines.append(f"| {' | '.join(cells)} | {row['products']:,} |")
    return lines


def _where_the_baseline_is_as_good(metrics: Mapping[str, Any]) -> str:
    """Name the figures in which the linear model is as good or better."""
    model, baseline = metrics["test"], metrics["baseline"]
    as_good = [
        title
        for key, title in HEADLINES
        if key in model and not key.endswith("_ece") and model[key] <= baseline.get(key, 0.0) + 0.001
    ]
    for row, other in zip(metrics["coverage"], metrics["baseline_coverage"], strict=True):
        if (other["coverage"] or 0.0) > (row["coverage"] or 0.0):
            as_good.append(f"coverage at {row['precision']:.0%} right")
    if not as_good:
        return "The model is better in every figure of this table, and covers no fewer products."
    return f"The baseline is as good or better in: {', '.join(as_good)}."


def _limits(metrics: Mapping[str, Any]) -> list[str]:
    weak = [row["id"] for row in metrics["tags"] if row["products"] and row["f1"] < 0.5]
    data = metrics["data"]
    lines = [
        "- It knows the categories and tags it was trained on, and answers the nearest for anything else; "
        "`serving.abstain_below` makes it abstain where it is unsure.",
        "- The probabilities are calibrated on this catalogue's validation part; other products may need new ones.",
    ]
    if weak:
        lines.append(f"- Tags to use with care (F1 under 0.5 in the test part): {', '.join(weak[:30])}.")
    lines += [f"- {sentence}" for sentence in unread_warnings(metrics["training"]["base"], data)]
    read = metrics["training"]["max_length"]
    for language, share in data["cut_share"].items():
        if share > CUT_SHARE_TOLD:
            lines.append(
                f"- {share:.0%} of the texts in `{language}` have more than {read} tokens; what comes after those is "
                "not read (`training.max_length`)."
            )
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
