"""Between the first step and the second, on small catalogues: answers to the training products by models without them.

Weights of the two halves, calibration and thresholds want some hundred products that were not trained on. Where the
validation part has fewer, the training products are dealt out to folds. Each fold is answered by a model and a table
that were fitted on the others (cross-fitting). A fold is a step of its own: an interrupted run goes on with the next.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from catalog.grouping.titles import group_titles
from catalog.prepared import READERS, Example, Part, PartTexts, read_split
from catalog.taxonomy import Taxonomy
from settings import Settings
from steps import Step, code_digest
from training.base import BasePlan, find_or_make_base
from training.candidates import HeldOut
from training.chain.inputs import catalog_directory, read_taxonomy
from training.course import read_course
from training.data import EncodedExamples, encode_labels, joined_labels
from training.fine_tuning import fine_tune
from training.frozen import fit_frozen
from training.inference import predict_logits
from training.label_names import with_names
from training.ngrams import different_tokens, fit_ngrams, table_size
from training.rates import least_steps
from training.recipe import FINE_TUNED, FROZEN, choose_recipe

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

FOLDS = 3
ENOUGH_VALIDATION = 100
"""With so many validation products the folds would tell little more, and cost twice the training again."""
FEWEST_PRODUCTS = 30
ANSWERS_FILE = "answers.npz"
NGRAMS = "ngrams"


def with_folds(
    validation: HeldOut, train: Sequence[Example], taxonomy: Taxonomy, folds: Sequence[Path], encoder: str
) -> HeldOut:
    """Put the folds' answers to the training products behind those to the validation products.

    Args:
        validation: what is said of them.
        train: the training products.
        taxonomy: numbers their labels.
        folds: outputs of `make_fold`.
        encoder: `FINE_TUNED` or `FROZEN`.
    """
    parts = [validation]
    for fold in folds:
        with np.load(fold / ANSWERS_FILE) as arrays:
            labels = encode_labels((train[row] for row in arrays["rows"]), taxonomy)
            parts.append(HeldOut(arrays[encoder], arrays.get(NGRAMS), labels))
    tables = [part.ngrams for part in parts if part.ngrams is not None]
    return HeldOut(
        np.concatenate([part.encoder for part in parts]),
        np.concatenate(tables) if tables else None,
        joined_labels([part.labels for part in parts]),
    )


def number_of_folds(settings: Settings) -> int:
    """Say how many folds there are: none where the validation part is large enough, or time or processes are bounded.

    Raises:
        PreparedCatalogError: A part of the catalogue is missing.
    """
    if settings.training.minutes is not None or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return 0
    catalog = catalog_directory(settings)
    few = Part(catalog, "validation").count() < ENOUGH_VALIDATION
    return FOLDS if few and Part(catalog, "train").count() >= FEWEST_PRODUCTS else 0


def fold_steps(settings: Settings, fine_tuned: Step) -> list[Step]:
    """The steps, one a fold, of the same inputs as the fine-tuned model and the table."""
    inputs = {
        **{name: value for name, value in fine_tuned.inputs.items() if name != "the code"},
        "the n-gram table": {"ngram_buckets": settings.training.ngram_buckets},
        "the code": code_digest("training.chain.cross_fitted", without=READERS),
    }
    return [
        Step(
            f"Fold {number} of {FOLDS}",
            settings.build_dir / "folds" / str(number),
            {**inputs, "the fold": number},
            holds=(ANSWERS_FILE,),
        )
        for number in range(1, number_of_folds(settings) + 1)
    ]


def make_fold(step: Step, settings: Settings, plan: BasePlan, encoders: Path, number: int) -> None:
    """Fit a model and a table on the other folds' products, and answer this one's.

    Args:
        step: what is made.
        settings: `training` and `build_dir` are used.
        plan: the base.
        encoders: output of the step before, which holds the categories' names.
        number: of the fold, from 1.

    Raises:
        TrainingError: The run can't be done; `BaseModelError` and `PreparedCatalogError` likewise.
        DiskError: The disk is full, or can't be written.
    """
    examples = read_split(catalog_directory(settings), "train")
    inside = fold_numbers(examples, settings.training.seed) == number - 1
    answers = {FINE_TUNED: _no_answers(settings), FROZEN: _no_answers(settings)}
    if inside.any() and not inside.all():
        answers = _answers(step, settings, plan, encoders, number, examples, inside)
    else:
        inside[:] = False  # all products are variants of one: nobody can answer them without having seen them
    with step.making() as directory:
        np.savez(directory / ANSWERS_FILE, rows=np.flatnonzero(inside), **answers)
    shutil.rmtree(_run_directory(settings, number), ignore_errors=True)


def _answers(
    step: Step,
    settings: Settings,
    plan: BasePlan,
    encoders: Path,
    number: int,
    examples: list[Example],
    inside: npt.NDArray[np.bool_],
) -> dict[str, Floats]:
    """Logits [N, C + T] for the products inside, of two models and a table that were fitted on the others."""
    catalog, taxonomy, training = catalog_directory(settings), read_taxonomy(settings), settings.training
    base = find_or_make_base(plan, PartTexts(Part(catalog, "train")), settings.build_dir / "base", training.max_length)
    tokenizer = base.tokenizer(training.max_length)
    others, own = (
        EncodedExamples([examples[row] for row in np.flatnonzero(rows)], taxonomy, tokenizer)
        for rows in (~inside, inside)
    )
    others = with_names(others, read_course(encoders).names, taxonomy, tokenizer)
    steps = round(least_steps(training, base.recipe) * np.count_nonzero(~inside) / len(examples))
    run, pad_token_id = _run_directory(settings, number), int(tokenizer.pad_token_id)
    # Chosen as for the whole: two thirds of the products may be too few where all are not.
    candidates = choose_recipe(training, len(examples), taxonomy).candidates
    answers: dict[str, Floats] = {}
    if FINE_TUNED in candidates:
        fitted = fine_tune(
            training.model_copy(update={"min_steps": steps}),
            base,
            tokenizer,
            taxonomy,
            others,
            EncodedExamples([], taxonomy, tokenizer),
            run,
            run / "logs",
            step.inputs,
        )
        answers[FINE_TUNED] = predict_logits(fitted.model, own, pad_token_id)
    if FROZEN in candidates:
        answers[FROZEN] = predict_logits(fit_frozen(training, base, tokenizer, taxonomy, others), own, pad_token_id)
    vocab_size = base.pieces
    size = table_size(training, different_tokens(others), taxonomy.layout.width)
    if size.buckets:
        answers[NGRAMS] = fit_ngrams(others, taxonomy.layout, vocab_size, size, training.seed).logits(own)
    return answers


def _no_answers(settings: Settings) -> Floats:
    return np.zeros((0, read_taxonomy(settings).layout.width), dtype=np.float32)


def _run_directory(settings: Settings, number: int) -> Path:
    return settings.build_dir / f"training-fold-{number}"


def fold_numbers(examples: list[Example], seed: int) -> npt.NDArray[np.int64]:
    """Deal products out to folds, variants of one to the same, each category to all as evenly as may be.

    Args:
        examples: N training products.
        seed: of the shuffling.

    Returns:
        Numbers from 0, int64 [N].
    """
    categories = np.unique([example.category for example in examples], return_inverse=True)[1]
    groups = group_titles([example.text for example in examples])
    numbers = np.zeros(len(examples), dtype=np.int64)
    if len(np.unique(groups)) < FOLDS:
        return numbers
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a category of fewer products than folds is no fault
        for number, (_, rows) in enumerate(folds.split(groups, categories, groups)):
            numbers[rows] = number
    return numbers
