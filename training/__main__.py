"""Command line of the training stage: `python -m training`; several processes with `torchrun -m training`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from settings import Settings, add_settings_options, load_settings
from steps import run_command

if TYPE_CHECKING:
    from training.pipeline import Trained


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the stage; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Fine-tune BERT on build/catalog; writes build/checkpoint and build/reports/training. An "
        "interrupted run goes on where it stopped.",
    )
    add_settings_options(parser)
    parser.add_argument("--force", action="store_true", help="train again even if nothing has changed")
    options = parser.parse_args(arguments)
    first = os.environ.get("RANK", "0") == "0"
    for noise in (".*pin_memory.*", "mtime may not be reliable.*"):
        warnings.filterwarnings("ignore", message=noise)
    if not first:
        warnings.simplefilter("ignore")

    return run_command(
        lambda: _run(load_settings(options.config, options.set), force=options.force),
        stopped="Interrupted. The same command goes on from the last saved step.",
        level=logging.INFO if first else logging.ERROR,
        silent=not first,
    )


def _run(settings: Settings, *, force: bool) -> int:
    # After the options: neither `--help` nor a mistake in a setting need wait for the libraries.
    import transformers

    from training.pipeline import train

    transformers.utils.logging.set_verbosity_error()  # it warns of the new head, which is what training is for
    trained = train(settings, force=force)
    if trained is not None:
        _print(trained)
    return 0


def _print(trained: Trained) -> None:
    from training.report import terminal_lines

    if trained.up_to_date:
        print(f"{trained.checkpoint} is up to date, because catalogue, settings and code are those of its making.")
        return
    print()
    for line in terminal_lines(trained.metrics):
        print(line)
    minutes = trained.metrics["training"]["seconds"] / 60
    print(f"\n{trained.checkpoint} is complete ({minutes:.1f} min of fine-tuning).")
    print(f"The report and its plots lie in {trained.report}.")


if __name__ == "__main__":
    sys.exit(main())
