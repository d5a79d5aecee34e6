"""The built-in catalogue's texts, and the multilingual base's tokenizer, once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from catalog.prepare import prepare
from catalog.prepared import SPLITS, read_split
from settings import Settings
from training.base.builtin import MULTILINGUAL_TOKENIZER, english_directory
from training.base.packages import fetch


@pytest.fixture(scope="session")
def catalog_texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every text of the built-in catalogue, English and Chinese, cleaned."""
    prepared = prepare(Settings(build_dir=tmp_path_factory.mktemp("built-in")))
    return [example.text for split in SPLITS for example in read_split(prepared.directory, split)]


@pytest.fixture(scope="session")
def unigram() -> Tokenizer:
    """The tokenizer of multilingual-e5-small with its 250,002 pieces."""
    return Tokenizer.from_file(str(fetch(MULTILINGUAL_TOKENIZER)))


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    """The tokenizer of the English base with its 30,522 pieces."""
    tokenizer = Tokenizer.from_file(str(Path(english_directory()) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
