"""The whole stage: build/catalog in, build/checkpoint and build/reports out."""

from __future__ import annotations

import json
import logging
import os
import platform
import resource
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from catalog.baseline import LinearBaseline
from catalog.prepared import SPLITS, Example, read_split
from catalog.publish import staged_directory
from catalog.taxonomy import Taxonomy
from settings import Settings
from training import plots
from training.base import BaseModel, resolve_base
from training.calibration import Calibration, fit_calibration
from training.checkpoint import digest_of, read_fingerprint, write_checkpoint
from training.data import EncodedExamples, encode_labels
from training.errors import TrainingError
from training.evaluation import (
    PRECISIONS,
    Answers,
    by_language,
    category_table,
    confusion,
    coverage_at,
    f1_scores,
    give_tags,
    summarize,
    tag_table,
)
from training.fine_tuning import FineTuned, fine_tune
from training.inference import predict_logits, probabilities_of
from training.report import model_card
from training.thresholds import choose_thresholds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What `train` has made or found.

    Attributes:
        checkpoint: the directory.
        metrics: what its metrics.json holds.
        up_to_date: whether it was there already, from the same catalogue, settings and code.
        created: when it was made.
    """

    checkpoint: Path
    metrics: Mapping[str, Any]
    up_to_date: bool
    created: str


def train(settings: Settings, *, force: bool = False) -> Trained | None:
    """Fine-tune, calibrate and evaluate, unless that has been done already.

    Args:
        settings: `training` and `build_dir` are used.
        force: train again even when nothing has changed.

    Returns:
        None in every process but the first, under torchrun.

    Raises:
        TrainingError: the run can't be done; `PreparedCatalogError`, `TaxonomyError` and `BaseModelError` likewise.
    """
    catalog, target = settings.build_dir / "catalog", settings.build_dir / "checkpoint"
    reports = settings.build_dir / "reports"
    parts = {split: read_split(catalog, split) for split in SPLITS}
    taxonomy = Taxonomy.from_json(catalog / "taxonomy.json")
    base = resolve_base(settings.training.base, settings.training.max_length)
    fingerprint = _fingerprint(settings, catalog, base)
    former = read_fingerprint(target)
    if former and not force and all(former.get(key) == value for key, value in fingerprint.items()):
        known = json.loads((target / "metrics.json").read_text(encoding="utf-8"))
        return Trained(target, known, up_to_date=True, created=str(former.get("created")))
    if not parts["train"]:
        raise TrainingError(f"{catalog}/train.jsonl holds no product: there is nothing to train on.")

    tokenizer = base.tokenizer(settings.training.max_length)
    encoded = {
        split: EncodedExamples([e.text for e in examples], encode_labels(examples, taxonomy), tokenizer)
        for split, examples in parts.items()
    }
    run = settings.build_dir / "training"
    fine_tuned = fine_tune(
        settings.training,
        base,
        tokenizer,
        taxonomy,
        encoded["train"],
        encoded["validation"],
        run,
        reports / "tensorboard" / datetime.now().strftime("%Y%m%d-%H%M%S"),
        fingerprint,
    )
    if int(os.environ.get("RANK", "0")) != 0:
        return None

    pad, num_categories = int(tokenizer.pad_token_id), len(taxonomy.category_ids)
    logits = {
        split: predict_logits(fine_tuned.model, encoded[split], pad, f"{split} part")
        for split in ("validation", "test")
    }
    held_out = encoded["validation"].labels
    calibration = fit_calibration(logits["validation"], held_out.category, held_out.tags > 0)
    calibration.fold_into(fine_tuned.model.classifier, num_categories)
    probabilities = {
        split: probabilities_of(calibration.apply(values, num_categories), num_categories)
        for split, values in logits.items()
    }
    thresholds = choose_thresholds(probabilities["validation"][:, num_categories:], held_out.tags > 0)
    answers = {
        split: _answers(values, thresholds, parts[split], encoded[split], taxonomy)
        for split, values in probabilities.items()
    }
    metrics: dict[str, Any] = {
        "training": _training_facts(settings, base, fine_tuned, calibration),
        "data": _data_facts(parts, encoded, int(tokenizer.unk_token_id if tokenizer.unk_token_id is not None else -1)),
    }
    if parts["test"]:
        baseline = _baseline_answers(parts, encoded, taxonomy)
        metrics |= _figures(answers, baseline, taxonomy, thresholds)
        _draw(reports, answers["test"], baseline["test"], taxonomy)
    else:
        logger.warning("The catalogue has no test part: nothing is measured.")
        metrics |= {"test": None, "baseline": None, "categories": [], "tags": []}
    metrics["training"]["peak_memory_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    plots.plot_loss(reports / "loss.png", fine_tuned.history, fine_tuned.facts["best_step"])
    card = model_card(metrics, taxonomy)
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with staged_directory(target) as directory:
        write_checkpoint(
            directory,
            model=fine_tuned.model,
            tokenizer=tokenizer,
            taxonomy=taxonomy,
            thresholds=thresholds,
            metrics=metrics,
            model_card=card,
            fingerprint={"created": created, **fingerprint},
        )
    for name, text in (("metrics.json", json.dumps(metrics, ensure_ascii=False, indent=1) + "\n"), ("report.md", card)):
        (reports / name).write_text(text, encoding="utf-8")
    shutil.rmtree(run, ignore_errors=True)  # only now: until here an interruption costs nothing that was trained
    return Trained(target, metrics, up_to_date=False, created=created)


def _fingerprint(settings: Settings, catalog: Path, base: BaseModel) -> dict[str, Any]:
    """What decides the outcome; the number of processes and the logger don't."""
    options = settings.training.model_dump(mode="json", exclude={"report_to"})
    weights = sorted(Path(base.source).glob("*.safetensors")) if Path(base.source).is_dir() else []
    code = sorted(Path(__file__).parent.glob("*.py"))
    return {
        "catalog": digest_of(*(catalog / f"{split}.jsonl" for split in SPLITS), catalog / "taxonomy.json"),
        "settings": options,
        "base": digest_of(*weights) if weights else base.source,
        "code": digest_of(*code),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }


