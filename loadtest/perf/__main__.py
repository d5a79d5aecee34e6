"""`make perf`: NVIDIA's perf_analyzer on the running server, over both protocols, beside Triton's own times."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.errors import LoadtestError
from loadtest.options import PerfOptions, make_parser, read_options
from loadtest.perf.fetch import prepare_analyzer
from loadtest.perf.points import Point
from loadtest.perf.report import plot, progress, table, write_points
from loadtest.perf.sweep import WINDOWS, sweep
from loadtest.reports import conditions, title, write_json
from loadtest.target import served
from loadtest.texts import describe, draw_texts
from settings import Settings, load_settings
from steps import INTERRUPTED, run_command, staged_directory


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and reports; returns the process's exit status."""
    parser = make_parser("loadtest.perf", __doc__, PerfOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, PerfOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options))


def _run(settings: Settings, options: PerfOptions) -> int:
    reports = settings.build_dir / "reports" / "perf"
    points, stopped = _measure(settings, options, reports)
    print()
    for line in table(points):
        print(line)
    print(f"\nWritten: {reports}/ (perf.png, perf.csv, perf.json, and perf_analyzer's own files)")
    if stopped:
        print("Stopped before its end; what was measured until then is kept.", file=sys.stderr)
    return INTERRUPTED if stopped else 0


def _measure(settings: Settings, options: PerfOptions, place: Path) -> tuple[list[Point], bool]:
    """The points, and whether it was stopped before its end; all is written into the place by then."""
    texts = draw_texts(settings, options.catalog)
    analyzer = prepare_analyzer()
    with served(settings, options.host) as target, staged_directory(place) as folder:
        server = target.facts()
        if server["response_cache"]:
            raise LoadtestError(
                f"The response cache of {server['response_cache'][0]} is on, and texts repeat: it would be measured, "
                "not the model. Start the server with serving.response_cache_mib=0."
            )
        count = len(options.protocols) * len(options.concurrency)
        seconds = count * (WINDOWS * options.window_s + 1)
        print(f"{count} measurements, about {seconds:.0f} s. Leave the machine alone meanwhile.", file=sys.stderr)
        facts = {
            **conditions(("nvidia-pytriton",), settings, options),
            "perf_analyzer": analyzer.version, "server": server, "texts": describe(texts),
        }  # fmt: skip
        points: list[Point] = []
        stopped = False
        try:
            for point in sweep(analyzer, target, texts, folder, options):
                points.append(point)
                print(progress(point), file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            if not points:
                raise
            stopped = True
        write_points(folder / "perf.csv", points)
        rows = [{**dataclasses.asdict(point), "parts_ms": point.parts()} for point in points]
        write_json(folder / "perf.json", {**facts, "stopped_early": stopped, "points": rows})
        plot(folder / "perf.png", points, title(facts, f"windows of {options.window_s:g} s"))
    return points, stopped


if __name__ == "__main__":
    sys.exit(main())
