"""The systems that are compared: what each is called, what it is made from, and where its code is.

This module loads none of them, so that listing the systems does not take the seconds of their libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRODUCT, LINEAR, FROZEN, SETFIT = "product", "linear", "frozen", "setfit"
NEIGHBOURS = (LINEAR, FROZEN)
"""Those that the product must not fall behind."""


@dataclass(frozen=True)
class System:
    """One of the systems.

    Attributes:
        name: what the options and files call it.
        title: what the table calls it.
        module: whose `run` learns and answers.
        code: modules whose change makes a result anew.
        packages: those whose version does.
        settings: sections and keys of the settings that it depends on; None in place of keys: the whole section.
        reads_files: whether it reads the data set's files itself; otherwise it sees the prepared products only.
        most_labels: it is left out of cells with more by default; None: of none.
        setup: a module that is run before the system is measured for the first time, with the folder that it fills;
            None: nothing is needed.
    """

    name: str
    title: str
    module: str
    code: tuple[str, ...]
    packages: tuple[str, ...]
    settings: Mapping[str, frozenset[str] | None]
    reads_files: bool = False
    most_labels: int | None = None
    setup: str | None = None


BASE_SETTINGS = frozenset({"base", "base_vocabulary", "base_layers", "minutes", "max_length", "pooling"})
SYSTEMS = (
    System(
        PRODUCT,
        "product",
        "quality.systems.product",
        # Not the suite's own code: a change in how results are kept does not cost hours of training.
        code=("catalog.prepare", "training.__main__"),
        packages=("scikit-learn", "tokenizers", "torch", "transformers"),
        settings={"catalog": None, "training": None},
        reads_files=True,
    ),
    System(
        LINEAR,
        "TF-IDF + linear",
        "quality.systems.linear",
        code=("quality.systems.linear",),
        packages=("numpy", "scikit-learn", "scipy"),
        settings={},
    ),
    System(
        FROZEN,
        "frozen encoder + logistic",
        "quality.systems.frozen",
        code=("quality.systems.frozen",),
        packages=("numpy", "scikit-learn", "tokenizers", "torch", "transformers"),
        settings={"training": BASE_SETTINGS},
    ),
    System(
        SETFIT,
        "SetFit",
        "quality.systems.setfit",
        code=("quality.systems.setfit", "quality.systems.setfit_worker"),
        packages=("tokenizers", "torch", "transformers"),
        settings={"training": BASE_SETTINGS},
        most_labels=1000,
        setup="quality.systems.setfit_environment",
    ),
)
BY_NAME = {system.name: system for system in SYSTEMS}
