"""Finds the files a catalogue setting means: `demo`, one file, or a stem with parts."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.prepared import SPLITS
from catalog.readers import CatalogError, file_format
from product_tagger_files import EXTENSIONS
from steps import Step, code_digest, directory_digest

DEMO = "demo"
DEMO_FOLDER = "demo-catalogue"
"""In the build directory; `build/demo` is where `make demo` has all it makes."""


@dataclass(frozen=True)
class Source:
    """The files of one catalogue.

    Attributes:
        files: Part (`train`, `validation`, `test`) → file; `train` is always there.
        taxonomy: The taxonomy file that belongs to them; None where it is to be derived.
    """

    files: Mapping[str, Path]
    taxonomy: Path | None = None


def find_source(path: str, build_dir: Path, seed: int, taxonomy: Path | None = None) -> Source:
    """Finds a catalogue's files; writes the built-in one first when it is asked for.

    Args:
        path: `demo`, a file, or a stem: `shop` finds shop.train.*, shop.validation.*, shop.test.* and, where no other
            taxonomy is given, shop.taxonomy.yaml.
        build_dir: Where the built-in catalogue is written, in a folder of its own.
        seed: Seed of the built-in catalogue.
        taxonomy: The taxonomy setting.

    Raises:
        CatalogError: Nothing is there, two files stand for the same part, or there is no training part.
    """
    if path == DEMO:
        return _find_stem(_write_demo(build_dir / DEMO_FOLDER, seed), taxonomy)
    file = Path(path).expanduser()
    if file.is_file():
        file_format(file)
        return Source({"train": file}, taxonomy)
    if file.is_dir():
        raise CatalogError(f"catalog.path is {path!r}, a folder: name a file in it, or a stem such as {file / 'shop'}")
    return _find_stem(file, taxonomy)


def _find_stem(stem: Path, taxonomy: Path | None) -> Source:
    files: dict[str, Path] = {}
    for part in SPLITS:
        found = [
            candidate for ending in (*EXTENSIONS, ".ndjson") if (candidate := Path(f"{stem}.{part}{ending}")).is_file()
        ]
        if len(found) > 1:
            raise CatalogError(f"{found[0]} and {found[1]} both stand for the {part} part: remove one of the two")
        files.update((part, file) for file in found)
    if not files:
        raise CatalogError(
            f"there is no catalogue {str(stem)!r}: neither a file of this name nor {stem}.train.jsonl (or "
            f"{', '.join(EXTENSIONS[1:])}){_nearest(stem)}"
        )
    if "train" not in files:
        have = " and ".join(str(file) for file in files.values())
        raise CatalogError(f"{have} found, but no {stem}.train.*: a catalogue needs a training part")
    beside = Path(f"{stem}.taxonomy.yaml")
    return Source(files, taxonomy or (beside if beside.is_file() else None))


def _nearest(stem: Path) -> str:
    try:
        names = [entry.name for entry in stem.parent.iterdir()]
    except OSError:
        return f"; the folder {stem.parent} does not exist"
    near = difflib.get_close_matches(stem.name, names, n=1, cutoff=0.5)
    return f"; did you mean {stem.parent / near[0]}?" if near else ""


def _write_demo(directory: Path, seed: int) -> Path:
    """Writes the built-in catalogue unless this very code has written it already; returns its stem."""
    # By name: what writes the built-in catalogue is no part of the code that prepares a shop's.
    demo = importlib.import_module("catalog.demo")
    inputs = {
        "the seed": seed,
        "the words": directory_digest(Path(str(demo.__file__)).parent / "words"),
        "the code": code_digest("catalog.demo"),
    }
    step = Step("The built-in catalogue", directory, inputs, holds=demo.FILES)
    if step.is_due():
        with step.making() as staging:
            demo.write_demo(staging, seed)
    return directory / DEMO
