"""One server from start to stop: a Triton, and the gateway before it; watched, mended, switched to another release."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import yaml

from serving.backoff import Backoff
from serving.command import numeric_address
from serving.errors import ServingError
from serving.gateway_process import GatewayProcess
from serving.health import try_it
from serving.instance import POLL_SECONDS, TritonInstance
from serving.logs import LogTail, begin_log, bound_log, is_serious
from serving.ports import LOOPBACK, private_ports
from serving.preflight import Finding, check_second, examine, examine_release, require
from serving.preflight.storage import check_disk
from serving.processes import ProcessId
from serving.releases import Release, current_release
from serving.state import ServerFiles, ServerState, clear_leftovers
from serving.triton import Triton, find_triton
from settings import ServingSettings, Settings
from steps import DiskError, staged_file

logger = logging.getLogger(__name__)

GATEWAY_STARTS_S = 30.0
ENDS_S = 5.0
"""For a Triton that has answered everything and has no connections left."""


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
        self._instance: TritonInstance | None = None
        self._fresh: TritonInstance | None = None
        self._gateway = GatewayProcess(self._files) if settings.gateway.enabled else None
        self._backoff = Backoff()
        self._trouble = ""
        self._restarts = 0
        self._tail = LogTail(self._files.log)
        self._state: ServerState | None = None

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
                number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
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

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._wishes.switch = True
            return
        self._wishes.stop += 1
        if self._wishes.stop > 1:  # asked twice: no more patience
            for one in (self._gateway, self._fresh, self._instance):
                if one is not None:
                    one.kill()

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
            self._write_processes()

    def _show_warnings(self) -> None:
        gpu = self._instance is not None and self._instance.gpu
        for line in self._tail.lines():
            if is_serious(line, gpu=gpu):
                logger.warning("triton: %s", line)
        bound_log(self._files.log)

    def _switch(self, triton: Triton) -> None:
        """Serves what is current now; the former release goes on where that can't be served."""
        assert self._instance is not None
        former = self._instance.release
        try:
            release = current_release(self._releases)
            self._check(release)
        except (ServingError, DiskError) as error:
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
        except (ServingError, DiskError) as error:
            logger.error("Release %s can't be served: %s", release.id, error)
            if self._instance.running:
                logger.error("Release %s goes on.", former.id)
                self._settle(str(error))
            else:
                logger.error("Going back to release %s.", former.id)
                self._mend(triton, problem=str(error))

    def _mend(self, triton: Triton, problem: str = "") -> None:
        """Replaces a Triton that ended, hangs, or lost a process of a model; later again where that fails."""
        assert self._instance is not None
        wrong = self._instance.what_is_wrong()
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
            self._check(self._instance.release)
            self._restarts += not problem
            self._move(triton, self._instance.release, phase="starting", problem=problem)
        except (ServingError, DiskError) as error:
            wait = self._backoff.lost()
            left = "What is left of it goes on: it" if self._instance.running else "It"
            told = f"{wrong} {left} can't be started again. {error}"
            if self._state is None or self._state.problem != told or self._state.phase == "starting":
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
        """Starts a Triton on a release and has it take the former one's place; beside it where that is possible.

        Raises:
            ServingError: It can't be served. The former Triton goes on if it could stay beside it, else none runs.
            DiskError: The disk is full. The same holds.
            Interrupted: A signal asked to stop.
        """
        former = self._instance
        beside = former is not None and former.running and self._fits_beside(former, release)
        if former is not None and not beside:
            self._write_state(phase, release, problem)
            former.end(self._serving.stop_timeout_s if former.what_is_wrong() == "" else 0)
        slot = 1 - former.slot if beside and former is not None else 0
        fresh = self._fresh = TritonInstance(release, self._listen(), self._files, slot)
        try:
            fresh.start(triton, lambda: self._write_state(phase, release, problem), self._meanwhile)
            if self._gateway is not None:
                self._gateway.follow(fresh.target)
                self._wait_for_gateway(lambda gateway: gateway.asks_target, GATEWAY_STARTS_S)
        except BaseException:
            fresh.end(0)
            if self._gateway is not None and former is not None:
                with contextlib.suppress(DiskError):
                    self._gateway.follow(former.target)
            self._fresh = None
            raise
        self._instance, self._fresh = fresh, None
        if self._gateway is not None and former is not None and beside:
            if former.what_is_wrong() == "":
                self._drain(former)
            former.end(ENDS_S if former.what_is_wrong() == "" else 0)
        self._tail.lines()  # what was said on the way to ready is told only when that fails
        self._trouble = ""
        self._backoff.ready()
        self._write_state("ready", release, problem)

    def _drain(self, former: TritonInstance) -> None:
        """Lets the former Triton answer what it was asked; what it has not answered then is asked again."""
        longest = (self._serving.request_timeout_ms or 60_000) / 1000 + 1
        try:
            self._wait_for_gateway(lambda gateway: gateway.has_drained, longest)
        except ServingError:
            logger.warning("Requests to release %s were not answered within %g s.", former.release.id, longest)
        except Interrupted:
            former.end(0)
            raise

    def _wait_for_gateway(self, condition: Callable[[GatewayProcess], bool], seconds: float) -> None:
        assert self._gateway is not None
        end = time.monotonic() + seconds
        while not condition(self._gateway):
            self._meanwhile()
            if time.monotonic() > end:
                raise ServingError(
                    f"The gateway does not serve within {seconds:g} s. Its log: {self._files.gateway_log}"
                )
            time.sleep(POLL_SECONDS / 4)

    def _fits_beside(self, former: TritonInstance, release: Release) -> bool:
        """Whether a second Triton can run for a while; without a gateway they would need the same ports."""
        if self._gateway is None or former.process_id is None:
            return False
        try:
            require(check_second(self._settings, release, former.process_id.pid))
        except ServingError as error:
            logger.warning("The former Triton has to end first, and requests wait meanwhile: %s", error)
            return False
        return True

    def _listen(self) -> ServingSettings:
        """The settings of the next Triton: behind a gateway it listens on ports that nobody else is told."""
        if self._gateway is None:
            return self._serving
        http, grpc, metrics = private_ports(3)
        ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
        return self._serving.model_copy(update={"address": LOOPBACK, **ports})

    def _settle(self, problem: str = "") -> None:
        """Notes that nothing is under way."""
        assert self._instance is not None
        self._write_state("ready" if self._instance.running else "waiting", self._instance.release, problem)

    def _write_state(self, phase: str, release: Release, problem: str = "") -> None:
        me = ProcessId.of(os.getpid())
        assert me is not None, "/proc is not mounted"
        server, others = self._processes()
        self._state = ServerState(
            supervisor=me,
            server=server,
            phase=phase,
            release=release.id,
            address=self._serving.address,
            http_port=self._serving.http_port,
            grpc_port=self._serving.grpc_port,
            metrics_port=self._serving.metrics_port,
            started=time.time(),
            problem=problem,
            restarts=self._restarts,
            host=socket.gethostname(),
            others=others,
            target=self._instance.target if self._instance is not None else None,
        )
        self._state.write(self._files.state)

    def _write_processes(self, phase: str | None = None) -> None:
        """Notes which processes there are now; a full disk stops nothing of what goes on."""
        if self._state is not None:
            server, others = self._processes()
            phase = phase or self._state.phase
            self._state = dataclasses.replace(self._state, server=server, others=others, phase=phase)
            with contextlib.suppress(DiskError):
                self._state.write(self._files.state)

    def _processes(self) -> tuple[ProcessId | None, tuple[ProcessId, ...]]:
        tritons = [one.process_id for one in (self._instance, self._fresh) if one is not None and one.process_id]
        gateway = self._gateway.process_id if self._gateway is not None else None
        return (tritons[0] if tritons else None), (*tritons[1:], *([gateway] if gateway else []))

    def _end(self) -> None:
        """Ends everything: the gateway when it has answered what is in flight, Triton after it."""
        self._write_processes("stopping")
        if self._gateway is not None:
            self._gateway.end(self._serving.stop_timeout_s)
        for one in (self._fresh, self._instance):
            if one is not None:
                one.end(ENDS_S if self._gateway is not None else self._serving.stop_timeout_s)


def _require(findings: list[Finding]) -> None:
    """Tells the notes among the findings, and raises a ServingError of the problems."""
    for finding in findings:
        if finding.outcome == "note":
            logger.warning("%s: %s.", finding.check, finding.told)
    require(findings)
