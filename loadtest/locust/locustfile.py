"""What Locust runs: `make loadtest`, or by its own command `locust -f loadtest/locust/locustfile.py` and its options.

Users and levels are told by the environment variable TAGGER_LOADTEST, in the options of `python -m loadtest.locust`;
Locust's options say where it runs: headless or with its web page, alone, as master, as worker.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape, events
from locust.env import Environment
from locust.runners import WORKER_REPORT_INTERVAL, MasterRunner, WorkerRunner

from loadtest.locust.course import Course
from loadtest.locust.figures import Level
from loadtest.locust.limits import broken_limits
from loadtest.locust.records import Ledger, Recorder
from loadtest.locust.report import progress
from loadtest.locust.users import Traffic, user_classes
from loadtest.options import LoadOptions, make_parser, read_options
from loadtest.texts import draw_texts
from serving.health import Endpoint
from settings import load_settings
from steps import DiskError, ProductTaggerError, staged_file

GIVEN = "TAGGER_LOADTEST"
"""Has the options."""
OUTCOME = "TAGGER_LOADTEST_OUTCOME"
"""Names the file that gets the levels; without it they are only told."""


class Run:
    """One process's part in a run, from Locust's events to the figures."""

    def __init__(self) -> None:
        parser = make_parser("loadtest.locust", __doc__, LoadOptions)
        parsed = parser.parse_args(shlex.split(os.environ.get(GIVEN, "")))
        self.settings = load_settings(parsed.config, parsed.set)
        self.options = read_options(parser, parsed, LoadOptions)
        self.recorder = Recorder()
        self.environment: Environment | None = None
        self.course = Course(self.options, Ledger())
        self.problem = ""

    @functools.cached_property
    def traffic(self) -> Traffic:
        """The users' texts and connections; a master has none."""
        serving, options = self.settings.serving, self.options
        host = Endpoint(options.host or serving.address, serving.http_port).host
        ports = {"http": serving.http_port, "grpc": serving.grpc_port}
        return Traffic(options, draw_texts(self.settings, options.catalog), host, ports, self.recorder)

    @property
    def _runner(self) -> Any:
        assert self.environment is not None
        return self.environment.runner

    def init(self, environment: Environment, **_: Any) -> None:
        """Locust is there."""
        self.environment = environment
        if not isinstance(environment.runner, WorkerRunner):
            # Else Ctrl-C is raised in whatever happens to run, which may be what measures.
            gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
        if not isinstance(environment.runner, MasterRunner):
            # After the workers of --processes have been forked: what gRPC starts doesn't survive that.
            import grpc.experimental.gevent

            grpc.experimental.gevent.init_gevent()

    def start(self, **_: Any) -> None:
        """A run begins; with the web page there may be several."""
        is_master = isinstance(self._runner, MasterRunner)
        late = 1.5 * WORKER_REPORT_INTERVAL if is_master else 0.0
        self.recorder.take()
        # Locust's own tables and page begin with the first measured time.
        forget_warm_up = self._runner.stats.reset_all
        self.course = Course(self.options, Ledger(), late, forget_warm_up, self.finished)
        self.write()
        if not is_master:
            self.traffic.arrivals  # noqa: B018  # the texts are read before the first user is timed

    def finished(self, level: Level) -> None:
        """Tells of a level and keeps it."""
        self.write()
        for line in progress(level):
            _tell(line)

    def write(self) -> None:
        """Writes the levels so far."""
        if OUTCOME in os.environ:
            values = {"levels": [level.as_json() for level in self.course.levels], "problem": self.problem}
            with staged_file(Path(os.environ[OUTCOME])) as staging:
                staging.write_text(json.dumps(values), encoding="utf-8")

    def tick(self) -> int | None:
        """The load there is to be now; None ends the run."""
        try:
            if not isinstance(self._runner, MasterRunner):
                self.course.ledger.add("this process", self.recorder.take())
            return self.course.tick(self.recorder.now(), int(self._runner.user_count))
        except ProductTaggerError as error:
            self.problem = str(error)
        _tell(f"error: {self.problem}")
        with contextlib.suppress(DiskError):
            self.write()
        return None

    def stop(self, **_: Any) -> None:
        """The run is over: nobody waits for the requests that are still open."""
        if "traffic" in self.__dict__:
            self.traffic.arrivals.kill(block=False)

    def report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """A worker reports to the master."""
        data["tagger"] = self.recorder.take()

    def reported(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """The master hears of it."""
        if "tagger" in data:
            self.course.ledger.add(client_id, data["tagger"])

    def quit(self, environment: Environment, **_: Any) -> None:
        """Locust ends: its exit status says whether the limits hold."""
        if isinstance(environment.runner, WorkerRunner):
            return
        broken = broken_limits(self.course.levels, self.options)
        environment.process_exit_code = 1 if broken or self.problem else 0
        if OUTCOME not in os.environ:
            for sentence in broken:
                _tell(sentence)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


run = Run()
events.init.add_listener(run.init)
events.test_start.add_listener(run.start)
events.test_stop.add_listener(run.stop)
events.report_to_master.add_listener(run.report)
events.worker_report.add_listener(run.reported)
events.quitting.add_listener(run.quit)
# Locust takes for users the classes that it finds here by name.
globals().update({user.__name__: user for user in user_classes(run.options, lambda: run.traffic)})


class Levels(LoadTestShape):
    """Asks the course once a second."""

    def tick(self) -> tuple[int, float] | None:
        """Users, and how many of them may start in a second: all."""
        load = run.tick()
        return None if load is None else (load, float(max(load, 1)))
