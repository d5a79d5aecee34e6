"""Command line of the export: `python -m export`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence

from export.errors import Incomplete
from settings import add_settings_options, load_settings
from steps import run_command

INCOMPLETE = 3
"""Exit status where all that this machine can do for a target is done, and a release needs another machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the export; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="From build/checkpoint to a release in build/releases: ONNX graph, engine, parity gate.",
    )
    add_settings_options(parser)
    parser.add_argument("--force", action="store_true", help="export again even if nothing has changed")
    parser.add_argument(
        "--target",
        default=os.environ.get("TARGET", "cpu"),
        help="cpu: INT8 for any machine; gpu: a TensorRT plan (default: the environment's TARGET, or cpu)",
    )
    options = parser.parse_args(arguments)
    for name in ("export", "steps"):
        logging.getLogger(name).setLevel(logging.INFO)
    return run_command(lambda: _run(options), stopped="Stopped; the releases are as before.", level=logging.WARNING)


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(options.config, options.set)
    started = time.monotonic()
    from export.pipeline import export  # after the options: `--help` need not wait for the libraries

    try:
        exported = export(settings, options.target, force=options.force)
    except Incomplete as error:
        print(error)
        return INCOMPLETE
    release = exported.release
    if exported.up_to_date:
        print(
            f"{release.path} is up to date, because checkpoint, held-out products, settings and code are those of "
            f"{release.created}."
        )
        if exported.current != release.id:
            print(f"`current` names {exported.current}; to serve the newest: `python -m serving use {release.id}`.")
        return 0
    if exported.removed:
        print(f"Older releases removed: {', '.join(exported.removed)}.")
    size = release.manifest["engine"]["bytes"] / 1e6
    print(f"{release.path} made in {time.monotonic() - started:.1f} s ({size:.0f} MB), and current.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
