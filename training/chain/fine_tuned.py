"""The first step: base and training products in, out in build/encoders a model for each candidate (`recipe`).

The validation products choose the best of the evaluated models, but are no input of the step. Other validation
products calibrate the model again, which is no reason to train for an hour. The facts say which products have chosen.
Nor are the categories' display names, which are learnt beside the products (`label_names`).
"""

from __future__ import annotations

import logging
import os
import platform
import resource
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from catalog.prepared import READERS, Part, PartTexts
from settings import Settings
from steps import Step, code_digest, versions
from training.base import BaseModel, BasePlan, find_or_make_base
from training.chain.inputs import catalog_directory, labels_digest, part_digest, read_taxonomy
from training.course import COURSE_FILE, Course
from training.data import EncodedExamples
from training.errors import TrainingError
from training.fine_tuning import fine_tune
from training.frozen import fit_frozen
from training.label_names import name_examples, with_names
from training.modeling_product_tagging import BertForProductTagging
from training.recipe import FINE_TUNED, FROZEN, choose_recipe
from training.sampling import choosing_products, sample
from training.saving import save_model
from training.text_facts import text_facts, unread_warnings

logger = logging.getLogger(__name__)

RUN = "training"
"""The folder of the build directory in which an interrupted run keeps what it has learnt so far."""
PACKAGES = ("tokenizers", "torch", "transformers")
OF_LATER_STEPS = ("baseline", "ngram_buckets", "report_to")
"""Settings that change no weight."""


def fine_tuned_step(settings: Settings, plan: BasePlan) -> Step:
    """The step that the settings and the prepared catalogue ask for.

    Raises:
        PreparedCatalogError: The training part is missing; `TaxonomyError` and `BaseModelError` likewise.
    """
    return Step(
        "The fine-tuned model",
        settings.build_dir / "encoders",
        {
            "the training products": part_digest(settings, "train"),
            "the labels": labels_digest(read_taxonomy(settings)),
            "the training settings": settings.training.model_dump(mode="json", exclude=set(OF_LATER_STEPS)),
            "the base": {"name": plan.name, **plan.fingerprint()},
            "the code": code_digest("training.chain.fine_tuned", without=READERS),
            "the versions": versions(PACKAGES),
        },
        holds=(COURSE_FILE,),
    )


def make_fine_tuned(step: Step, settings: Settings, plan: BasePlan, *, writes: bool) -> None:
    """Fine-tune, or go on with an interrupted run of the same inputs.

    Args:
        step: what is made.
        settings: `training` and `build_dir` are used.
        plan: the base.
        writes: whether this process, of several that train together, writes the output.

    Raises:
        TrainingError: There is no product to train on, or the run can't be done; `BaseModelError` likewise.
        DiskError: The disk is full, or can't be written.
    """
    catalog, run = catalog_directory(settings), settings.build_dir / RUN
    products = Part(catalog, "train")
    if next(iter(products), None) is None:
        raise TrainingError(f"{catalog}/train.jsonl holds no product: there is nothing to train on.")
    logger.info("The base is %s: %s", plan.name, plan.reason)
    # Of the training products alone: what the others say must not decide what the model is made of.
    base = find_or_make_base(plan, PartTexts(products), settings.build_dir / "base", settings.training.max_length)
    tokenizer, taxonomy = base.tokenizer(settings.training.max_length), read_taxonomy(settings)
    own = EncodedExamples(products, taxonomy, tokenizer)
    names = list(name_examples(taxonomy))
    train = with_names(own, names, taxonomy, tokenizer)
    chosen = sample(Part(catalog, "validation"), choosing_products(taxonomy.layout.width))
    validation = EncodedExamples(chosen, taxonomy, tokenizer)
    data = text_facts(own, tokenizer.unk_token_id)
    for sentence in unread_warnings(base.name, data):
        logger.warning("%s", sentence)
    recipe = choose_recipe(settings.training, len(own), taxonomy)
    logger.info("%s", recipe.reason)
    models: dict[str, BertForProductTagging] = {}
    history: list[dict[str, float]] = []
    tuned: Mapping[str, Any] = {}
    begun = time.monotonic()
    if FINE_TUNED in recipe.candidates:
        fine_tuned = fine_tune(
            settings.training,
            base,
            tokenizer,
            taxonomy,
            train,
            validation,
            run,
            settings.build_dir / "reports" / "tensorboard" / datetime.now().strftime("%Y%m%d-%H%M%S"),
            step.inputs,
        )
        models[FINE_TUNED], history, tuned = fine_tuned.model, fine_tuned.history, fine_tuned.facts
    if not writes:
        return
    if FROZEN in recipe.candidates:
        models[FROZEN] = fit_frozen(settings.training, base, tokenizer, taxonomy, train)
    chosen_on = {"products": len(validation), "sha256": part_digest(settings, "validation")}
    facts = {
        **_facts(settings, base, next(iter(models.values())).config.pooling),
        "recipe": recipe.reason,
        "seconds": round(time.monotonic() - begun, 1),
        "steps": 0,
        "best_step": None,
        "plan": None,
        **tuned,
        "chosen_on": chosen_on if tuned.get("best_step") else None,
    }
    with step.making() as directory:
        for name, model in models.items():
            (directory / name).mkdir()
            save_model(directory / name, model, tokenizer)
        data["sha256"] = step.inputs["the training products"]
        Course(facts, data, history, names).write(directory)
    discard_run(settings)  # only now: until here an interruption costs nothing that was learnt


def discard_run(settings: Settings) -> None:
    """Remove what an interrupted run has left, once its model is there."""
    shutil.rmtree(settings.build_dir / RUN, ignore_errors=True)


def _facts(settings: Settings, base: BaseModel, pooling: str) -> Mapping[str, Any]:
    return {
        "base": base.name,
        "base_reason": base.reason,
        "base_layers": base.layers,
        "base_pieces": base.pieces,
        "pooling": pooling,
        "max_length": settings.training.max_length,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(PACKAGES),
    }
