"""`python -m settings` prints tagger.yaml: every setting with its comment, and the values that hold here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from settings.loader import load_settings
from settings.options import add_settings_options
from settings.render import render_settings
from settings.schema import Settings
from steps import run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the settings; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m settings", description="Every setting, its value and its meaning.")
    add_settings_options(parser)
    parser.add_argument("--defaults", action="store_true", help="the defaults, whatever tagger.yaml says")
    parser.add_argument("--in-build", metavar="FILE", help="only where a file of the build directory is")
    options = parser.parse_args(arguments)
    return run_command(lambda: _print(options))


def _print(options: argparse.Namespace) -> int:
    settings = Settings() if options.defaults else load_settings(options.config, options.set)
    if options.in_build is not None:
        print(settings.build_dir / options.in_build)
    else:
        print(render_settings(settings), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
