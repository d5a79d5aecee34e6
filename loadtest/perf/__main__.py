"""`make perf`: NVIDIA's perf_analyzer on the running server, over both protocols, beside Triton's own times."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from catalog.prepared import PreparedCatalogError
from catalog.readers import CatalogError
from loadtest.options import PerfOptions, make_parser, read_options
from loadtest.perf.fetch import AnalyzerError, prepare_analyzer
from loadtest.perf.report import as_json, plot, progress_line, table, write_csv
from loadtest.perf.sweep import WINDOWS, Point, sweep, write_input
from loadtest.reports import ReportError, conditions, report_folder, write_json
from loadtest.target import TargetError, served
from loadtest.texts import TextsError, describe, draw_texts
from serving.errors import ServingError
from settings import Settings, SettingsError, load_settings
from settings.command import run_command

ERRORS = (
    AnalyzerError, CatalogError, PreparedCatalogError, ReportError, ServingError, SettingsError, TargetError,
    TextsError,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and reports; returns the process's exit status."""
    parser = make_parser("loadtest.perf", __doc__, PerfOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, PerfOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options), ERRORS)


def _run(settings: Settings, perf: PerfOptions) -> int:
    texts = draw_texts(settings, perf.catalog)
    analyzer = prepare_analyzer()
    reports = settings.build_dir / "reports" / "perf"
    with served(settings, perf.host) as target, report_folder(reports) as folder:
        server = target.facts()
        if server["response_cache"]:
            raise TargetError(
                f"The response cache of {server['response_cache'][0]} is on, and texts repeat: it would be measured, "
                "not the model. Start the server with serving.response_cache_mib=0."
            )
        facts = {
            **conditions(("nvidia-pytriton",)),
            "perf_analyzer": analyzer.version,
            "server": server,
            "texts": describe(texts),
            "options": perf.model_dump(mode="json"),
            "settings": {"serving": settings.serving.model_dump(mode="json")},
        }
        write_input(folder / "input.json", texts)
        count = len(perf.protocols) * len(perf.concurrency)
        seconds = count * (WINDOWS * perf.window_s + 1)
        print(f"{count} measurements, about {seconds:.0f} s. Leave the machine alone meanwhile.", file=sys.stderr)
        points: list[Point] = []
        stopped = False
        try:
            for point in sweep(analyzer, target, folder, perf.protocols, perf.concurrency, perf.window_s):
                points.append(point)
                print(progress_line(point), file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            if not points:
                raise
            stopped = True
        (folder / "input.json").unlink()
        write_csv(folder / "perf.csv", points)
        write_json(folder / "perf.json", as_json(points, {**facts, "stopped_early": stopped}))
        machine = facts["machine"]
        plot(
            folder / "perf.png",
            points,
            f"{machine['cores']} cores, perf_analyzer included ({machine['processor']}); "
            f"{facts['texts']['mean_characters']:.0f} characters a text; windows of {perf.window_s:g} s",
        )
    print()
    for line in table(points):
        print(line)
    print(f"\nWritten: {reports}/ (perf.png, perf.csv, perf.json, and perf_analyzer's own files)")
    if stopped:
        print("Stopped before its end; what was measured until then is kept.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
