"""The fourth step: the baseline's figures on the same products. It knows nothing of the fine-tuned model.

It may fail, be turned off, or be left out because it doesn't fit into memory; the checkpoint stays what it is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.prepared import READERS, SPLITS, Example, read_split
from settings import Settings
from steps import Step, code_digest, versions
from training.answers import AT_ONCE, answers_of
from training.baseline import LinearBaseline
from training.chain.inputs import catalog_directory, part_digest, read_taxonomy, rules_digest
from training.data import encode_labels
from training.measurement import FIGURES_FILE, measure, write_figures
from training.vocabulary_bound import TooLargeError

logger = logging.getLogger(__name__)

PACKAGES = ("numpy", "scikit-learn", "scipy")


def compared_step(settings: Settings) -> Step:
    """The step that measures the baseline.

    Raises:
        PreparedCatalogError: A part is missing; `TaxonomyError` likewise.
    """
    return Step(
        "The baseline",
        settings.build_dir / "measured" / "baseline",
        {
            **{f"the {split} products": part_digest(settings, split) for split in SPLITS},
            "the labels": rules_digest(read_taxonomy(settings)),
            "the code": code_digest("training.chain.compared", without=READERS),
            "the versions": versions(PACKAGES),
        },
        holds=(FIGURES_FILE,),
    )


def make_compared(step: Step, settings: Settings) -> None:
    """Fit the baseline and write its figures, or why there are none.

    Raises:
        ValueError: The baseline can't be fitted on these products.
        PreparedCatalogError: A part of the catalogue can't be read; `TaxonomyError` likewise.
        DiskError: The disk is full, or can't be written.
    """
    taxonomy = read_taxonomy(settings)
    parts = {split: read_split(catalog_directory(settings), split) for split in SPLITS}
    figures: dict[str, Any] = {}
    if parts["test"]:
        logger.info("Fitting the baseline (TF-IDF + linear) on the same products.")
        try:
            baseline = LinearBaseline().fit(parts["train"], taxonomy, parts["validation"])
        except TooLargeError as error:
            logger.warning("The baseline is left out: %s.", error)
            figures = {"left_out": f"{error}."}
        else:
            answers = {
                split: answers_of(
                    _batches(baseline, parts[split]),
                    baseline.thresholds,
                    encode_labels(parts[split], taxonomy),
                    taxonomy,
                )
                for split in ("validation", "test")
            }
            figures = measure(answers["validation"], answers["test"], taxonomy, baseline.thresholds)
    with step.making() as directory:
        write_figures(directory, figures)


def _batches(
    baseline: LinearBaseline, examples: Sequence[Example]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    for start in range(0, len(examples), AT_ONCE):
        texts = [example.text for example in examples[start : start + AT_ONCE]]
        probabilities = np.hstack([baseline.category_probabilities(texts), baseline.tag_probabilities(texts)])
        yield np.arange(start, start + len(texts)), probabilities
