"""Command line of the training stage: `python -m training`; several processes with `torchrun -m training`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence

import transformers

from settings import add_settings_options, load_settings
from steps import run_command
from training.pipeline import Trained, train
from training.report import terminal_lines


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
    transformers.utils.logging.set_verbosity_error()  # it warns of the new head, which is what training is for
    for noise in (".*pin_memory.*", "mtime may not be reliable.*"):
        warnings.filterwarnings("ignore", message=noise)
    if not first:
        warnings.simplefilter("ignore")

    def work() -> int:
        trained = train(load_settings(options.config, options.set), force=options.force)
        if trained is not None:
            _print(trained)
        return 0

    return run_command(
        work,
        stopped="Interrupted. The same command goes on from the last saved step.",
        level=logging.INFO if first else logging.ERROR,
        silent=not first,
    )


def _print(trained: Trained) -> None:
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
