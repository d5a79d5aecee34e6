"""`python -m loadtest.large`: a synthetic catalogue through `prepare` and `training`, with peak memory by step."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadtest.large.base import write_tiny_base
from loadtest.large.catalogue import write_catalogue
from loadtest.large.stages import run_stages
from loadtest.options import LargeOptions, make_parser, read_options
from loadtest.reports import conditions, write_json
from settings import load_settings
from steps import run_command

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers")
FOLDER = "large"
"""In the build directory: what is made of the user's own catalogue stays as it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; return the process's exit status."""
    parser = make_parser("loadtest.large", __doc__, LargeOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, LargeOptions)
    return run_command(lambda: _run(options, parsed.config, parsed.set))


def _run(options: LargeOptions, config: Path | None, given: Sequence[str]) -> int:
    settings = load_settings(config, given)
    build = settings.build_dir / FOLDER
    build.mkdir(parents=True, exist_ok=True)
    catalogue = build / "products.jsonl"
    write_catalogue(catalogue, options.rows, options.categories, options.tags)
    chosen = [f"build_dir={build}", f"catalog.path={catalogue}", "training.epochs=1", "training.min_steps=0"]
    if options.base == "tiny":
        write_tiny_base(build / "tiny-base")
        chosen += [f"training.base={build / 'tiny-base'}", "training.batch_size=256"]
    words = ["--config", str(config)] if config else []
    for one in [*chosen, *given]:
        if one in chosen or not one.startswith("build_dir="):
            words += ["--set", one]
    measured: dict[str, Any] = {}
    for command in (["-m", "catalog", "prepare"], ["-m", "training"]):
        stages, cpu = run_stages([*command, "--force", *words])
        measured[" ".join(command[1:])] = {"cpu_seconds": cpu, "steps": [asdict(stage) for stage in stages]}
    facts = conditions(PACKAGES, settings, options)
    write_json(settings.build_dir / "reports" / "large.json", {**facts, "commands": measured})
    for command_name, found in measured.items():
        print(f"\n{command_name}: {found['cpu_seconds']:,.0f} s of processor time")
        for stage in found["steps"]:
            print(f"  {stage['name']:<32}{stage['seconds']:>10,.0f} s{stage['peak_mib']:>10,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
