"""The third step: the checkpoint's figures on the held-out products."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.prepared import READERS, Part
from settings import Settings
from steps import Step, code_digest, versions
from training.chain.inputs import catalog_directory, content_digest, part_digest, read_taxonomy, rules_digest
from training.checkpoint import ANSWERING, Checkpoint, read_checkpoint
from training.data import EncodedExamples
from training.halves import fit_into_memory, measure_halves, parts_of
from training.measurement import FIGURES_FILE, measure, write_figures

logger = logging.getLogger(__name__)

HELD_OUT = ("validation", "test")
PACKAGES = ("scikit-learn", "tokenizers", "torch", "transformers")


def measured_step(settings: Settings, checkpoint: Path) -> Step:
    """The step that measures a checkpoint.

    Raises:
        PreparedCatalogError: A part is missing; `TaxonomyError` likewise.
    """
    return Step(
        "The checkpoint's measurement",
        settings.build_dir / "measured" / "checkpoint",
        {
            "the checkpoint": content_digest(checkpoint, ANSWERING),
            "the labels": rules_digest(read_taxonomy(settings)),
            **{f"the {split} products": part_digest(settings, split) for split in HELD_OUT},
            "the code": code_digest("training.chain.measured", without=READERS),
            "the versions": versions(PACKAGES),
        },
        holds=(FIGURES_FILE,),
    )


def make_measured(step: Step, settings: Settings, checkpoint: Path) -> None:
    """Ask the checkpoint about the held-out products, and write its figures.

    Raises:
        TrainingError: The checkpoint can't be loaded; `PreparedCatalogError` likewise.
        DiskError: The disk is full, or can't be written.
    """
    parts = {split: Part(catalog_directory(settings), split) for split in HELD_OUT}
    figures: dict[str, Any] = {"sizes": {split: part.count() for split, part in parts.items()}}
    if figures["sizes"]["test"]:
        loaded = read_checkpoint(checkpoint)
        figures |= _measure(loaded, parts, figures["sizes"])
    else:
        logger.warning("The catalogue has no test part: nothing is measured.")
    with step.making() as directory:
        write_figures(directory, figures)


def _measure(loaded: Checkpoint, parts: Mapping[str, Part], sizes: Mapping[str, int]) -> dict[str, Any]:
    """The figures of the model, and of its two halves where it has them and their answers fit into memory."""
    taxonomy, thresholds = loaded.taxonomy, loaded.thresholds
    if loaded.model.ngrams is None or not fit_into_memory(sum(sizes.values()), taxonomy.layout.width):
        answers = {split: loaded.answers(part, f"{split} part") for split, part in parts.items()}
        return measure(answers["validation"], answers["test"], taxonomy, thresholds)
    encoded = {split: EncodedExamples(part, taxonomy, loaded.tokenizer) for split, part in parts.items()}
    halves = {split: parts_of(loaded, examples, f"{split} part") for split, examples in encoded.items()}
    answers = {split: both.answers(loaded) for split, both in halves.items()}
    figures = measure(answers["validation"], answers["test"], taxonomy, thresholds)
    return {**figures, "halves": {"test": measure_halves(halves["validation"], halves["test"], taxonomy)}}
