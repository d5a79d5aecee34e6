"""What each step's result depends on: equal fingerprints give equal results, so the step need not run again."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from catalog.prepared import SPLITS
from export.checkpoint import Checkpoint
from export.digests import directory_files, file_digest, files_digest
from export.engines import Engine
from export.errors import ExportError
from export.release import CLEANING, HEADS
from export.served import SOURCES
from settings import Settings

CODE = Path(__file__).resolve().parent
GRAPH_CODE = ("onnx_graph.py", "signature.py", "checkpoint.py")
GRAPH_PACKAGES = ("torch", "transformers", "optimum", "optimum-onnx", "onnx")
COMMIT_VARIABLE = "PRODUCT_TAGGER_COMMIT"
HELD_OUT_SPLITS = ("test", "validation")

WHAT = {
    "checkpoint": "the checkpoint",
    "held_out": "the held-out products",
    "settings": "the settings",
    "model_repository": "the code in model_repository/",
    "cleaning": "catalog/cleaning.py",
    "heads": "catalog/heads.py",
    "code": "the code in export/",
    "versions": "the versions of the packages",
    "target": "the target",
    "environment": "TensorRT or the GPU",
}
"""Key of a release's fingerprint → how people call it."""


def graph_fingerprint(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the float32 graph depends on."""
    return {
        "checkpoint": checkpoint.digest,
        "code": files_digest((CODE / name for name in GRAPH_CODE), CODE),
        "versions": versions(GRAPH_PACKAGES),
    }


def engine_fingerprint(graph: Mapping[str, Any], engine: Engine, variant: str) -> dict[str, Any]:
    """What the engine depends on, beside its graph's fingerprint."""
    code = files_digest(directory_files(CODE / "engines"), CODE)
    return {
        "graph": dict(graph),
        "engine": engine.NAME,
        "variant": variant,
        "code": code,
        "versions": versions(engine.PACKAGES),
    }


def release_fingerprint(
    settings: Settings, target: str, checkpoint: Checkpoint, engine: Engine
) -> dict[str, dict[str, Any] | str]:
    """What a release depends on.

    Raises:
        ExportError: The prepared catalogue is missing.
    """
    options = settings.export.model_dump(mode="json")
    del options["keep_releases"]  # decides on other releases
    # The parity gate batches as the server does.
    options |= settings.serving.model_dump(mode="json", include={"max_batch_size"})
    return {
        "checkpoint": checkpoint.digest,
        "held_out": held_out_digest(settings.build_dir / "catalog"),
        "settings": options,
        "model_repository": files_digest(directory_files(SOURCES), SOURCES),
        "cleaning": file_digest(CLEANING),
        "heads": file_digest(HEADS),
        "code": files_digest(directory_files(CODE), CODE),
        "versions": versions(sorted({*GRAPH_PACKAGES, *engine.PACKAGES})),
        "target": target,
        "environment": engine.environment(),
    }


def held_out_digest(catalog: Path) -> str:
    """SHA-256 over the products the graphs are compared on.

    Raises:
        ExportError: The prepared catalogue is missing.
    """
    files = [catalog / f"{split}.jsonl" for split in HELD_OUT_SPLITS if split in SPLITS]
    for path in files:
        if not path.is_file():
            raise ExportError(
                f"{path} is missing: the graphs are compared with the checkpoint on held-out products. "
                "Run `python -m catalog prepare` with the configuration of the training (`make train` does it)."
            )
    return files_digest(files, catalog)


def changed(former: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What has changed between two releases' fingerprints, for a sentence; empty where nothing has."""
    names = [name for key, name in WHAT.items() if former.get(key) != now.get(key)]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of installed distributions, and of Python."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def git_state(directory: Path = CODE) -> dict[str, Any]:
    """The commit the code is of, and whether it was changed since; None for both outside git.

    In the container, which has the code without its history, the variable `PRODUCT_TAGGER_COMMIT` tells: the commit the
    image was built from, with `-dirty` behind it where files had been changed.
    """
    told = os.environ.get(COMMIT_VARIABLE, "")
    if told:
        return {"commit": told.removesuffix("-dirty"), "dirty": told.endswith("-dirty")}
    try:
        commit, status = (
            subprocess.run(
                ["git", *command], cwd=directory, check=True, capture_output=True, text=True, timeout=30
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(status)}


def read_stamp(path: Path) -> dict[str, Any] | None:
    """The fingerprint a step left beside its result; None where there is none."""
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(path: Path, fingerprint: Mapping[str, Any]) -> None:
    """Leave the fingerprint of a step beside its result."""
    path.write_text(json.dumps(fingerprint, indent=1) + "\n", encoding="utf-8")
