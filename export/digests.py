"""SHA-256 of files and directories: what tells whether something has to be exported again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

IGNORED = ("__pycache__",)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def files_digest(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names (from `root` on) and contents of files, in hex; their order doesn't count."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def directory_digest(directory: Path) -> str:
    """SHA-256 over all files below a directory, names and contents; what Python caches there doesn't count."""
    return files_digest(directory_files(directory), directory)


def directory_files(directory: Path) -> list[Path]:
    """All files below a directory, in order, without what Python caches and hidden files."""
    return [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and not any(part in IGNORED or part.startswith(".") for part in path.relative_to(directory).parts)
    ]
