"""What counts as a change of a step's code and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.digests import code_digest, code_files, directory_digest, files_digest


@pytest.fixture
def code(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "train.py").write_text('"""Trains."""\nfrom shop.losses import loss\n', encoding="utf-8")
    (package / "losses.py").write_text("import json\ndef loss():\n    return 1\n", encoding="utf-8")
    (package / "report.py").write_text("from shop.train import loss\n", encoding="utf-8")
    return tmp_path


def test_code_is_a_module_and_all_it_imports_of_the_checkout_and_nothing_else(code: Path) -> None:
    names = [path.name for path in code_files("shop.train", root=code)]
    assert names == ["__init__.py", "losses.py", "train.py"]


@pytest.mark.parametrize("line", ["from .losses import loss", "from . import losses", "from ..shop import losses"])
def test_a_relative_import_counts_as_an_absolute_one(code: Path, line: str) -> None:
    (code / "shop" / "train.py").write_text(f"{line}\n", encoding="utf-8")
    assert [path.name for path in code_files("shop.train", root=code)] == ["__init__.py", "losses.py", "train.py"]


def test_an_import_for_the_type_checker_alone_does_not_count(code: Path) -> None:
    before = [path.name for path in code_files("shop.train", root=code)]
    with (code / "shop" / "train.py").open("a", encoding="utf-8") as file:
        file.write("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.report import loss\n")
    assert [path.name for path in code_files("shop.train", root=code)] == before


def test_comments_docstrings_and_layout_do_not_count(code: Path) -> None:
    before = code_digest("shop.train", root=code)
    (code / "shop" / "losses.py").write_text(
        'import json\n\n\ndef loss():  # as in the paper\n    """The loss."""\n    return 1\n', encoding="utf-8"
    )
    assert code_digest("shop.train", root=code) == before


def test_an_edit_of_what_is_imported_counts_and_an_edit_of_an_importer_does_not(code: Path) -> None:
    before = code_digest("shop.train", root=code)
    (code / "shop" / "report.py").write_text("from shop.train import loss\nloss()\n", encoding="utf-8")
    assert code_digest("shop.train", root=code) == before
    (code / "shop" / "losses.py").write_text("def loss():\n    return 2\n", encoding="utf-8")
    assert code_digest("shop.train", root=code) != before


def test_a_module_that_is_not_there_is_an_error(code: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"shop\.tran"):
        code_digest("shop.tran", root=code)


def test_names_and_contents_count_and_what_python_caches_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    before = directory_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("", encoding="utf-8")
    assert directory_digest(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert directory_digest(tmp_path) != before
    assert files_digest([tmp_path / "b"], tmp_path) == directory_digest(tmp_path)
