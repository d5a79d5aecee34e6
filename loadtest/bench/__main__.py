"""`make bench`: this server beside other ways to serve the same checkpoint, and beside the engine without a server."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from typing import Any

from catalog.prepared import PreparedCatalogError
from export.errors import ExportError
from loadtest.bench.errors import BenchError
from loadtest.bench.figures import figures
from loadtest.bench.plots import plot
from loadtest.bench.report import (
    as_json,
    figures_table,
    report_place,
    table,
    told_errors,
    unanswered,
)
from loadtest.bench.run import Inputs, read_inputs, run
from loadtest.options import BenchOptions, make_parser, read_options
from loadtest.reports import conditions, write_json
from serving.errors import ServingError
from settings import Settings, SettingsError, load_settings
from settings.command import run_command

PACKAGES = (
    "torch", "transformers", "fastapi", "uvicorn", "litserve", "onnxruntime", "nvidia-pytriton", "tritonclient",
    "grpcio",
)  # fmt: skip
ERRORS = (BenchError, ExportError, PreparedCatalogError, ServingError, SettingsError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the process's exit status."""
    parser = make_parser("loadtest.bench", __doc__, BenchOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, BenchOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options), ERRORS)


def _run(settings: Settings, options: BenchOptions) -> int:
    inputs = read_inputs(settings)
    reports = report_place(settings.build_dir)
    facts = _facts(settings, options, inputs)
    who, series = run(settings, options, inputs, lambda line: print(line, flush=True))
    series = who.in_order(series)
    judged = figures(series, who)
    print()
    for line in [*table(series), "", *figures_table(judged), "", *unanswered(series)]:
        print(line)
    machine, rounds = facts["machine"], options.rounds
    title = (
        f"{machine['cores']} cores, load generator included ({machine['processor']}); "
        f"{facts['texts']['mean_characters']:.0f} characters a text; medians of {rounds} round{'s' * (rounds > 1)}"
    )
    with told_errors(reports):
        plot(reports / "bench.png", series, who, title)
        write_json(reports / "bench.json", as_json(series, judged, facts))
    print(f"Written: {reports / 'bench.json'}, {reports / 'bench.png'}")
    return 0


def _facts(settings: Settings, options: BenchOptions, inputs: Inputs) -> dict[str, Any]:
    facts = conditions(PACKAGES)
    facts["machine"]["load_generator"] = "on the same cores, a process of its own"
    return {
        **facts,
        "release": inputs.release.id,
        "texts": {
            "different": len(inputs.texts),
            "mean_characters": round(statistics.fmean(map(len, inputs.texts)), 1),
        },
        "options": options.model_dump(mode="json"),
        "settings": {"serving": settings.serving.model_dump(mode="json")},
    }


if __name__ == "__main__":
    sys.exit(main())
