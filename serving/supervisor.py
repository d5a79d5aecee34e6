"""One Triton server from start to stop: rendered, started, watched, switched to another release, ended."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from serving.command import server_command, server_environment
from serving.errors import ServingError
from serving.health import Endpoint, curl_command
from serving.logs import LogTail, failure_cause, is_serious
from serving.preflight import Finding, examine, examine_release, require
from serving.preflight.storage import check_disk
from serving.processes import ProcessId, children_of, kill_group, spawn_dependent
from serving.releases import Release, current_release, find_release
from serving.repository import is_gpu_repository, render_repository
from serving.state import ServerFiles, ServerState, clear_leftovers
from serving.triton import Triton, find_triton
from settings import Settings
from steps import DiskError

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
CALM_SECONDS = 60.0
"""A server that ran so long before it ended by itself is started again at once, and its earlier ends are forgotten."""
MAX_RESTARTS = 3
PATIENCE_SECONDS = 5.0
"""After so long it is looked anew whether a release that could not be started again can."""


@dataclass
class Wishes:
    """What signals ask for."""

    stop: int = 0
    switch: bool = False


class Interrupted(Exception):
    """A wish to stop came while something was waited for."""


class Supervisor:
    """Runs one server in the foreground.

    Args:
        settings: The configuration; serving.* is used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._serving = settings.serving
        self._files = ServerFiles.of(settings)
        self._releases = settings.build_dir.resolve() / "releases"
        self._endpoint = Endpoint(self._serving.address, self._serving.http_port)
        self._wishes = Wishes()
        self._process: subprocess.Popen[bytes] | None = None
        self._server: ProcessId | None = None
        self._models: list[ProcessId] = []
        self._tail = LogTail(self._files.log)
        self._state: ServerState | None = None
        self._gpu = False

    def run(self) -> None:
        """Serves the current release until a signal ends it: SIGTERM or SIGINT; SIGHUP switches to `current`.

        Raises:
            ServingError: The server can't be started, or ended by itself again and again.
            DiskError: The disk is full, or the build directory can't be written.
        """
        with self._files.locked():
            clear_leftovers(self._files)
            _require(examine(self._settings))
            release = current_release(self._releases)
            triton = find_triton()
            handlers = {
                number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            }
            self._begin_log()
            try:
                self._start(triton, release)
                self._watch(triton, release)
            except Interrupted:
                pass
            finally:
                self._end()
                self._files.state.unlink(missing_ok=True)
                for number, handler in handlers.items():
                    signal.signal(number, handler)
            logger.info("Stopped.")

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._wishes.switch = True
            return
        self._wishes.stop += 1
        if self._wishes.stop > 1 and self._server is not None:
            self._server.kill_group()  # asked twice: no more patience

    def _begin_log(self) -> None:
        if self._files.log.exists():
            self._files.log.replace(self._files.log.with_suffix(".log.1"))
        self._files.log.touch()

    def _write_state(self, phase: str, release: Release, problem: str = "", restarts: int = 0) -> None:
        me = ProcessId.of(os.getpid())
        assert me is not None, "/proc is not mounted"
        self._state = ServerState(
            supervisor=me,
            server=self._server,
            phase=phase,
            release=release.id,
            address=self._serving.address,
            http_port=self._serving.http_port,
            grpc_port=self._serving.grpc_port,
            metrics_port=self._serving.metrics_port,
            started=time.time(),
            problem=problem,
            restarts=restarts,
            host=socket.gethostname(),
        )
        self._state.write(self._files.state)

    def _start(self, triton: Triton, release: Release, problem: str = "", restarts: int = 0) -> None:
        """Starts Triton on a release and waits until it has answered a text.

        Raises:
            ServingError: It didn't; the message has the cause. Nothing runs then.
            Interrupted: A signal asked to stop meanwhile.
        """
        began = time.monotonic()
        processes = render_repository(release, self._serving, self._files.repository)
        self._gpu = is_gpu_repository(self._files.repository)
        logger.info("Starting Triton on release %s: %s.", release.id, processes)
        offset = self._files.log.stat().st_size
        command = server_command(
            triton,
            self._files.repository,
            self._serving,
            self._files.shm_prefix,
            key=secrets.token_urlsafe(),  # nobody is told it
            gpu=self._gpu,
            priorities=not self._gpu,
        )
        with self._files.log.open("ab") as log:
            self._process = spawn_dependent(command, server_environment(triton), log)
        self._server = ProcessId.of(self._process.pid)
        self._write_state("starting", release, problem, restarts)
        try:
            self._wait_ready(offset)
        except BaseException:
            self._end()
            raise
        self._models = children_of(self._process.pid)
        self._tail.lines()  # what was said on the way to ready is told only when that fails
        self._write_state("ready", release, problem, restarts)
        address, ports = self._serving.address, (self._serving.grpc_port, self._serving.metrics_port)
        logger.info(
            "Ready after %.1f s: HTTP %s, gRPC %s, metrics %s. Try it:\n  %s",
            time.monotonic() - began,
            *(f"{address}:{port}" for port in (self._serving.http_port, *ports)),
            curl_command(address, self._serving.http_port),
        )

    def _wait_ready(self, offset: int) -> None:
        assert self._process is not None
        end = time.monotonic() + self._serving.start_timeout_s
        while True:
            if self._wishes.stop:
                raise Interrupted
            if self._process.poll() is not None:
                raise ServingError(f"Triton did not start. {self._cause(offset)} All of its log: {self._files.log}")
            if self._endpoint.ready():
                break
            if time.monotonic() > end:
                raise ServingError(
                    f"Triton was not ready after {self._serving.start_timeout_s} s (serving.start_timeout_s). "
                    f"{self._cause(offset)} All of its log: {self._files.log}"
                )
            time.sleep(POLL_SECONDS)
        # Ready means that the models are loaded; an answer means that they work together.
        failure = self._endpoint.tag()
        if failure is not None:
            raise ServingError(f"Triton started, but can't tag a text ({failure}). All of its log: {self._files.log}")

    def _cause(self, offset: int) -> str:
        with self._files.log.open("rb") as stream:
            stream.seek(offset)
            return failure_cause(stream.read().decode("utf-8", "replace"), gpu=self._gpu)

    def _watch(self, triton: Triton, release: Release) -> None:
        """Waits for signals and for the server's end, and shows the warnings it logs."""
        ready_since = time.monotonic()
        restarts = 0
        look_again = 0.0
        while not self._wishes.stop:
            for line in self._tail.lines():
                if is_serious(line, gpu=self._gpu):
                    logger.warning("triton: %s", line)
            if self._wishes.switch:
                self._wishes.switch = False
                release = self._switch(triton, release)
                ready_since = time.monotonic()
            told = self._what_died() if time.monotonic() >= look_again else ""
            if told and self._keeps_running(release, told):
                look_again = time.monotonic() + PATIENCE_SECONDS
            elif told:
                restarts = 0 if time.monotonic() - ready_since > CALM_SECONDS else restarts
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise ServingError(f"{told} It did so {restarts} times in a row. Its log: {self._files.log}")
                logger.warning("%s Starting it again.", told)
                self._end(patient=False)
                self._start(triton, release, restarts=restarts)
                ready_since = time.monotonic()
            time.sleep(POLL_SECONDS)

    def _keeps_running(self, release: Release, told: str) -> bool:
        """Whether what is left of Triton is better kept: it answers, and its release can't be started anew.

        Raises:
            ServingError: Triton itself has ended, and its release can't be started anew.
        """
        assert self._process is not None
        try:
            _require(examine_release(self._settings, release, busy=True))
            check_disk(self._files.directory)
        except (ServingError, DiskError) as error:
            if self._process.poll() is not None:
                raise ServingError(f"{told} It can't be started again. {error}") from None
            problem = f"{told} What is left of it goes on: it can't be started again. {error}"
            if self._state is None or self._state.problem != problem:
                logger.error("%s", problem)
                self._write_state("ready", release, problem)
            return True
        return False

    def _what_died(self) -> str:
        """Empty while Triton and all its models' processes run.

        Triton doesn't replace a Python process that ended, out of memory for instance: it says it is ready, and answers
        nothing but errors. So it has to be started anew as well.
        """
        assert self._process is not None
        if self._process.poll() is not None:
            return f"Triton ended by itself ({_how(self._process.returncode)})."
        if all(model.alive() for model in self._models):
            return ""
        return "A process of Triton's that runs a model ended by itself (killed, or out of memory?)."

    def _switch(self, triton: Triton, former: Release) -> Release:
        """Restarts Triton on what is current now; on the former release again when that fails.

        Returns:
            The release that is served now.
        """
        try:
            release = current_release(self._releases)
            _require(examine_release(self._settings, release, busy=True))
            check_disk(self._files.directory)
        except (ServingError, DiskError) as error:
            logger.error("Not switched: %s", error)
            self._write_state("ready", former, str(error))
            return former
        if release.id == former.id:
            logger.info("The current release %s is served already.", release.id)
            self._write_state("ready", former)
            return former
        logger.info("Switching from release %s to %s; requests are refused for some seconds.", former.id, release.id)
        self._write_state("switching", release)
        self._end()
        try:
            self._start(triton, release)
        except (ServingError, DiskError) as error:
            logger.error("Release %s can't be served: %s", release.id, error)
            logger.error("Going back to release %s.", former.id)
            self._start(triton, find_release(self._releases, former.id), problem=str(error))
            return former
        return release

    def _end(self, patient: bool = True) -> None:
        """Ends Triton in order if there is patience, then by force what is left of it."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._state is not None:
            phase = "switching" if self._state.phase == "switching" else "stopping"
            self._state = dataclasses.replace(self._state, phase=phase)
            with contextlib.suppress(DiskError):  # a full disk keeps no server from being stopped
                self._state.write(self._files.state)
        if patient and process.poll() is None:
            process.terminate()
            try:
                process.wait(self._serving.stop_timeout_s)
            except subprocess.TimeoutExpired:
                logger.warning("Triton did not end within %d s; killing it.", self._serving.stop_timeout_s)
        # Its number can't have been given away: it is waited for only below.
        kill_group(process.pid)
        process.wait()
        self._server = None
        for region in Path("/dev/shm").glob(f"{self._files.shm_prefix}*"):
            region.unlink(missing_ok=True)


def _require(findings: list[Finding]) -> None:
    """Tells the notes among the findings, and raises a ServingError of the problems."""
    for finding in findings:
        if finding.outcome == "note":
            logger.warning("%s: %s.", finding.check, finding.told)
    require(findings)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    return f"signal {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"signal {-code}"
