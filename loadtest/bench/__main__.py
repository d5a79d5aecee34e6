"""`make bench`: this server beside other ways to serve the same checkpoint, and beside the engine without a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from loadtest.bench.figures import figures
from loadtest.bench.picture import plot
from loadtest.bench.report import as_json, figures_table, table, unanswered
from loadtest.bench.run import read_inputs, run
from loadtest.options import BenchOptions, make_parser, read_options
from loadtest.reports import conditions, title, write_json
from loadtest.texts import describe
from settings import Settings, load_settings
from steps import run_command

PACKAGES = (
    "torch", "transformers", "fastapi", "uvicorn", "litserve", "onnxruntime", "nvidia-pytriton", "tritonclient",
    "grpcio",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the process's exit status."""
    parser = make_parser("loadtest.bench", __doc__, BenchOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, BenchOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options))


def _run(settings: Settings, options: BenchOptions) -> int:
    inputs = read_inputs(settings)
    reports = settings.build_dir / "reports"
    reports.mkdir(parents=True, exist_ok=True)  # before anything is measured, so that it isn't for nothing
    facts = {
        **conditions(PACKAGES, settings, options), "release": inputs.release.id, "texts": describe(inputs.texts),
    }  # fmt: skip
    who, series = run(settings, options, inputs, lambda line: print(line, flush=True))
    series = who.in_order(series)
    judged = figures(series, who)
    print()
    for line in [*table(series), "", *figures_table(judged), "", *unanswered(series)]:
        print(line)
    rounds = f"medians of {options.rounds} round{'s' * (options.rounds > 1)}"
    plot(reports / "bench.png", series, who, title(facts, rounds))
    write_json(reports / "bench.json", as_json(series, judged, facts))
    print(f"Written: {reports / 'bench.json'}, {reports / 'bench.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
