"""How the load tests put their reports into build/reports: a folder, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from serving.machine import processor_name

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ReportError(RuntimeError):
    """A report can't be written; the message says where, why and what to do."""


@contextlib.contextmanager
def report_folder(place: Path) -> Iterator[Path]:
    """An empty folder beside the place, which takes the place's name when the block ends without an error.

    Args:
        place: The folder of the report; what it held is replaced.

    Raises:
        ReportError: The disk is full, or the place can't be written to. What it held is still there.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise ReportError(_sentence(place, error)) from None
    try:
        yield staging
        staging.chmod(0o755)
        former = staging.with_name(f"{staging.name}-former")
        if place.exists():
            place.rename(former)
        staging.rename(place)
        shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        raise ReportError(_sentence(place, error)) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sentence(place: Path, error: OSError) -> str:
    if error.errno in _NO_SPACE:
        return f"The disk of {place} is full, or a limit on file sizes is reached: make room and measure again."
    return f"The reports can't be written into {place} ({error.strerror or error}): choose another BUILD=DIR."


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file in one step."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def conditions(packages: Sequence[str]) -> dict[str, Any]:
    """When and on what machine something is measured, and with which versions of some packages."""
    return {
        "created": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "processor": processor_name(),
            # What else computes takes cores away: above a few tenths, the figures are the machine's, not the server's.
            "load_before": round(os.getloadavg()[0], 2),
        },
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }
