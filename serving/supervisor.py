"""One server from start to stop: a Triton, and the gateway before it; watched, mended, switched to another release."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass
from types import FrameType
from typing import TypedDict

import yaml

from serving.backoff import Backoff
from serving.command import numeric_address
from serving.errors import ServingError
from serving.gateway_process import GatewayProcess
from serving.health import try_it
from serving.instance import POLL_SECONDS, TritonInstance
from serving.journal import Journal
from serving.logs import LogTail, begin_log, bound_log, is_serious
from serving.preflight import Finding, examine, examine_release, require
from serving.preflight.storage import check_disk
from serving.processes import ProcessId
from serving.releases import Release, current_release
from serving.state import ServerFiles, clear_leftovers
from serving.succession import Succession
from serving.triton import Triton, find_triton
from settings import Settings
from steps import DiskError, staged_file

logger = logging.getLogger(__name__)

REFUSED = (ServingError, DiskError, OSError)
"""What keeps a release from being started; it ends nothing that runs."""


class Processes(TypedDict):
    """What runs now, as `Journal` takes it."""

    server: ProcessId | None
    others: list[ProcessId]


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
        settings: The configuration; serving.* and gateway.* are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._serving = settings.serving
        self._files = ServerFiles.of(settings)
        self._releases = settings.build_dir.resolve() / "releases"
        self._wishes = Wishes()
        self._gateway = GatewayProcess(self._files) if settings.gateway.enabled else None
        self._tritons = Succession(settings, self._files, self._gateway)
        self._journal = Journal(self._files, settings.serving)
        self._backoff = Backoff()
        self._trouble = ""
        self._restarts = 0
        self._tail = LogTail(self._files.log)

    def run(self) -> None:
        """Serves the current release until a signal ends it: SIGTERM or SIGINT; SIGHUP switches to `current`.

        What ends or hangs later is replaced, however often. Only a first start that fails is an error.

        Raises:
            ServingError: The server can't be started.
            DiskError: The disk is full, or the build directory can't be written.
        """
        with self._files.locked():
            clear_leftovers(self._files)
            _require(examine(self._settings))
            release = current_release(self._releases)
            triton = find_triton()
            handlers = {
                number: signal.signal(number, self._hear) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            }
            try:
                self._begin(triton, release)
                while True:
                    self._meanwhile()
                    self._show_warnings()
                    if self._wishes.switch:
                        self._wishes.switch = False
                        self._switch(triton)
                    self._mend(triton)
                    time.sleep(POLL_SECONDS)
            except Interrupted:
                pass
            finally:
                self._end()
                for path in (self._files.state, self._files.target, self._files.gateway):
                    path.unlink(missing_ok=True)
                for number, handler in handlers.items():
                    signal.signal(number, handler)
            logger.info("Stopped.")

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._wishes.switch = True
            return
        self._wishes.stop += 1
        if self._wishes.stop > 1:  # asked twice: no more patience
            if self._gateway is not None:
                self._gateway.kill()
            self._tritons.kill()

    def _begin(self, triton: Triton, release: Release) -> None:
        began = time.monotonic()
        begin_log(self._files.log)
        if self._gateway is not None:
            begin_log(self._files.gateway_log)
            with staged_file(self._files.settings) as staging:
                staging.write_text(yaml.safe_dump(self._settings.model_dump(mode="json")), encoding="utf-8")
            self._gateway.listen(numeric_address(self._serving.address), self._serving.http_port)
            self._gateway.keep()
        self._move(triton, release, phase="starting")
        serving = self._serving
        logger.info(
            "Ready after %.1f s: HTTP %s, gRPC %s, metrics %s. Try it:\n  %s",
            time.monotonic() - began,
            *(f"{serving.address}:{port}" for port in (serving.http_port, serving.grpc_port, serving.metrics_port)),
            try_it(self._settings),
        )

    def _meanwhile(self) -> None:
        """What goes on whatever is waited for.

        Raises:
            Interrupted: A signal asked to stop.
        """
        if self._wishes.stop:
            raise Interrupted
        if self._gateway is not None and self._gateway.keep():
            self._journal.update(**self._processes())

    def _show_warnings(self) -> None:
        gpu = self._tritons.current is not None and self._tritons.current.gpu
        for line in self._tail.lines():
            if is_serious(line, gpu=gpu):
                logger.warning("triton: %s", line)
        bound_log(self._files.log)

    def _switch(self, triton: Triton) -> None:
        """Serves what is current now; the former release goes on where that can't be served."""
        served = self._served
        former = served.release
        try:
            release = current_release(self._releases)
            self._check(release)
        except REFUSED as error:
            logger.error("Not switched: %s", error)
            self._settle(str(error))
            return
        if release.id == former.id and not self._trouble:
            logger.info("The current release %s is served already.", release.id)
            self._settle()
            return
        logger.info("Switching from release %s to %s.", former.id, release.id)
        try:
            self._move(triton, release, phase="switching")
        except REFUSED as error:
            logger.error("Release %s can't be served: %s", release.id, error)
            if served.running:
                logger.error("Release %s goes on.", former.id)
                self._settle(str(error))
            else:
                logger.error("Going back to release %s.", former.id)
                self._mend(triton, problem=str(error))

    def _mend(self, triton: Triton, problem: str = "") -> None:
        """Replaces a Triton that ended, hangs, or lost a process of a model; later again where that fails."""
        served = self._served
        wrong = served.what_is_wrong()
        if not wrong:
            self._trouble = ""
            return
        if not self._trouble:
            self._trouble = wrong
            wait = self._backoff.lost()
            logger.warning("%s Starting it again%s.", wrong, f" in {wait:g} s" if wait else "")
        if not self._backoff.is_due():
            return
        try:
            self._check(served.release)
            self._restarts += not problem
            self._move(triton, served.release, phase="starting", problem=problem)
        except REFUSED as error:
            wait = self._backoff.lost()
            left = "What is left of it goes on: it" if served.running else "It"
            told = f"{wrong} {left} can't be started again. {error}"
            if self._journal.problem != told or self._journal.phase == "starting":
                logger.error("%s The next attempt is in %g s.", told, wait)
            self._settle(told)

    def _check(self, release: Release) -> None:
        """Looks at whether a release can be started now.

        Raises:
            ServingError: It can't.
            DiskError: The disk is full.
        """
        _require(examine_release(self._settings, release, busy=True))
        check_disk(self._files.directory)

    def _move(self, triton: Triton, release: Release, *, phase: str, problem: str = "") -> None:
        """Has a Triton on a release take the place of the one that serves.

        Raises:
            ServingError: It can't be served. The former Triton goes on if it could stay beside it, else none runs.
            DiskError: The disk is full. The same holds.
            Interrupted: A signal asked to stop.
        """
        self._tritons.move(triton, release, lambda: self._note(phase, release, problem), self._meanwhile)
        self._tail.lines()  # what was said on the way to ready is told only when that fails
        self._trouble = ""
        self._backoff.ready()
        self._note("ready", release, problem)

    @property
    def _served(self) -> TritonInstance:
        assert self._tritons.current is not None, "the first start was refused"
        return self._tritons.current

    def _settle(self, problem: str = "") -> None:
        """Notes that nothing is under way."""
        self._note("ready" if self._served.running else "waiting", self._served.release, problem)

    def _note(self, phase: str, release: Release, problem: str = "") -> None:
        current = self._tritons.current
        target = current.target if current is not None else None
        self._journal.note(
            phase, release.id, **self._processes(), target=target, problem=problem, restarts=self._restarts
        )

    def _processes(self) -> Processes:
        tritons = [one.process_id for one in (self._tritons.current, self._tritons.fresh) if one and one.process_id]
        gateway = self._gateway.process_id if self._gateway is not None else None
        others = [*tritons[1:], *([gateway] if gateway else [])]
        return {"server": tritons[0] if tritons else None, "others": others}

    def _end(self) -> None:
        """Ends everything: the gateway when it has answered what is in flight, Triton after it."""
        self._journal.update(**self._processes(), phase="stopping")
        if self._gateway is not None:
            self._gateway.end(self._serving.stop_timeout_s)
        self._tritons.end()


def _require(findings: list[Finding]) -> None:
    """Tells the notes among the findings, and raises a ServingError of the problems."""
    for finding in findings:
        if finding.outcome == "note":
            logger.warning("%s: %s.", finding.check, finding.told)
    require(findings)
