"""One tritonserver process from its start to its end."""

from __future__ import annotations

import logging
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from serving.command import numeric_address, server_command, server_environment
from serving.errors import ServingError
from serving.health import Endpoint
from serving.logs import failure_cause
from serving.probing import Watch
from serving.processes import ProcessId, children_of, kill_group, spawn_dependent
from serving.releases import Release
from serving.repository import is_gpu_repository, render_repository
from serving.state import ServerFiles, remove_regions
from serving.target import Target
from serving.triton import Triton
from settings import ServingSettings

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2


class TritonInstance:
    """A Triton that serves one release.

    Args:
        release: What it serves.
        serving: The settings; it listens at their address and ports.
        files: The server's place.
        slot: 0 or 1, told apart from the other Triton of the same server while there are two.
    """

    def __init__(self, release: Release, serving: ServingSettings, files: ServerFiles, slot: int) -> None:
        self.release = release
        self.slot = slot
        self.target = Target(
            release.id,
            serving.http_port,
            serving.grpc_port,
            serving.metrics_port,
            Endpoint(numeric_address(serving.address), serving.http_port).host,
        )
        self.gpu = False
        self.process_id: ProcessId | None = None
        self._serving = serving
        self._files = files
        self._shm_prefix = f"{files.shm_prefix}{slot}-"
        self._endpoint = Endpoint(self.target.host, self.target.http_port)
        self._process: subprocess.Popen[bytes] | None = None
        self._models: list[ProcessId] = []
        self._watch: Watch | None = None

    def start(self, triton: Triton, started: Callable[[], None], meanwhile: Callable[[], None]) -> None:
        """Starts it and waits until it has answered a text.

        Args:
            triton: The server to start.
            started: Called when there is a process.
            meanwhile: Called again and again until it is ready; what it raises ends the start.

        Raises:
            ServingError: It isn't ready; the message has the cause. Nothing of it runs then.
            DiskError: The disk is full.
        """
        repository = self._files.repository(self.slot)
        processes = render_repository(self.release, self._serving, repository)
        self.gpu = is_gpu_repository(repository)
        logger.info("Starting Triton on release %s: %s.", self.release.id, processes)
        offset = self._files.log.stat().st_size
        command = server_command(
            triton,
            repository,
            self._serving,
            self._shm_prefix,
            key=secrets.token_urlsafe(),  # nobody is told it
            gpu=self.gpu,
            priorities=not self.gpu,
        )
        with self._files.log.open("ab") as log:
            self._process = spawn_dependent(command, server_environment(triton), log)
        self.process_id = ProcessId.of(self._process.pid)
        try:
            started()
            self._wait_ready(offset, meanwhile)
        except BaseException:
            self.end(0)
            raise
        self._models = children_of(self._process.pid)
        self._watch = Watch.of(self._endpoint, self._serving.request_timeout_ms)

    def _wait_ready(self, offset: int, meanwhile: Callable[[], None]) -> None:
        assert self._process is not None
        end = time.monotonic() + self._serving.start_timeout_s
        all_of_it = f"All of its log: {self._files.log}"
        while True:
            meanwhile()
            if self._process.poll() is not None:
                raise ServingError(f"Triton did not start. {self._cause(offset)} {all_of_it}")
            if self._endpoint.ready():
                break
            if time.monotonic() > end:
                raise ServingError(
                    f"Triton was not ready after {self._serving.start_timeout_s} s (serving.start_timeout_s). "
                    f"{self._cause(offset)} {all_of_it}"
                )
            time.sleep(POLL_SECONDS)
        # Ready means that the models are loaded; an answer means that they work together.
        failure = self._endpoint.tag()
        if failure is not None:
            raise ServingError(f"Triton started, but can't tag a text ({failure}). {all_of_it}")

    def _cause(self, offset: int) -> str:
        with self._files.log.open("rb") as stream:
            stream.seek(offset)
            return failure_cause(stream.read().decode("utf-8", "replace"), gpu=self.gpu)

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def what_is_wrong(self) -> str:
        """Empty while Triton and all its models' processes run and answer; it never waits.

        Triton doesn't replace a Python process that ended, out of memory for instance: it says it is ready, and answers
        nothing but errors. So it has to be started anew as well.
        """
        if self._process is None:
            return "Triton does not run."
        if self._process.poll() is not None:
            return f"Triton ended by itself ({_how(self._process.returncode)})."
        if not all(model.alive() for model in self._models):
            return "A process of Triton's that runs a model ended by itself (killed, or out of memory?)."
        if self._watch is not None and self._watch.hangs():
            return "Triton hangs: it answers neither a probe text nor anybody else."
        return ""

    def end(self, patience_s: float) -> None:
        """Ends it: in order if there is patience, then by force what is left of it. None of its files stays."""
        process, self._process = self._process, None
        if self._watch is not None:
            self._watch.close()
        if process is None:
            return
        if patience_s and process.poll() is None:
            process.terminate()
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                logger.warning("Triton did not end within %g s; killing it.", patience_s)
        # Its number can't have been given away: it is waited for only below.
        kill_group(process.pid)
        process.wait()
        self.process_id = None
        remove_regions(self._shm_prefix)
        shutil.rmtree(self._files.repository(self.slot), ignore_errors=True)

    def kill(self) -> None:
        """Has it end at once; what `end` does remains to be done."""
        if self.process_id is not None:
            self.process_id.kill_group()


def _how(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    return f"signal {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"signal {-code}"
