"""The two options by which every command of the project is told its settings."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_settings_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds `--config FILE` and `--set section.key=value`: what `load_settings` takes, as `config` and `set`.

    Returns:
        The parser itself.
    """
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration (default: tagger.yaml)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="section.key=value", help="override a setting; repeatable"
    )
    return parser
