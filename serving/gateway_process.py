"""The gateway as a child of the supervisor: started, told which Triton to ask, started again when it ends."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess

from serving.backoff import Backoff
from serving.command import own_command, own_environment
from serving.errors import ServingError
from serving.processes import ProcessId, kill_group, spawn_dependent
from serving.state import ServerFiles
from serving.target import Followed, Target

BACKLOG = 1024
"""Connections that may wait to be accepted."""
logger = logging.getLogger(__name__)


class GatewayProcess:
    """Keeps one gateway running.

    The socket for HTTP stays open here while one gateway takes another's place: connections wait, and none is refused.

    Args:
        files: The server's place; its settings are there before the first `keep`.
    """

    def __init__(self, files: ServerFiles) -> None:
        self._files = files
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._target: Target | None = None
        self._backoff = Backoff()
        self._is_ready = False
        self.process_id: ProcessId | None = None
        self.restarts = 0

    def listen(self, address: str, port: int) -> None:
        """Opens the socket for HTTP.

        Raises:
            ServingError: The port is taken.
        """
        try:
            self._socket = socket.create_server((address, port), backlog=BACKLOG)
        except OSError as error:
            raise ServingError(f"Nothing can listen at {address} port {port}: {error.strerror}.") from None

    def follow(self, target: Target) -> None:
        """Says which Triton to ask from now on.

        Raises:
            DiskError: It can't be written.
        """
        target.write(self._files.target)
        self._target = target

    def keep(self) -> bool:
        """Starts it where it does not run, and tells it of another Triton; to be called again and again, never waits.

        Returns:
            Whether another process runs now than before.
        """
        if self._process is not None and self._process.poll() is not None:
            wait = self._backoff.lost()
            logger.warning(
                "The gateway ended by itself (%s). Starting it again%s. Its log: %s",
                self._process.returncode,
                f" in {wait:g} s" if wait else "",
                self._files.gateway_log,
            )
            kill_group(self._process.pid)
            self._process, self.process_id, self._is_ready = None, None, False
            self.restarts += 1
        if self._process is None:
            if not self._backoff.is_due():
                return False
            self._files.gateway.unlink(missing_ok=True)
            assert self._socket is not None, "listen comes first"
            number = self._socket.fileno()
            command = own_command("gateway", "serve", "--config", str(self._files.settings), "--socket", str(number))
            with self._files.gateway_log.open("ab") as log:
                self._process = spawn_dependent(command, own_environment(), log, pass_fds=[number])
            self.process_id = ProcessId.of(self._process.pid)
            return True
        followed = self._followed()
        if followed is not None and not self._is_ready:
            self._is_ready = True
            self._backoff.ready()
        if followed is not None and self._target is not None and followed.http_port != self._target.http_port:
            self._process.send_signal(signal.SIGHUP)  # it has written the file, so it hears signals
        return False

    def _followed(self) -> Followed | None:
        followed = Followed.read(self._files.gateway)
        return followed if followed is not None and self._process and followed.pid == self._process.pid else None

    @property
    def asks_target(self) -> bool:
        """Whether new requests go to the Triton that it was told."""
        followed = self._followed()
        told = self._target.http_port if self._target is not None else 0
        return followed is not None and followed.http_port == told

    @property
    def has_drained(self) -> bool:
        """Whether former Tritons have answered everything."""
        followed = self._followed()
        return followed is not None and not followed.draining

    def end(self, patience_s: float) -> None:
        """Has it answer what is in flight, then end; by force after so many seconds."""
        if self._socket is not None:
            self._socket.close()
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            logger.warning("The gateway did not end within %g s; killing it.", patience_s)
        kill_group(process.pid)
        process.wait()
        self.process_id = None

    def kill(self) -> None:
        """Has it end at once; what `end` does remains to be done."""
        if self.process_id is not None:
            self.process_id.kill_group()
