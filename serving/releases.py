"""The releases on disk: which there are, which is current, and how to change that at once."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import ServingError

CURRENT = "current"
MODELS = ("classifier", "product_tagger", "product_scores")
"""What every release has."""
STEPS = ("tokenizer", "labeler")
"""What a release for GPUs has as well: the steps around a plan, which on processors the classifier does itself."""


@dataclass(frozen=True)
class Release:
    """One release directory.

    Attributes:
        path: The directory; its name is the release's id.
        manifest: What manifest.json holds.
    """

    path: Path
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """The release's name, such as 20261123T201500Z-cpu-1a2b3c4d."""
        return self.path.name

    @property
    def target(self) -> str:
        """`cpu` or `gpu`."""
        return str(self.manifest.get("target", ""))

    @property
    def created(self) -> str:
        """When it was made, as the manifest has it."""
        return str(self.manifest.get("created", ""))

    @property
    def metrics(self) -> dict[str, float]:
        """The manifest's numbers, by name."""
        metrics = self.manifest.get("metrics")
        found = metrics.items() if isinstance(metrics, dict) else ()
        return {str(name): float(value) for name, value in found if isinstance(value, int | float)}

    @property
    def repository(self) -> Path:
        """The Triton model repository inside."""
        return self.path / "model_repository"


def read_release(path: Path) -> Release:
    """Reads a release and checks that it is complete.

    Raises:
        ServingError: It doesn't exist, or a part is missing or broken.
    """
    if not path.is_dir():
        raise ServingError(_unknown(path))
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError("not an object")
    except (OSError, ValueError) as error:
        raise ServingError(
            f"The release {path} can't be used: its manifest.json is missing or broken ({error}). "
            "Remove the folder and run `make export`."
        ) from None
    release = Release(path, manifest)
    for model in (*MODELS, *STEPS) if release.target == "gpu" else MODELS:
        if not (release.repository / model / "config.pbtxt").is_file():
            raise ServingError(
                f"The release {path} is not complete: model_repository/{model}/config.pbtxt is missing. "
                "Run `make export`, or serve another release (`python -m serving releases`)."
            )
    return release


def list_releases(directory: Path) -> list[Release]:
    """All usable releases, oldest first; the ids begin with the time."""
    releases = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if path.is_symlink() or path.name.startswith(".") or not path.is_dir():
            continue
        try:
            releases.append(read_release(path))
        except ServingError:
            continue
    return releases


def current_release(directory: Path) -> Release:
    """The release that `current` names.

    Raises:
        ServingError: There is none, or it can't be used.
    """
    link = directory / CURRENT
    if not link.is_symlink() and not link.exists():
        known = list_releases(directory)
        if known:
            raise ServingError(
                f"No release is marked as current in {directory}. Choose one: `python -m serving use {known[-1].id}`."
            )
        raise ServingError(f"There is no release in {directory}. Make one: `make export` (after `make train`).")
    if not link.exists():
        raise ServingError(
            f"{link} names the release {os.readlink(link)}, which is not there. "
            "Choose another: `python -m serving releases`, then `python -m serving use ID`."
        )
    return read_release(link.resolve())


def find_release(directory: Path, release_id: str) -> Release:
    """The release of an id, or of the beginning of one.

    Raises:
        ServingError: No release or several have such an id.
    """
    if (directory / release_id).is_dir() and release_id not in (CURRENT, ".", ".."):
        return read_release(directory / release_id)
    matching = [release for release in list_releases(directory) if release.id.startswith(release_id)]
    if len(matching) > 1:
        raise ServingError(f"{release_id!r} begins several ids: {', '.join(release.id for release in matching)}.")
    if not matching:
        raise ServingError(_unknown(directory / release_id))
    return matching[0]


def release_before_current(directory: Path) -> Release:
    """The newest release that is older than the current one.

    Raises:
        ServingError: There is none.
    """
    current = current_release(directory)
    older = [release for release in list_releases(directory) if release.id < current.id]
    if not older:
        raise ServingError(
            f"There is no release before {current.id} in {directory}: nothing to roll back to "
            "(`python -m serving releases` lists all)."
        )
    return older[-1]


def switch_current(directory: Path, release_id: str) -> None:
    """Makes `current` name another release, in one step: a reader sees the former or the new one."""
    link = directory / f".{CURRENT}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(release_id)
    os.replace(link, directory / CURRENT)


def _unknown(path: Path) -> str:
    known = ", ".join(release.id for release in list_releases(path.parent)) or "none"
    return f"There is no release {path.name!r} in {path.parent}; there is: {known}."
