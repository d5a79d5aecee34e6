"""`make loadtest`: load on the running server with Locust, judged by limits, with reports.

What stands behind `--` goes to Locust: `-- --processes 2`, `-- --master --expect-workers 2`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from loadtest.locust.limits import broken_limits
from loadtest.locust.report import memory_sentences, table, verdict
from loadtest.locust.run import run
from loadtest.options import LoadOptions, make_parser, read_options
from settings import Settings, load_settings
from steps import INTERRUPTED, run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load test; returns the process's exit status: 1 where a limit is broken."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    place = given.index("--") if "--" in given else len(given)
    parser = make_parser("loadtest.locust", __doc__, LoadOptions)
    parser.add_argument("--web", action="store_true", help="with Locust's web page, where the run is started by hand")
    parsed = parser.parse_args(given[:place])
    options = read_options(parser, parsed, LoadOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options, parsed.web, given[place + 1 :]))


def _run(settings: Settings, options: LoadOptions, web: bool, more: Sequence[str]) -> int:
    reports = settings.build_dir / "reports" / "loadtest"
    found = run(settings, options, reports, web=web, more=more)
    broken = broken_limits(found.levels, options)
    print()
    for line in [*table(found.levels, options), "", verdict(found.levels, options)]:
        print(line)
    for sentence in [*memory_sentences(found.levels, found.samples), *broken]:
        print(sentence)
    memory = "memory.png, " if found.samples else ""
    print(f"Written: {reports}/ (levels.png, levels.csv, levels.json, {memory}locust.html, locust_stats.csv …)")
    if found.stopped:
        print("Stopped before its end; the levels that were measured to theirs are kept.", file=sys.stderr)
        return INTERRUPTED
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
