"""Which commit the code is of."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

CODE = Path(__file__).resolve().parent
COMMIT_VARIABLE = "PRODUCT_TAGGER_COMMIT"


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
