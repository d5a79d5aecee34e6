"""SHA-256 of files, directories and code: what tells whether something has to be made again."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
CLIENT = "client"
"""The folder of the packages that are installed for a client; the stages share `product_tagger_files` with it."""
NO_CODE = ("settings", "steps")
"""Packages that never count as code of a step: the values of settings are inputs themselves, and steps make nothing."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def files_digest(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names (relative to `root`) and contents of files, in hex; their order doesn't count."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def directory_digest(directory: Path) -> str:
    """SHA-256 over the names and contents of all files below a directory, in hex."""
    return files_digest(directory_files(directory), directory)


def directory_files(directory: Path) -> list[Path]:
    """All files below a directory, in order, without hidden files and what Python caches."""
    return [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(directory).parts)
    ]


def code_digest(*modules: str, without: Sequence[str] = (), root: Path = CHECKOUT) -> str:
    """SHA-256 over modules and all modules of the checkout that they import, in hex.

    Comments, docstrings and layout don't count, so that a mended sentence makes nothing again.

    Args:
        modules: Dotted names, for instance "training.fine_tuning".
        without: Packages that don't count either.
        root: The folder that the names begin in.

    Raises:
        FileNotFoundError: There is no such module.
    """
    digest = hashlib.sha256()
    for path in code_files(*modules, without=without, root=root):
        code, _ = _read_module(path.read_text(encoding="utf-8"), _package(path, root))
        digest.update(f"{path.relative_to(root).as_posix()}\0{code}\n".encode())
    return digest.hexdigest()


def code_files(*modules: str, without: Sequence[str] = (), root: Path = CHECKOUT) -> list[Path]:
    """The files of modules and of all modules of the checkout that they import, directly or through others, in order.

    Raises:
        FileNotFoundError: There is no such module.
    """
    for module in modules:
        if _module_file(module, root) is None:
            raise FileNotFoundError(f"There is no module {module} in {root}.")
    waiting, seen, files = list(modules), set(modules), set[Path]()
    while waiting:
        path = _module_file(waiting.pop(), root)
        if path is None or path in files:
            continue
        files.add(path)
        _, imported = _read_module(path.read_text(encoding="utf-8"), _package(path, root))
        new = {name for name in imported if name.split(".")[0] not in (*NO_CODE, *without)} - seen
        seen |= new
        waiting += new
    return sorted(files)


def _package(path: Path, root: Path) -> tuple[str, ...]:
    """The package that a file belongs to."""
    return path.relative_to(root / CLIENT if path.is_relative_to(root / CLIENT) else root).parent.parts


@lru_cache(maxsize=1024)
def _read_module(text: str, package: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """SHA-256 of a module's code without comments and docstrings, in hex, and the modules that it may import.

    Kept, as most modules are code of several steps, and reading one takes some milliseconds.
    """
    tree = ast.parse(text)
    imported = frozenset(_imported(tree, package))
    return hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest(), imported


def _imported(tree: ast.Module, package: Sequence[str]) -> Iterator[str]:
    """Dotted names that may be modules, imported by a module of a package.

    What stands under `if TYPE_CHECKING:` is never run.
    """
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, node.module] if node.module else above)
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:  # importing a.b.c runs a/__init__.py and a/b/__init__.py as well
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _statements(block: Sequence[Any]) -> Iterator[Any]:
    """The statements of a block and of all blocks within, without those under `if TYPE_CHECKING:`."""
    for statement in block:
        yield statement
        is_unrun = (
            isinstance(statement, ast.If)
            and isinstance(statement.test, ast.Name)
            and statement.test.id == "TYPE_CHECKING"
        )
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            if not (is_unrun and name == "body"):
                yield from _statements(getattr(statement, name, ()))


def _module_file(name: str, root: Path) -> Path | None:
    paths = [folder.joinpath(*name.split(".")) for folder in (root, root / CLIENT)]
    candidates = (file for path in paths for file in (path / "__init__.py", path.with_name(f"{path.name}.py")))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A string that stands alone is a docstring, of a module, class, function or attribute.
            body[:] = [
                part
                for part in body
                if not (
                    isinstance(part, ast.Expr)
                    and isinstance(part.value, ast.Constant)
                    and isinstance(part.value.value, str)
                )
            ]
    return tree
