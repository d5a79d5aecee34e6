"""A release: a complete Triton model repository and its manifest, in place as a whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from catalog import cleaning, heads
from export.checkpoint import Checkpoint
from export.digests import directory_digest
from export.engines import Compiled, Engine, Workload
from export.served import SOURCES, copy_model
from export.triton_configs import fill_display_names, fill_width

logger = logging.getLogger(__name__)

CURRENT = "current"
MANIFEST = "manifest.json"
ENSEMBLES = ("product_tagger", "product_scores")
STEPS = ("tokenizer", "labeler")
"""Models of their own where the engine takes tokens; else their code is in the classifier's folder."""
STEPS_CODE = ("tokenizer/1/tokenization.py", "labeler/1/labeling.py")
STEPS_CONFIG = "tensorrt"
"""What the ensembles' configuration with all steps is called."""
CLEANING, HEADS = Path(cleaning.__file__), Path(heads.__file__)
"""What the released models share with training: copied beside the tokenizer and the labeler."""
_STAGING = ".new"
_SWITCHING = ".switching"
"""Holds the id of a release that is in place and about to become current."""


def assemble_repository(
    repository: Path, checkpoint: Checkpoint, engine: Engine, compiled: Compiled, workload: Workload
) -> None:
    """Fill an empty folder with what Triton is pointed at.

    Args:
        repository: The folder; it is made.
        checkpoint: Its tokenizer, taxonomy and thresholds go in.
        engine: Puts the classifier in.
        compiled: What the engine made.
        workload: What it was made for.

    Raises:
        ExportError: A configuration's source can't be used.
    """
    classifier = repository / "classifier"
    engine.install(compiled, classifier, workload)
    for model in ENSEMBLES:
        copy_model(model, repository / model, None if engine.TAKES_TEXT else STEPS_CONFIG)
    if engine.TAKES_TEXT:
        tokenizer = labeler = classifier / "1"
        for code in STEPS_CODE:
            shutil.copy(SOURCES / code, classifier / "1")
    else:
        for model in STEPS:
            copy_model(model, repository / model)
        tokenizer, labeler = (repository / model / "1" for model in STEPS)
    shutil.copyfile(CLEANING, tokenizer / "cleaning.py")
    shutil.copyfile(checkpoint.path / "tokenizer.json", tokenizer / "tokenizer.json")
    _write_json(
        tokenizer / "tokenizer_settings.json",
        {
            "max_length": checkpoint.max_length,
            "pad_token_id": checkpoint.pad_token_id,
            **engine.tokenizer_settings(workload),
        },
    )
    shutil.copyfile(HEADS, labeler / "heads.py")
    (labeler / "taxonomy.json").write_text(checkpoint.taxonomy.to_json(), encoding="utf-8")
    _write_json(labeler / "thresholds.json", {"tags": checkpoint.thresholds})
    (repository / "product_scores" / "labels.txt").write_text("\n".join(checkpoint.labels) + "\n", encoding="utf-8")
    fill_width(repository, len(checkpoint.labels))
    fill_display_names(repository, checkpoint.taxonomy)


class Releases:
    """The folder of all releases, build/releases.

    Args:
        directory: The folder; it is made when a release is published.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def current(self) -> str | None:
        """The id that `current` names; None where it names nothing that exists."""
        link = self.directory / CURRENT
        return os.readlink(link) if link.is_symlink() and link.exists() else None

    def newest(self, target: str) -> dict[str, Any] | None:
        """The manifest of the newest complete release of a target."""
        for path in reversed(self._all()):
            manifest = _read_manifest(path)
            if manifest is not None and manifest.get("target") == target:
                return manifest
        return None

    def is_intact(self, manifest: Mapping[str, Any]) -> bool:
        """Whether the model repository of a release is as it was made."""
        return directory_digest(self.directory / manifest["id"] / "model_repository") == manifest.get("content")

    def clear_leftovers(self) -> None:
        """Finish or remove what a killed run left: no half-made release stays, and a finished one becomes current."""
        for path in self.directory.glob(f".*{_STAGING}"):
            shutil.rmtree(path, ignore_errors=True)
        marker = self.directory / _SWITCHING
        if marker.is_file():
            waiting = marker.read_text(encoding="utf-8").strip()
            if waiting and _read_manifest(self.directory / waiting) is not None:
                self.switch(waiting)
            marker.unlink()

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Give an empty folder beside the releases; it is removed at the end unless it was published."""
        self.directory.mkdir(parents=True, exist_ok=True)
        staging = self.directory / f".release{_STAGING}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def publish(self, staging: Path, manifest: Mapping[str, Any], target: str) -> str:
        """Complete a staged release with its manifest, put it in its place and make it current.

        Args:
            staging: A folder of `staged` with the `model_repository` in it.
            manifest: What to say of it; id, target and created are added.
            target: `cpu` or `gpu`.

        Returns:
            The release's id.
        """
        now = datetime.now(timezone.utc)
        content = directory_digest(staging / "model_repository")
        # Two exports of the same content in one second would have one id; the later one sorts behind the earlier.
        while (self.directory / (release_id := f"{now:%Y%m%dT%H%M%SZ}-{target}-{content[:8]}")).exists():
            now += timedelta(seconds=1)
        head = {"id": release_id, "target": target, "created": f"{now:%Y-%m-%dT%H:%M:%SZ}", "content": content}
        _write_json(staging / MANIFEST, {**head, **manifest})
        for path in sorted(staging.rglob("*")):
            _sync(path)
        marker = self.directory / _SWITCHING
        marker.write_text(release_id, encoding="utf-8")
        staging.rename(self.directory / release_id)
        self.switch(release_id)
        marker.unlink()
        _sync(self.directory)
        return release_id

    def switch(self, release_id: str) -> None:
        """Make `current` name another release, in one step: a reader sees the former or the new one."""
        link = self.directory / f".{CURRENT}.export"
        link.unlink(missing_ok=True)
        link.symlink_to(release_id)
        os.replace(link, self.directory / CURRENT)

    def prune(self, keep: int) -> list[str]:
        """Remove the oldest releases.

        Args:
            keep: How many stay. The current one always does, and so does one that a server runs.

        Returns:
            The ids of those removed.
        """
        served = {self.current(), *served_releases(self.directory.parent)}
        old = [path for path in self._all()[:-keep] if path.name not in served]
        for path in old:
            # Renamed first: a removal that is interrupted must not leave half a release under its name.
            doomed = self.directory / f".{path.name}{_STAGING}"
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        return [path.name for path in old]

    def _all(self) -> list[Path]:
        """All release folders, oldest first: the ids begin with the time."""
        if not self.directory.is_dir():
            return []
        return [
            path
            for path in sorted(self.directory.iterdir())
            if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        ]


def served_releases(build_dir: Path) -> set[str]:
    """The releases that servers run, by what they left in build/serving/<http_port>/state.json."""
    served = set()
    for path in (build_dir / "serving").glob("*/state.json"):
        try:
            served.add(str(json.loads(path.read_text(encoding="utf-8"))["release"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # written by a server that is starting or ending this very moment
    return served


def _read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest of a release that is complete; None of any other folder."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    complete = (path / "model_repository").is_dir()
    return manifest if complete and isinstance(manifest, dict) and manifest.get("id") == path.name else None


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk: a rename must not survive a power cut that its content doesn't."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
