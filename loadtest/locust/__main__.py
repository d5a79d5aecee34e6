"""`make loadtest`: load on the running server with Locust, judged by limits, with reports.

What stands behind `--` goes to Locust: `-- --processes 2`, `-- --master --expect-workers 2`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from catalog.prepared import PreparedCatalogError
from catalog.readers import CatalogError
from loadtest.interruptions import held_back
from loadtest.locust import memory_report
from loadtest.locust.figures import Level, level_from_json
from loadtest.locust.limits import broken_limits
from loadtest.locust.plan import next_load
from loadtest.locust.report import as_json, plot, table, verdict, write_csv
from loadtest.memory import MemoryWatch, level_growth
from loadtest.options import LoadOptions, as_words, make_parser, read_options
from loadtest.reports import ReportError, conditions, report_folder, write_json
from loadtest.target import Target, TargetError, served
from loadtest.texts import TextsError, describe, draw_texts
from serving.errors import ServingError
from serving.processes import spawn_dependent
from settings import Settings, SettingsError, load_settings
from settings.command import run_command

SOURCES = Path(__file__).resolve().parents[2]
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STOP_SECONDS = 20
ERRORS = (CatalogError, PreparedCatalogError, ReportError, ServingError, SettingsError, TargetError, TextsError)


class LocustError(RuntimeError):
    """Locust failed; the message says with what."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load test; returns the process's exit status: 1 where a limit is broken."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    place = given.index("--") if "--" in given else len(given)
    parser = make_parser("loadtest.locust", __doc__, LoadOptions)
    parser.add_argument("--web", action="store_true", help="with Locust's web page, where the run is started by hand")
    parsed = parser.parse_args(given[:place])
    options = read_options(parser, parsed, LoadOptions)
    return run_command(
        lambda: _run(load_settings(parsed.config, parsed.set), options, parsed.web, given[place + 1 :]),
        (*ERRORS, LocustError),
    )


def _run(settings: Settings, limits: LoadOptions, web: bool, more: Sequence[str]) -> int:
    texts = draw_texts(settings, limits.catalog)
    reports = settings.build_dir / "reports" / "loadtest"
    with served(settings, limits.host) as target, report_folder(reports) as folder:
        facts = {
            **conditions(("locust", "gevent", "geventhttpclient", "grpcio", "nvidia-pytriton")),
            "server": target.facts(),
            "texts": describe(texts),
            "options": limits.model_dump(mode="json"),
            "settings": {"serving": settings.serving.model_dump(mode="json")},
        }
        for name in facts["server"]["response_cache"]:
            print(
                f"The response cache of {name} is on, and texts repeat: the figures are the cache's.", file=sys.stderr
            )
        print(_announcement(limits, web), file=sys.stderr)
        watch = MemoryWatch(None if limits.host else target.process)
        levels, stopped = _locust(settings, limits, target, folder, watch, web, more)
        levels = [
            dataclasses.replace(one, memory=level_growth(watch.samples, one.begin, one.seconds)) for one in levels
        ]
        if levels and next_load(levels, limits) is None:
            stopped = False  # only the web page was still there
        if not levels:
            raise KeyboardInterrupt if stopped else LocustError(_last_words(folder))
        facts["stopped_early"] = stopped
        write_csv(folder / "levels.csv", levels)
        write_json(folder / "levels.json", as_json(levels, facts))
        machine = facts["machine"]
        title = (
            f"{machine['cores']} cores, load generator included ({machine['processor']}); "
            f"{facts['texts']['mean_characters']:.0f} characters a text; levels of {limits.seconds:g} s"
        )
        plot(folder / "levels.png", levels, limits, title)
        if watch.samples:
            memory_report.write_csv(folder / memory_report.CSV, levels, watch.samples)
            memory_report.plot(folder / memory_report.PICTURE, levels, watch.samples, title)
    print()
    for line in table(levels, limits):
        print(line)
    print(f"\n{verdict(levels, limits)}")
    for sentence in memory_report.told(levels, watch.samples):
        print(sentence)
    broken = broken_limits(levels, limits)
    for sentence in broken:
        print(sentence)
    memory = f"{memory_report.PICTURE}, " if watch.samples else ""
    print(f"Written: {reports}/ (levels.png, levels.csv, levels.json, {memory}locust.html, locust_stats.csv …)")
    if stopped:
        print("Stopped before its end; the levels that were measured to theirs are kept.", file=sys.stderr)
        return 130
    return 1 if broken else 0


