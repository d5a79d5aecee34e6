"""One run of Locust: started on the server, waited for, and what it found put into its folder."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadtest.errors import LoadtestError
from loadtest.interruptions import held_back
from loadtest.locust import report
from loadtest.locust.figures import Level, read_levels
from loadtest.locust.limits import next_load
from loadtest.memory import MemoryWatch, Sample, level_growth
from loadtest.options import LoadOptions, as_words
from loadtest.reports import conditions, title, write_json
from loadtest.target import Target, served
from loadtest.texts import describe, draw_texts
from serving.processes import spawn_dependent
from settings import Settings
from steps import staged_directory

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).resolve().parents[2]
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
PACKAGES = ("locust", "gevent", "grpcio", "nvidia-pytriton")
STOP_SECONDS = 20


@dataclass(frozen=True)
class Found:
    """What a run found.

    Attributes:
        levels: Those that were measured to their end.
        samples: The server's memory; nothing where it can't be read.
        stopped: Whether it was stopped before its end.
    """

    levels: Sequence[Level]
    samples: Sequence[Sample]
    stopped: bool


def run(settings: Settings, options: LoadOptions, place: Path, *, web: bool, more: Sequence[str]) -> Found:
    """Measures, and writes the report.

    Args:
        settings: The server, and the texts.
        options: What is sent, and the limits.
        place: The folder of the report; what it held is replaced.
        web: With Locust's web page, where the run is started by hand.
        more: Locust's own options.

    Raises:
        LoadtestError: Nothing could be measured.
        ServingError: There is no server, and none can be started.
        DiskError: The report can't be written.
        KeyboardInterrupt: It was stopped before the first level was measured.
    """
    texts = draw_texts(settings, options.catalog)
    with served(settings, options.host) as target, staged_directory(place) as folder:
        facts: dict[str, Any] = {
            **conditions(PACKAGES, settings, options),
            "server": target.facts(),
            "texts": describe(texts),
        }
        for name in facts["server"]["response_cache"]:
            logger.warning("The response cache of %s is on, and texts repeat: the figures are the cache's.", name)
        logger.info("%s", _announcement(options, web))
        watch = MemoryWatch(None if options.host else target.process)
        levels, stopped = _measured(settings, options, target, folder, watch, web, more)
        if not levels:
            raise KeyboardInterrupt if stopped else LoadtestError(_last_words(folder))
        stopped = stopped and next_load(levels, options) is not None  # else only the web page was still there
        samples = watch.samples
        levels = [dataclasses.replace(one, memory=level_growth(samples, one.begin, one.seconds)) for one in levels]
        report.write_levels(folder / "levels.csv", levels)
        rows = [level.as_json() for level in levels]
        write_json(folder / "levels.json", {**facts, "stopped_early": stopped, "levels": rows})
        heading = title(facts, f"levels of {options.seconds:g} s")
        report.plot_levels(folder / "levels.png", levels, options, heading)
        if samples:
            report.write_memory(folder / "memory.csv", levels, samples)
            report.plot_memory(folder / "memory.png", levels, samples, heading)
        return Found(levels, samples, stopped)


def _announcement(options: LoadOptions, web: bool) -> str:
    if web:
        return "Start the run on the web page; the options say its levels. Ctrl-C ends it and writes the reports."
    one = options.warm_up_s + options.seconds + 2
    if options.mode == "ramp":
        return f"At most {options.ramp_levels} levels of about {one:.0f} s. Leave the machine alone meanwhile."
    count = len(options.users if options.mode == "closed" else options.rates)
    levels = f"{count} level{'s' if count > 1 else ''}"
    return f"{levels}, about {count * one:.0f} s. Leave the machine alone meanwhile."


def _measured(
    settings: Settings,
    options: LoadOptions,
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
    command += ["--expect-workers-max-wait", "60", "--html", str(folder / "locust.html")]
    command += ["--csv", str(folder / "locust"), "--json-file", str(folder / "locust")]
    command += ["--web-host", "127.0.0.1"] if web else ["--headless", "--logfile", str(folder / "locust.log")]
    with tempfile.TemporaryDirectory() as directory:
        configuration, outcome = Path(directory) / "settings.yaml", Path(directory) / "outcome.json"
        configuration.write_text(yaml.safe_dump(own.model_dump(mode="json")), encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": str(SOURCES),
            "TAGGER_LOADTEST": f"--config {shlex.quote(str(configuration))} {as_words(options)}",
            "TAGGER_LOADTEST_OUTCOME": str(outcome),
        }
        # The memory is read by a thread, beside which no process is to be started.
        with os.fdopen(os.dup(2), "wb") as told, held_back():
            process = spawn_dependent([*command, *more], environment, told)
        with watch:
            stopped = _wait(process)
        try:
            values: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return [], stopped
    if values["problem"]:
        raise LoadtestError(values["problem"])
    return read_levels(values["levels"]), stopped


def _wait(process: subprocess.Popen[bytes]) -> bool:
    """Waits for Locust's end; True when it was stopped by a signal to this process."""
    stopped = False
    while True:
        try:
            process.wait(STOP_SECONDS if stopped else None)
            return stopped
        except subprocess.TimeoutExpired:
            process.kill()
        except KeyboardInterrupt:
            # Locust ends in order, and writes its own reports; who presses again is in a hurry.
            process.send_signal(signal.SIGKILL if stopped else signal.SIGINT)
            stopped = True


def _last_words(folder: Path) -> str:
    log = folder / "locust.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    told = [line for line in lines if "ERROR" in line or "Error" in line] or lines or ["nothing"]
    return f"Locust ended before the first level was measured. It said: {told[-1]}"
