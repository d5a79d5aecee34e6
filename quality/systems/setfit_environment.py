"""Makes the environment that SetFit runs in: `python -m quality.systems.setfit_environment FOLDER`.

Its current releases want other versions than the product.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from quality.errors import QualityError
from steps import locked, run_command

REQUIREMENTS = ("setfit==1.2.0", "torch==2.13.0")
COMPLETE = ".complete"
NEEDED_MIB = 3000


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the environment; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m quality.systems.setfit_environment", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where it goes")
    options = parser.parse_args(arguments)
    return run_command(lambda: make_environment(options.folder))


def make_environment(folder: Path) -> int:
    """Make the environment with the pinned versions, unless it is there.

    Raises:
        QualityError: pip can't install them, or the disk has no room.
        Busy: Another run is making it.
    """
    wanted = "\n".join(REQUIREMENTS)
    marker = folder / COMPLETE
    with locked(folder, doing=f"Another run makes {folder}"):
        if marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
            return 0
        free = shutil.disk_usage(folder.parent).free >> 20
        if free < NEEDED_MIB:
            raise QualityError(
                f"setfit's environment takes {NEEDED_MIB:,} MiB, and {free:,} are free in {folder.parent}"
            )
        venv.create(folder, clear=True, with_pip=True)
        command = [python_of(folder), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, *REQUIREMENTS], check=False, capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr[-300:]]
            raise QualityError(f"setfit can't be installed beside this project ({errors[0].strip()})")
        marker.write_text(wanted, encoding="utf-8")
    return 0


def python_of(folder: Path) -> str:
    """The environment's Python."""
    return str(folder / "bin" / "python")


if __name__ == "__main__":
    sys.exit(main())