def _answers(
    probabilities: Any, thresholds: Any, examples: Sequence[Example], encoded: EncodedExamples, taxonomy: Taxonomy
) -> Answers:
    categories = len(taxonomy.category_ids)
    category_part, tag_part = probabilities[:, :categories], probabilities[:, categories:]
    return Answers(
        category_probabilities=category_part,
        tag_probabilities=tag_part,
        tags_given=give_tags(category_part, tag_part, thresholds, taxonomy),
        category=encoded.labels.category,
        tags=encoded.labels.tags > 0,
        languages=np.array([example.lang for example in examples], dtype=np.str_),
    )


def _baseline_answers(
    parts: Mapping[str, Sequence[Example]], encoded: Mapping[str, EncodedExamples], taxonomy: Taxonomy
) -> dict[str, Answers]:
    logger.info("Fitting the baseline (TF-IDF + linear) on the same products.")
    baseline = LinearBaseline().fit(parts["train"], taxonomy, parts["validation"])
    answers = {}
    for split in ("validation", "test"):
        texts = [example.text for example in parts[split]]
        if texts:
            probabilities = np.hstack([baseline.category_probabilities(texts), baseline.tag_probabilities(texts)])
        else:
            probabilities = np.zeros((0, len(taxonomy.category_ids) + len(taxonomy.tag_ids)), dtype=np.float32)
        answers[split] = _answers(probabilities, baseline.thresholds, parts[split], encoded[split], taxonomy)
    return answers


def _figures(
    answers: Mapping[str, Answers], baseline: Mapping[str, Answers], taxonomy: Taxonomy, thresholds: Any
) -> dict[str, Any]:
    test, linear = answers["test"], baseline["test"]
    categories, tags = category_table(test, taxonomy), tag_table(test, taxonomy, thresholds)
    for row, other in zip(categories, category_table(linear, taxonomy), strict=True):
        row["baseline_f1"] = other["f1"]
    for row, score in zip(tags, f1_scores(linear.tags, linear.tags_given).tolist(), strict=True):
        row["baseline_f1"] = score
    return {
        "test": summarize(test),
        "baseline": summarize(linear),
        "test_by_language": by_language(test),
        "baseline_by_language": by_language(linear),
        "validation": summarize(answers["validation"]) if len(answers["validation"].category) else None,
        "coverage": _coverages(answers),
        "baseline_coverage": _coverages(baseline),
        "categories": categories,
        "tags": tags,
        "confusion": confusion(test, taxonomy).tolist(),
    }


def _coverages(answers: Mapping[str, Answers]) -> list[dict[str, float | None]]:
    validation, test = ((part.confidence, part.answered == part.category) for part in answers.values())
    return [coverage_at(precision, validation, test) for precision in PRECISIONS]


def _training_facts(
    settings: Settings, base: BaseModel, fine_tuned: FineTuned, calibration: Calibration
) -> dict[str, Any]:
    return {
        "base": base.name,
        "pooling": fine_tuned.model.config.pooling,
        "max_length": settings.training.max_length,
        **fine_tuned.facts,
        "calibration": vars(calibration),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def _data_facts(
    parts: Mapping[str, Sequence[Example]], encoded: Mapping[str, EncodedExamples], unk_token_id: int
) -> dict[str, Any]:
    train = parts["train"]
    languages = Counter(example.lang for example in train)
    unknown: dict[str, float] = {}
    for language in languages:
        ids = [encoded["train"].token_ids(row) for row, example in enumerate(train) if example.lang == language]
        unknown[language] = float((np.concatenate(ids) == unk_token_id).mean())
    return {
        **{split: len(examples) for split, examples in parts.items()},
        "languages": dict(languages.most_common()),
        "unknown_token_share": unknown,
        "mean_tokens": float(encoded["train"].lengths.mean()),
    }


def _draw(reports: Path, test: Answers, baseline: Answers, taxonomy: Taxonomy) -> None:
    plots.plot_confusion(reports / "confusion.png", confusion(test, taxonomy), taxonomy.category_ids)
    plots.plot_precision_coverage(reports / "precision_coverage.png", test, baseline)
    plots.plot_reliability(reports / "reliability.png", test)
