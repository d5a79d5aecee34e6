"""The whole stage: build/catalog in, build/checkpoint and build/reports out."""

from __future__ import annotations

import json
import logging
import os
import platform
import resource
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers
from transformers import PreTrainedTokenizerBase

from catalog.heads import TAG
from catalog.prepared import SPLITS, Example, read_split
from catalog.taxonomy import Taxonomy
from catalog.thresholds import choose_thresholds
from settings import Settings, TrainingSettings
from steps import locked, staged_directory
from training import plots
from training.base import BaseModel, BasePlan, find_or_make_base, plan_base
from training.calibration import Calibration, fit_calibration
from training.checkpoint import digest_of, read_fingerprint, write_checkpoint
from training.data import EncodedExamples, encode_labels
from training.errors import TrainingError, full_disk_told
from training.evaluation import Answers, confusion
from training.fine_tuning import FineTuned, check_settings, fine_tune
from training.inference import predict_logits, probabilities_of
from training.measurement import HELD_OUT, answers_of, baseline_answers, count_languages, data_facts, figures
from training.modeling_product_tagging import BertForProductTagging
from training.ngrams import Ngrams, buckets_for, fit_ngrams
from training.report import model_card, unread_warnings

logger = logging.getLogger(__name__)

CATALOG_CODE = ("baseline.py", "heads.py", "linear_machines.py", "thresholds.py")
"""What of the catalogue's code decides the outcome."""


@dataclass(frozen=True)
class Trained:
    """What `train` has made or found.

    Attributes:
        checkpoint: the directory.
        metrics: what its metrics.json holds.
        up_to_date: whether it was there already, from the same catalogue, settings, base and code.
        created: when it was made.
    """

    checkpoint: Path
    metrics: Mapping[str, Any]
    up_to_date: bool
    created: str


@dataclass(frozen=True)
class Material:
    """What a run learns from: the examples by part, their tokens, the labels and the tokenizer."""

    parts: Mapping[str, list[Example]]
    encoded: Mapping[str, EncodedExamples]
    taxonomy: Taxonomy
    tokenizer: PreTrainedTokenizerBase


def train(settings: Settings, *, force: bool = False) -> Trained | None:
    """Fine-tune, calibrate and evaluate, unless that has been done already.

    Args:
        settings: `training` and `build_dir` are used.
        force: train again even when nothing has changed.

    Returns:
        None in every process but the first, under torchrun.

    Raises:
        TrainingError: the run can't be done; `PreparedCatalogError`, `TaxonomyError` and `BaseModelError` likewise.
        CatalogError: another run trains in the same build directory.
    """
    catalog, target = settings.build_dir / "catalog", settings.build_dir / "checkpoint"
    check_settings(settings.training)
    parts = {split: read_split(catalog, split) for split in SPLITS}
    plan = plan_base(settings.training, count_languages(parts["train"]))
    fingerprint = _fingerprint(settings, catalog, plan)
    former = read_fingerprint(target)
    if former and not force and all(former.get(key) == value for key, value in fingerprint.items()):
        known = json.loads((target / "metrics.json").read_text(encoding="utf-8"))
        return Trained(target, known, up_to_date=True, created=str(former.get("created")))
    if not parts["train"]:
        raise TrainingError(f"{catalog}/train.jsonl holds no product: there is nothing to train on.")

    first = int(os.environ.get("RANK", "0")) == 0
    with full_disk_told(settings.build_dir), locked(settings.build_dir / "training") if first else nullcontext():
        return _train(settings, plan, parts, fingerprint)


def _train(
    settings: Settings, plan: BasePlan, parts: Mapping[str, list[Example]], fingerprint: Mapping[str, Any]
) -> Trained | None:
    catalog, target = settings.build_dir / "catalog", settings.build_dir / "checkpoint"
    texts = {split: [example.text for example in examples] for split, examples in parts.items()}
    logger.info("The base is %s: %s", plan.name, plan.reason)
    base = find_or_make_base(plan, texts, settings.build_dir / "base", settings.training.max_length)
    material = _encode(
        parts, Taxonomy.from_json(catalog / "taxonomy.json"), base.tokenizer(settings.training.max_length)
    )
    facts = data_facts(material.parts, material.encoded, material.tokenizer.unk_token_id)
    for sentence in unread_warnings(base.name, facts):
        logger.warning("%s", sentence)
    run, reports = settings.build_dir / "training", settings.build_dir / "reports"
    fine_tuned = fine_tune(
        settings.training,
        base,
        material.tokenizer,
        material.taxonomy,
        material.encoded["train"],
        material.encoded["validation"],
        run,
        reports / "tensorboard" / datetime.now().strftime("%Y%m%d-%H%M%S"),
        fingerprint,
    )
    if int(os.environ.get("RANK", "0")) != 0:
        return None
    calibration, thresholds, answers = _finish(settings.training, fine_tuned, material)
    metrics = {
        "training": _training_facts(settings, base, fine_tuned, calibration),
        "data": facts,
        **_measure(answers, material, thresholds, reports),
    }
    plots.plot_loss(reports / "loss.png", fine_tuned.history, fine_tuned.facts["best_step"])
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    card = model_card(metrics, material.taxonomy)
    with staged_directory(target) as directory:
        write_checkpoint(
            directory,
            model=fine_tuned.model,
            tokenizer=material.tokenizer,
            taxonomy=material.taxonomy,
            thresholds=thresholds,
            metrics=metrics,
            model_card=card,
            fingerprint={"created": created, **fingerprint},
        )
    for name in ("metrics.json", "README.md"):
        shutil.copyfile(target / name, reports / name.replace("README", "report"))
    shutil.rmtree(run, ignore_errors=True)  # only now: until here an interruption costs nothing that was trained
    return Trained(target, metrics, up_to_date=False, created=created)