def _announcement(limits: LoadOptions, web: bool) -> str:
    if web:
        return (
            "Start the run on the web page; its levels are those of the options. Ctrl-C ends it and writes the reports."
        )
    one = limits.warm_up_s + limits.seconds + 2
    if limits.mode == "ramp":
        return f"At most {limits.ramp_levels} levels of about {one:.0f} s. Leave the machine alone meanwhile."
    loads = limits.users if limits.mode == "closed" else limits.rates
    count = f"{len(loads)} level{'s' if len(loads) > 1 else ''}"
    return f"{count}, about {len(loads) * one:.0f} s. Leave the machine alone meanwhile."


def _locust(
    settings: Settings,
    limits: LoadOptions,
    target: Target,
    folder: Path,
    watch: MemoryWatch,
    web: bool,
    more: Sequence[str],
) -> tuple[list[Level], bool]:
    """Runs Locust: the levels it has measured, and whether it was stopped before their end."""
    ports = {"http_port": target.http_port, "grpc_port": target.grpc_port}
    # The load generator gets the settings as they are now, whatever file and overrides they came from.
    own = settings.model_copy(update={"serving": settings.serving.model_copy(update=ports)})
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--only-summary"]
    command += ["--host", f"http://{target.host}:{target.http_port}", "--stop-timeout", "2"]
    command += ["--expect-workers-max-wait", "60"]
    command += ["--html", str(folder / "locust.html"), "--csv", str(folder / "locust")]
    command += ["--json-file", str(folder / "locust")]
    command += ["--web-host", "127.0.0.1"] if web else ["--headless", "--logfile", str(folder / "locust.log")]
    with tempfile.TemporaryDirectory() as directory:
        configuration, outcome = Path(directory) / "settings.yaml", Path(directory) / "outcome.json"
        configuration.write_text(yaml.safe_dump(own.model_dump(mode="json")), encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": str(SOURCES),
            "TAGGER_LOADTEST": f"--config {shlex.quote(str(configuration))} {as_words(limits)}",
            "TAGGER_LOADTEST_OUTCOME": str(outcome),
        }
        stopped = _relayed([*command, *more], environment, watch)
        try:
            values: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return [], stopped
    if values["problem"]:
        raise LocustError(values["problem"])
    return [level_from_json(level) for level in values["levels"]], stopped


def _relayed(command: Sequence[str], environment: dict[str, str], watch: MemoryWatch) -> bool:
    """Runs a command, telling what it says; True when it was stopped by a signal to this process."""
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8", errors="replace") as lines:
        # The memory is read by a thread, beside which no process is to be started.
        with open(writing, "wb") as output, held_back():
            process = spawn_dependent(command, environment, output)
        with watch:
            return _told(process, lines)


def _told(process: subprocess.Popen[bytes], lines: Iterable[str]) -> bool:
    stopped = False
    while True:
        try:
            for line in lines:
                if stopped:
                    continue
                print(line, end="", file=sys.stderr, flush=True)
            process.wait()
            return stopped
        except KeyboardInterrupt:
            # Locust ends in order, and writes its own reports; who presses again is in a hurry.
            process.send_signal(signal.SIGKILL if stopped else signal.SIGINT)
            if not stopped:
                last = threading.Timer(STOP_SECONDS, process.kill)
                last.daemon = True
                last.start()
            stopped = True


def _last_words(folder: Path) -> str:
    log = folder / "locust.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    told = next(
        (line for line in reversed(lines) if "ERROR" in line or "Error" in line), lines[-1] if lines else "nothing"
    )
    return f"Locust ended before the first level was measured. It said: {told}"


if __name__ == "__main__":
    sys.exit(main())
