"""`python -m training.base`: makes the base that the settings ask for, as a directory in Hugging Face's format."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import transformers

from catalog.prepared import Part, PartTexts
from settings import Settings, add_settings_options, load_settings
from steps import run_command
from training.base.builtin import AUTO, BUILT_IN
from training.base.plan import plan_base, write_base
from training.base.resolve import resolve_base
from training.text_facts import count_languages


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the base; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.base",
        description="Make a base directory of training.base: its vocabulary pruned to build/catalog and its layers to "
        "those wanted (training.base_vocabulary, training.base_layers). Training does so by itself where it needs to.",
    )
    add_settings_options(parser)
    parser.add_argument(
        "name", nargs="?", help=f"{', '.join((AUTO, *BUILT_IN))}, a hub id or a directory (training.base)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where it goes (default: base in the build directory)")
    parser.add_argument("--force", action="store_true", help="make it again even if nothing has changed")
    options = parser.parse_args(arguments)
    transformers.utils.logging.set_verbosity_error()  # it warns of what the base was trained for, and is not used

    def make() -> int:
        named = [f"training.base={options.name}"] if options.name else []
        settings = load_settings(options.config, [*options.set, *named])
        _make(settings, options.out or settings.build_dir / "base", options.force)
        return 0

    return run_command(make, stopped="Stopped. What was there before stays.")


def _make(settings: Settings, directory: Path, force: bool) -> None:
    train = Part(settings.build_dir / "catalog", "train")
    languages = count_languages(train) if settings.training.base == AUTO else {}
    plan = plan_base(settings.training, languages)
    texts: Iterable[str] = PartTexts(train) if plan.needs_texts else []
    written = write_base(plan, texts, directory, force=force)
    base = resolve_base(plan.name, 1, str(directory))
    print(f"{plan.name}: {plan.reason}")
    told = "written" if written else "up to date, because base, catalogue, settings and code have not changed"
    print(f"{directory}: {told}; {base.layers} layers, {base.pieces:,} pieces, {base.pooling} pooling.")


if __name__ == "__main__":
    sys.exit(main())