def _encode(parts: Mapping[str, list[Example]], taxonomy: Taxonomy, tokenizer: PreTrainedTokenizerBase) -> Material:
    encoded = {
        split: EncodedExamples([e.text for e in examples], encode_labels(examples, taxonomy), tokenizer)
        for split, examples in parts.items()
    }
    return Material(parts, encoded, taxonomy, tokenizer)


def _finish(
    settings: TrainingSettings, fine_tuned: FineTuned, material: Material
) -> tuple[Calibration, npt.NDArray[np.float32], dict[str, Answers]]:
    """Add the n-gram table, calibrate, choose the thresholds [T], and answer the held-out parts."""
    model, labels = fine_tuned.model, material.encoded["validation"].labels
    pad, layout = int(material.tokenizer.pad_token_id), material.taxonomy.layout
    logits = {split: predict_logits(model, material.encoded[split], pad, f"{split} part") for split in HELD_OUT}
    ngrams = _fit_ngrams(settings, model, material)
    ngram_logits = {split: ngrams.logits(material.encoded[split]) if ngrams else None for split in HELD_OUT}
    calibration = fit_calibration(
        logits["validation"], layout, labels.category, labels.tags > 0, ngram_logits["validation"]
    )
    calibration.fold_into(model.classifier, layout)
    if ngrams and calibration.uses_ngrams:
        ngrams.put_into(model, calibration.ngram_factors(layout))
    probabilities = {
        split: probabilities_of(calibration.apply(values, layout, ngram_logits[split]), layout)
        for split, values in logits.items()
    }
    thresholds = choose_thresholds(probabilities["validation"][:, layout.columns(TAG)], labels.tags > 0)
    answers = {
        split: answers_of(values, thresholds, material.parts[split], material.encoded[split], material.taxonomy)
        for split, values in probabilities.items()
    }
    return calibration, thresholds, answers


def _fit_ngrams(settings: TrainingSettings, model: BertForProductTagging, material: Material) -> Ngrams | None:
    """Fit the table; None where it isn't wanted, or no validation product tells what it counts."""
    buckets = buckets_for(settings, model.config.vocab_size, model.config.num_labels)
    if not buckets or not material.parts["validation"]:
        return None
    num_categories = len(material.taxonomy.category_ids)
    logger.info("Fitting the n-gram table: %d labels.", model.config.num_labels)
    return fit_ngrams(material.encoded["train"], num_categories, model.config.vocab_size, buckets, settings.seed)


def _measure(
    answers: Mapping[str, Answers], material: Material, thresholds: npt.NDArray[np.float32], reports: Path
) -> dict[str, Any]:
    """Measure the test part beside the baseline, and draw it."""
    if not material.parts["test"]:
        logger.warning("The catalogue has no test part: nothing is measured.")
        return {"test": None, "baseline": None, "categories": [], "tags": []}
    baseline = baseline_answers(material.parts, material.encoded, material.taxonomy)
    counts = confusion(answers["test"], material.taxonomy)
    plots.plot_confusion(reports / "confusion.png", counts, material.taxonomy.category_ids)
    plots.plot_precision_coverage(reports / "precision_coverage.png", answers["test"], baseline["test"])
    plots.plot_reliability(reports / "reliability.png", answers["test"])
    return figures(answers, baseline, material.taxonomy, thresholds)


def _fingerprint(settings: Settings, catalog: Path, plan: BasePlan) -> dict[str, Any]:
    """What decides the outcome; the number of processes and the logger don't."""
    here, beside = Path(__file__).parent, Path(__file__).parents[1] / "catalog"
    return {
        "catalog": digest_of(*(catalog / f"{split}.jsonl" for split in SPLITS), catalog / "taxonomy.json"),
        "settings": settings.training.model_dump(mode="json", exclude={"report_to"}),
        "base": {"name": plan.name, **plan.fingerprint()},
        "code": digest_of(*sorted(here.rglob("*.py")), *(beside / name for name in CATALOG_CODE)),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }


def _training_facts(
    settings: Settings, base: BaseModel, fine_tuned: FineTuned, calibration: Calibration
) -> dict[str, Any]:
    return {
        "base": base.name,
        "base_reason": base.reason,
        "base_layers": base.layers,
        "base_pieces": base.pieces,
        "pooling": fine_tuned.model.config.pooling,
        "max_length": settings.training.max_length,
        **fine_tuned.facts,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "ngram_buckets": fine_tuned.model.config.ngram_buckets,
        "calibration": asdict(calibration),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
