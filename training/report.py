"""What a run found, in words: the report, which is also the model card's text, and the lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.taxonomy import Taxonomy
from training.text_facts import unread_warnings

KINDS = ("categories", "tags")
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
MOST_LABELS = 100
"""More categories, or tags, are not listed in report and metrics.json: a file of its own has them all."""
LABELS_FILE = "labels.csv"


def combined(
    learnt: Mapping[str, Any], model: Mapping[str, Any], baseline: Mapping[str, Any] | None, left_out: str | None
) -> dict[str, Any]:
    """Put together what metrics.json holds.

    Args:
        learnt: `training` and `data`, as the checkpoint's own metrics.json has them.
        model: the checkpoint's figures (`training.measurement.measure`), and the `sizes` of the parts.
        baseline: the baseline's figures; None where there are none.
        left_out: why there are none, one sentence.
    """
    metrics: dict[str, Any] = {
        "training": learnt["training"],
        "data": {**learnt["data"], **model["sizes"]},
        "validation": model.get("validation", learnt.get("validation")),
        "baseline_left_out": left_out if model.get("test") and baseline is None else None,
    }
    if not model.get("test"):
        return {**metrics, "test": None, "baseline": None, "categories": [], "tags": []}
    metrics |= {key: model[key] for key in ("test", "coverage", "confusion", "confusions")}
    metrics["halves"] = model.get("halves")
    metrics["test_by_language"] = model["by_language"]
    metrics["baseline"] = baseline["test"] if baseline else None
    metrics["baseline_by_language"] = baseline["by_language"] if baseline else None
    metrics["baseline_coverage"] = baseline["coverage"] if baseline else None
    for kind, rows in label_rows(model, baseline).items():
        metrics[kind] = rows if len(rows) <= MOST_LABELS else _most_frequent(rows)
    metrics["labels"] = {kind: len(model[kind]) for kind in KINDS}
    return metrics


def label_rows(model: Mapping[str, Any], baseline: Mapping[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of every category and every tag, with the baseline's F1 beside them where there is one.

    Args:
        model: the checkpoint's figures; without a test part there are none.
        baseline: the baseline's; None where there are none.
    """
    if not model.get("test"):
        return {kind: [] for kind in KINDS}
    if baseline is None:
        return {kind: list(model[kind]) for kind in KINDS}
    return {
        kind: [{**own, "baseline_f1": other["f1"]} for own, other in zip(model[kind], baseline[kind], strict=True)]
        for kind in KINDS
    }


def _most_frequent(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -row["products"])[:MOST_LABELS]


def report_text(metrics: Mapping[str, Any], taxonomy: Taxonomy) -> str:
    """Write the report in Markdown from what metrics.json holds."""
    training, data = metrics["training"], metrics["data"]
    names = ", ".join(f"{label.id} {label.names.get('zh', '')}".strip() for label in taxonomy.categories[:12])
    more = " …" if len(taxonomy.categories) > 12 else ""
    lines = [
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
        f"- {training['recipe']}",
        *_how_long(training),
        *_how_the_step_was_chosen(training),
        *_which_encoder(training),
    ]
    if plan := training["plan"]:
        given_up = f" Given up for the time: {plan['given_up']}." if plan["given_up"] else ""
        lines.append(f"- {plan['reason']}{given_up}")
    if metrics["test"] is None:
        return "\n".join([*lines, "", "The catalogue has no test part: nothing was measured.", ""])
    lines += ["", "## Test part", "", *_headline_table(metrics["test"], metrics["baseline"]), ""]
    if metrics["baseline"]:
        lines += [
            "The baseline is TF-IDF with linear support vector machines, fitted and calibrated on the same products. "
            + _where_the_baseline_is_as_good(metrics)
        ]
    else:
        lines += [f"There is no baseline beside it: {metrics['baseline_left_out']}"]
    if metrics["halves"]:
        lines += ["", "## What each half contributes", "", *_halves_table(metrics["test"], metrics["halves"]["test"])]
        lines += ["", _weights_of(training["calibration"])]
    if len(metrics["test_by_language"]) > 1:
        lines += ["", "## By language", ""]
        for language, figures in metrics["test_by_language"].items():
            baseline = metrics["baseline_by_language"][language] if metrics["baseline"] else None
            title = f"`{language}`, {figures['products']:,.0f} products"
            lines += [title, "", *_headline_table(figures, baseline), ""]
    lines += ["", "## How much can be tagged without a person", "", *_coverage_table(metrics)]
    lines += ["", "The least confidence is chosen on the validation part and tried on the test part."]
    lines += ["", "## Categories", "", *_label_table(metrics, "categories")]
    if metrics["confusion"] is None and metrics["confusions"]:
        lines += ["", "## Most frequent confusions", "", *_confusion_table(metrics["confusions"])]
    if metrics["tags"]:
        lines += ["", "## Tags", "", *_label_table(metrics, "tags")]
    lines += ["", "## Limits", "", *_limits(metrics)]
    return "\n".join([*lines, ""])


