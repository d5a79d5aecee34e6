"""SetFit (Tunstall et al., 2022) on the product's base: a reference from outside, for categories and few labels.

It runs in an environment of its own (setfit_environment.py).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.taxonomy import Taxonomy
from quality.errors import QualityError
from quality.systems.frozen import base_of
from quality.systems.interface import Answered, answers_from
from quality.systems.setfit_environment import python_of
from steps import scratch_folder
from training.data import encode_labels

if TYPE_CHECKING:  # the suite's own code is no part of what a system learns and answers
    from quality.cells import Cell, Products

WORKER = Path(__file__).parent / "setfit_worker.py"
ENVIRONMENT = ".setfit"
"""Beside the tasks' folders."""
JOB, ANSWERS, TIME = "job.json", "probabilities.npy", "seconds.json"


def run(cell: Cell, products: Products) -> Answered:
    """Give the products to the worker in its environment, and read what it answers.

    Raises:
        QualityError: The worker failed; its own words stand before it in the log.
    """
    base, max_length = base_of(cell), cell.settings().training.max_length
    # Categories only: of tags it would need a model each.
    taxonomy = Taxonomy(categories=products.taxonomy.categories)
    numbers = encode_labels(products.train, taxonomy).category
    held_out, test = products.validation, products.test
    with scratch_folder(cell.folder, "setfit-work") as folder:
        job = {
            "base": base.source,
            "max_length": max_length,
            "seed": cell.seed,
            "texts": [example.text for example in products.train],
            "labels": numbers.tolist(),
            "categories": len(taxonomy.category_ids),
            "asked": [example.text for example in (*held_out, *test)],
        }
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
        python = python_of(cell.folder.parents[2] / ENVIRONMENT)
        status = subprocess.run([python, "-I", str(WORKER), str(folder)], check=False).returncode
        if status:
            raise QualityError(f"setfit ended with status {status}")
        probabilities = np.load(folder / ANSWERS).astype(np.float32)
        told = json.loads((folder / TIME).read_text(encoding="utf-8"))
    none = np.zeros(0, dtype=np.float32)
    return Answered(
        validation=answers_from(probabilities[: len(held_out)], none, held_out, taxonomy),
        test=answers_from(probabilities[len(held_out) :], none, test, taxonomy),
        seconds=float(told["seconds"]) + base.making_seconds,
        setting={"base": base.name, "setfit": told["version"], "iterations": told["iterations"]},
    )
