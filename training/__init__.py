"""Catalogue → checkpoint, as commands and as a library.

`train` makes a checkpoint (`make train`), and `TaggingModel` answers with one:

    from training import TaggingModel
    model = TaggingModel.from_checkpoint("build/checkpoint")
    model.predict(["Women's cotton summer dress"])
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# Read when PyTorch is loaded. By default its threads spin while they wait for each other. When another process needs a
# core, they wait for a thread that can't run, and a step takes several times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Large blocks of memory in large pages. The gradients of a whole vocabulary are allocated at every step; with small
# pages that takes a tenth of its time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

if TYPE_CHECKING:
    from training.errors import TrainingError
    from training.pipeline import Trained, train
    from training.tagging import Evaluation, Prediction, TaggingModel

__all__ = ["Evaluation", "Prediction", "TaggingModel", "Trained", "TrainingError", "train"]

_MODULES = {
    "Evaluation": "training.tagging",
    "Prediction": "training.tagging",
    "TaggingModel": "training.tagging",
    "Trained": "training.pipeline",
    "TrainingError": "training.errors",
    "train": "training.pipeline",
}


def __getattr__(name: str) -> Any:
    # On demand, as PyTorch takes seconds to import; and so that a step that imports one module here does not depend on
    # the code of all of them (steps.code_digest).
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