def terminal_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return the lines that a person is shown after the run."""
    if metrics["test"] is None:
        return ["The catalogue has no test part: nothing was measured."]
    baseline = metrics["baseline"]
    columns = [("all", metrics["test"], baseline)]
    if len(metrics["test_by_language"]) > 1:
        beside = metrics["baseline_by_language"] if baseline else {}
        columns += [(name, figures, beside.get(name)) for name, figures in metrics["test_by_language"].items()]
    title = " (baseline)" if baseline else ""
    lines = [f"{'test part':<34}" + "".join(f"{name + title:>20}" for name, _, _ in columns)]
    lines.append(f"{'products':<34}" + "".join(f"{figures['products']:>20,.0f}" for _, figures, _ in columns))
    for key, title in HEADLINES:
        if key in metrics["test"]:
            cells = (_beside(_figure(own.get(key)), base and _figure(base.get(key))) for _, own, base in columns)
            lines.append(f"{title:<34}" + "".join(f"{cell:>20}" for cell in cells))
    others = metrics["baseline_coverage"] if baseline else [None] * len(metrics["coverage"])
    for row, other in zip(metrics["coverage"], others, strict=True):
        cell = _beside(_share(row["coverage"]), other and _share(other["coverage"]))
        title = f"coverage at {row['precision']:.0%} right"
        lines.append(f"{title:<34}{cell:>20}")
    if metrics["baseline_left_out"]:
        lines.append(f"There is no baseline beside it: {metrics['baseline_left_out']}")
    return lines


def _beside(own: str, other: str | None) -> str:
    return f"{own} ({other})" if other else own


def _how_long(training: Mapping[str, Any]) -> list[str]:
    if not training["steps"]:
        return []
    return [
        f"- {training['steps']:,} steps of {training['batch_size']} products ({training['epochs']:g} epochs) in "
        f"{training['seconds'] / 60:.1f} minutes on {training['device']} ({training['precision']}, "
        f"{training['processes']} process{'' if training['processes'] == 1 else 'es'}, {training['threads']} threads)"
    ]


def _how_the_step_was_chosen(training: Mapping[str, Any]) -> list[str]:
    if not training["best_step"]:
        return []
    chosen, calibrated = training["chosen_on"], training["calibrated_on"]
    line = f"- kept: step {training['best_step']:,}, the best on the validation part"
    if chosen["sha256"] != calibrated["sha256"]:
        line += (
            f" of then ({chosen['products']:,} products); probabilities and thresholds are fitted on the present one "
            f"({calibrated['products']:,} products)"
        )
    return [line]


def _which_encoder(training: Mapping[str, Any]) -> list[str]:
    losses, calibrated = training["held_out_log_loss"], training["calibrated_on"]
    if len(losses) == 1:
        return []
    taken = "the fine-tuned one" if training["encoder"] == "fine-tuned" else "the base as it is, under a fitted head"
    count = calibrated["products"] + calibrated["cross_fitted_products"]
    told = ", ".join(f"{loss:.3f} {name}" for name, loss in losses.items())
    return [f"- the encoder: {taken}, by the log loss on {count:,} held-out products ({told})"]


def _beside_the_encoder(training: Mapping[str, Any]) -> str:
    if not training["ngram_buckets"]:
        return ""
    return (
        f", and a table of n-grams ({training['base_pieces']:,} tokens, {training['ngram_buckets']:,} rows for pairs),"
    )


def _headline_table(model: Mapping[str, float], baseline: Mapping[str, float] | None) -> list[str]:
    lines = ["| figure | model | baseline |", "|---|---|---|"] if baseline else ["| figure | model |", "|---|---|"]
    for key, title in HEADLINES:
        if key in model:
            cells = [title, _figure(model[key]), *([_figure(baseline.get(key))] if baseline else [])]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _halves_table(both: Mapping[str, float], halves: Mapping[str, Mapping[str, float]]) -> list[str]:
    lines = ["| figure | together | encoder alone | n-gram table alone |", "|---|---|---|---|"]
    for key, title in HEADLINES:
        if key in halves["encoder"] and key != "category_micro_f1":
            cells = (_figure(figures.get(key)) for figures in (both, halves["encoder"], halves["ngrams"]))
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def _weights_of(calibration: Mapping[str, float]) -> str:
    return (
        f"The encoder's logits count {calibration['category_factor']:.2f} for categories and "
        f"{calibration['tag_factor']:.2f} for tags, the table's {calibration['ngram_category_factor']:.2f} and "
        f"{calibration['ngram_tag_factor']:.2f}: fitted on products that neither was trained on."
    )


def _coverage_table(metrics: Mapping[str, Any]) -> list[str]:
    others = metrics["baseline_coverage"]
    head = ["right answers wanted", "least confidence", "coverage", "right in the test part"]
    head += ["baseline's coverage"] if others else []
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for number, row in enumerate(metrics["coverage"]):
        cells = [f"{row['precision']:.0%}", _figure(row["confidence"]), _share(row["coverage"])]
        cells += [_share(row["precision_reached"]), *([_share(others[number]["coverage"])] if others else [])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _confusion_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["| true category | answered | products |", "|---|---|---|"]
    return lines + [f"| {row['category']} | {row['answered']} | {row['products']:,} |" for row in rows]


def _label_table(metrics: Mapping[str, Any], kind: str) -> list[str]:
    rows, there = metrics[kind], metrics["labels"][kind]
    figures = [("threshold", "threshold")] if "threshold" in rows[0] else []
    figures += [("precision", "precision"), ("recall", "recall"), ("f1", "F1")]
    figures += [("baseline_f1", "baseline's F1")] if "baseline_f1" in rows[0] else []
    lines = [f"| label | {' | '.join(title for _, title in figures)} | products |"]
    lines.append("|---" * (len(figures) + 2) + "|")
    for row in rows:
        cells = [row["id"], *(_figure(row[key]) for key, _ in figures), f"{row['products']:,}"]
        lines.append(f"| {' | '.join(cells)} |")
    if len(rows) < there:
        lines += ["", f"These are the {len(rows)} with the most test products, of {there:,}; {LABELS_FILE} has all."]
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
