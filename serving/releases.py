"""The releases on disk: which there are, which is current, whether they are as they were made, and how one is added.

    releases/20261123T201500Z-cpu-1a2b3c4d/     UTC time, target, content
        manifest.json                           where it comes from, and the SHA-256 of each file below
        model_repository/                       what Triton is pointed at
    releases/current                            a link to the one that is served

This is the only module that reads, writes or verifies a release.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from serving.errors import ServingError
from steps import directory_digest, directory_files, file_digest, scratch_folder
from steps.outputs import sync, sync_tree

CURRENT = "current"
MANIFEST = "manifest.json"
REPOSITORY = "model_repository"
SHOWN_FILES = 3
_STAGING = ".new"
_SWITCHING = ".switching"
"""Holds the id of a release that is in its place and about to become current."""


@dataclass(frozen=True)
class Release:
    """One release directory.

    Attributes:
        path: The directory; its name is the release's id.
        manifest: What manifest.json holds.
    """

    path: Path
    manifest: Mapping[str, Any]

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
        return self.path / REPOSITORY

    def differences(self) -> list[str]:
        """What of the model repository is not as it was made, such as "classifier/1/model.py was changed"."""
        if not self.repository.is_dir():
            return ["its folder is missing"]
        made, found = self.manifest.get("content"), content_of(self.repository)
        if not isinstance(made, dict):
            return ["the manifest does not say what files it was made with"]
        return [
            f"{name} {'is missing' if name not in found else 'was added' if name not in made else 'was changed'}"
            for name in sorted({*made, *found})
            if made.get(name) != found.get(name)
        ]

    def verify(self) -> None:
        """Checks that every file is as it was made, before code of the release is run; 100 MB take about 0.1 s.

        Raises:
            ServingError: A file was changed or added, or is missing.
        """
        differences = self.differences()
        if differences:
            more = len(differences) - SHOWN_FILES
            told = ", ".join(differences[:SHOWN_FILES]) + (f", and {more} more" if more > 0 else "")
            raise ServingError(
                f"The release {self.path} is not served, as its {REPOSITORY} is not as it was made: {told}. Make a new "
                "one (`make export FORCE=1`), or serve another (`python -m serving releases`)."
            )


def content_of(repository: Path) -> dict[str, str]:
    """The SHA-256 of every file of a model repository, by its path; hidden files and Python's caches don't count."""
    return {path.relative_to(repository).as_posix(): file_digest(path) for path in directory_files(repository)}


def read_release(path: Path) -> Release:
    """Reads a release; its files are not looked at (`Release.verify`).

    Raises:
        ServingError: It doesn't exist, or has no manifest that can be read.
    """
    if not path.is_dir():
        raise ServingError(_unknown(path.parent, path.name))
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise ValueError("not an object")
    except (OSError, ValueError) as error:
        raise ServingError(
            f"The release {path} can't be used: its {MANIFEST} is missing or broken ({error}). "
            "Remove the folder and run `make export`."
        ) from None
    return Release(path, manifest)


def list_releases(directory: Path) -> list[Release]:
    """All releases with a manifest, oldest first; the ids begin with the time."""
    releases = []
    for path in _folders(directory):
        try:
            releases.append(read_release(path))
        except ServingError:
            continue
    return releases


def current_id(directory: Path) -> str | None:
    """The id that `current` names; None where it names nothing that exists."""
    link = directory / CURRENT
    return os.readlink(link) if link.is_symlink() and link.exists() else None


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
    # Compared with the names there are, never used as a path: `../x`, `.release.new` and the empty name are no ids.
    names = [path.name for path in _folders(directory)]
    matching = [release_id] if release_id in names else [name for name in names if name.startswith(release_id)]
    if not release_id or not matching:
        raise ServingError(_unknown(directory, release_id))
    if len(matching) > 1:
        raise ServingError(f"{release_id!r} begins several ids: {', '.join(matching)}.")
    return read_release(directory / matching[0])


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


def newest_release(directory: Path, target: str) -> Release | None:
    """The newest release of a target."""
    return next((release for release in reversed(list_releases(directory)) if release.target == target), None)


def switch_current(directory: Path, release_id: str) -> None:
    """Makes `current` name another release, in one step: a reader sees the former or the new one."""
    link = directory / f".{CURRENT}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(release_id)
    os.replace(link, directory / CURRENT)


@contextmanager
def staged_release(directory: Path) -> Iterator[Path]:
    """Gives an empty folder beside the releases; it is removed at the end unless `publish_release` took it."""
    with scratch_folder(directory, f"release{_STAGING}") as staging:
        yield staging


def publish_release(directory: Path, staging: Path, target: str, facts: Mapping[str, Any]) -> Release:
    """Completes a staged release with its manifest, puts it in its place and makes it current.

    Args:
        directory: The folder of all releases.
        staging: A folder of `staged_release` with the `model_repository` in it.
        target: `cpu` or `gpu`.
        facts: What else the manifest says.
    """
    digest = directory_digest(staging / REPOSITORY)
    now = datetime.now(timezone.utc)
    # Two exports of the same content in one second would have one id; the later one sorts behind the earlier.
    while (directory / (release_id := f"{now:%Y%m%dT%H%M%SZ}-{target}-{digest[:8]}")).exists():
        now += timedelta(seconds=1)
    write_manifest(staging, {"id": release_id, "target": target, "created": f"{now:%Y-%m-%dT%H:%M:%SZ}", **facts})
    sync_tree(staging)
    marker = directory / _SWITCHING
    marker.write_text(release_id, encoding="utf-8")
    staging.rename(directory / release_id)
    switch_current(directory, release_id)
    marker.unlink()
    sync(directory)
    return read_release(directory / release_id)


def write_manifest(path: Path, facts: Mapping[str, Any]) -> None:
    """Writes a release's manifest.json: some facts, and the digests of the files that its repository has now."""
    manifest = {**facts, "content": content_of(path / REPOSITORY)}
    (path / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def finish_interrupted(directory: Path) -> None:
    """Finishes or removes what a killed export left: no half-made release stays, a finished one becomes current."""
    for path in directory.glob(f".*{_STAGING}"):
        shutil.rmtree(path, ignore_errors=True)
    marker = directory / _SWITCHING
    if marker.is_file():
        waiting = marker.read_text(encoding="utf-8").strip()
        if waiting in {release.id for release in list_releases(directory)}:
            switch_current(directory, waiting)
        marker.unlink()


def prune_releases(directory: Path, keep: int) -> list[str]:
    """Removes the oldest releases.

    Args:
        directory: The folder of all releases.
        keep: How many stay. The current one always does, and so does one that a server runs.

    Returns:
        The ids of those removed.
    """
    needed = {current_id(directory), *_served(directory.parent)}
    old = [path for path in _folders(directory)[:-keep] if path.name not in needed]
    for path in old:
        # Renamed first: a removal that is interrupted must not leave half a release under its name.
        doomed = directory / f".{path.name}{_STAGING}"
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return [path.name for path in old]


def _served(build_dir: Path) -> set[str]:
    """The releases that servers run, by what they left in build/serving/<http_port>/state.json."""
    served = set()
    for path in (build_dir / "serving").glob("*/state.json"):
        try:
            served.add(str(json.loads(path.read_text(encoding="utf-8"))["release"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # written by a server that is starting or ending this very moment
    return served


def _folders(directory: Path) -> list[Path]:
    """All release folders, oldest first."""
    return [
        path
        for path in (sorted(directory.iterdir()) if directory.is_dir() else [])
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
    ]


def _unknown(directory: Path, release_id: str) -> str:
    known = ", ".join(release.id for release in list_releases(directory)) or "none"
    return f"There is no release {release_id!r} in {directory}; there is: {known}."
