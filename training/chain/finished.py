"""The second step: the fine-tuned model in, the checkpoint out: table of n-grams, calibration, thresholds.

The checkpoint is complete then. What follows measures it and writes about it, and may fail without harm.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from catalog.heads import TAG
from catalog.prepared import READERS, Example, Part, read_split
from catalog.taxonomy import Taxonomy
from settings import Settings
from steps import Step, code_digest, file_digest, versions
from training.answers import answers_of, in_batches
from training.candidates import Candidate, HeldOut, choose
from training.chain.cross_fitted import ANSWERS_FILE, with_folds
from training.chain.inputs import catalog_directory, content_digest, part_digest, read_taxonomy
from training.checkpoint import ANSWERING, CARD_FILE, METRICS_FILE, Checkpoint, load_model, write_checkpoint
from training.course import COURSE_FILE, read_course
from training.data import EncodedExamples
from training.evaluation import summarize
from training.inference import predict_logits, probabilities_of
from training.label_names import with_names
from training.ngrams import Ngrams, different_tokens, fit_ngrams, products_to_fit, table_size
from training.recipe import FINE_TUNED, FROZEN
from training.sampling import choosing_products, sample, spread
from training.thresholds import choose_thresholds

logger = logging.getLogger(__name__)

LEARNT = ("config.json", "model.safetensors", "tokenizer.json")
PACKAGES = ("scikit-learn", "scipy", "tokenizers", "torch", "transformers")
CARD = """\
# Product tagger

Calibrated, and not measured yet: `python -m training` measures it on the test products and writes the figures here.
"""


def finished_step(settings: Settings, fine_tuned: Path, folds: Sequence[Path] = ()) -> Step:
    """The step that makes a checkpoint of the model in a directory.

    Args:
        settings: `training` and `build_dir` are used.
        fine_tuned: the directory.
        folds: outputs of `training.chain.cross_fitted`, which calibrate beside the validation products.

    Raises:
        PreparedCatalogError: The validation part is missing; `TaxonomyError` likewise.
    """
    return Step(
        "The checkpoint",
        settings.build_dir / "checkpoint",
        {
            "how it was trained": content_digest(fine_tuned, (COURSE_FILE,)),
            **{f"the {name} encoder": content_digest(fine_tuned / name, LEARNT) for name in _candidates(fine_tuned)},
            "the validation products": part_digest(settings, "validation"),
            "the folds": [content_digest(fold, (ANSWERS_FILE,)) for fold in folds],
            "the taxonomy": file_digest(catalog_directory(settings) / "taxonomy.json"),
            "the training settings": settings.training.model_dump(mode="json", include={"ngram_buckets", "seed"}),
            "the code": code_digest("training.chain.finished", without=READERS),
            "the versions": versions(PACKAGES),
        },
        holds=(*ANSWERING, "taxonomy.json", METRICS_FILE, CARD_FILE),
    )


def _candidates(fine_tuned: Path) -> list[str]:
    """Names of the candidates that lie in a directory."""
    return [name for name in (FINE_TUNED, FROZEN) if (fine_tuned / name).is_dir()]


def make_finished(step: Step, settings: Settings, fine_tuned: Path, folds: Sequence[Path] = ()) -> None:
    """Fit the table of n-grams, calibrate, choose the thresholds, and write the checkpoint.

    Raises:
        TrainingError: The fine-tuned model can't be loaded; `PreparedCatalogError` and `TaxonomyError` likewise.
        DiskError: The disk is full, or can't be written.
    """
    course, taxonomy = read_course(fine_tuned), read_taxonomy(settings)
    catalog, layout = catalog_directory(settings), taxonomy.layout
    models = {name: load_model(fine_tuned / name) for name in _candidates(fine_tuned)}
    first, tokenizer = next(iter(models.values()))
    validation = Part(catalog, "validation")
    encoded = EncodedExamples(sample(validation, choosing_products(layout.width)), taxonomy, tokenizer)
    ngrams = _fit_table(settings, first.config.vocab_size, taxonomy, tokenizer, course.names)
    ngram_logits = ngrams.logits(encoded) if ngrams else None
    train = read_split(catalog, "train") if folds else []
    candidates = []
    for name, (model, _) in models.items():
        logits = predict_logits(model, encoded, int(tokenizer.pad_token_id), "validation part")
        held_out = with_folds(HeldOut(logits, ngram_logits, encoded.labels), train, taxonomy, folds, name)
        candidates.append(Candidate.of(name, model, held_out, layout))
    best = choose(candidates)
    model, held_out, calibration = best.model, best.held_out, best.calibration
    calibration.fold_into(model.classifier, layout)
    if ngrams:
        ngrams.put_into(model, calibration.ngram_factors(layout))
    probabilities = probabilities_of(best.logits, layout)
    thresholds = choose_thresholds(probabilities[:, layout.columns(TAG)], held_out.labels.tags.toarray())
    answers = answers_of(in_batches(probabilities[: len(encoded)]), thresholds, encoded.labels, taxonomy)
    metrics = {
        "training": {
            **course.training,
            "encoder": best.name,
            "held_out_log_loss": {candidate.name: round(candidate.loss, 4) for candidate in candidates},
            "ngram_buckets": model.config.ngram_buckets,
            "calibration": asdict(calibration),
            "calibrated_on": {
                "products": len(encoded),
                "sha256": step.inputs["the validation products"],
                "cross_fitted_products": len(held_out.labels) - len(encoded),
            },
        },
        "data": {**course.data, "validation": validation.count()},
        "validation": summarize(answers) if len(encoded) else None,
        "test": None,
    }
    with step.making() as directory:
        write_checkpoint(directory, Checkpoint(model, tokenizer, taxonomy, thresholds), metrics, CARD)


def _fit_table(
    settings: Settings,
    vocab_size: int,
    taxonomy: Taxonomy,
    tokenizer: PreTrainedTokenizerBase,
    names: Sequence[Example],
) -> Ngrams | None:
    width, products = taxonomy.layout.width, Part(catalog_directory(settings), "train")
    there, most = products.count(), products_to_fit(width)
    products_there = EncodedExamples(spread(products, there, most), taxonomy, tokenizer)
    train = with_names(products_there, names, taxonomy, tokenizer)
    size = table_size(settings.training, different_tokens(train), width)
    if not size.buckets:
        return None
    of_all = f" of {there:,}" if there > most else ""
    logger.info("Fitting the n-gram table: %d labels, %s%s products.", width, f"{min(there, most):,}", of_all)
    return fit_ngrams(train, taxonomy.layout, vocab_size, size, settings.training.seed)
