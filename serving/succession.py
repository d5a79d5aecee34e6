"""One Triton takes another's place: beside it where there is a gateway and room, else after it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from serving.errors import ServingError
from serving.gateway_process import GatewayProcess
from serving.instance import TritonInstance
from serving.ports import LOOPBACK, private_ports
from serving.preflight import check_second, require
from serving.releases import Release
from serving.state import ServerFiles
from serving.triton import Triton
from settings import ServingSettings, Settings
from steps import DiskError

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
FOLLOWS_S = 30.0
"""Until the gateway, which may just be starting, asks the new Triton."""
ENDS_S = 5.0
"""For a Triton that has answered everything and has no connections left."""


class Succession:
    """The Triton that serves, and the one that is to take its place.

    Args:
        settings: The configuration.
        files: The server's place.
        gateway: Tells requests where to go; None where Triton itself listens on the server's ports.

    Attributes:
        current: The one that serves, or did last; None before the first.
        fresh: The one that is being started.
    """

    def __init__(self, settings: Settings, files: ServerFiles, gateway: GatewayProcess | None) -> None:
        self._settings = settings
        self._serving = settings.serving
        self._files = files
        self._gateway = gateway
        self.current: TritonInstance | None = None
        self.fresh: TritonInstance | None = None

    def move(
        self, triton: Triton, release: Release, started: Callable[[], None], meanwhile: Callable[[], None]
    ) -> None:
        """Starts a Triton on a release, and has it take the place of the one that serves.

        Args:
            triton: The server to start.
            release: What it serves.
            started: Called when processes have started or ended.
            meanwhile: Called again and again; what it raises ends the start.

        Raises:
            ServingError: It can't be served. The former Triton goes on if it could stay beside it, else none runs.
            DiskError: The disk is full. The same holds.
        """
        former = self.current
        whole = former is not None and former.what_is_wrong() == ""
        beside = former is not None and former.running and self._fits_beside(former, release)
        if former is not None and not beside:
            started()
            former.end(self._serving.stop_timeout_s if whole else 0)
        fresh = TritonInstance(release, self._listen(), self._files, 1 - former.slot if former and beside else 0)
        self.fresh = fresh
        try:
            fresh.start(triton, started, meanwhile)
            if self._gateway is not None:
                self._gateway.follow(fresh.target)
                self._wait(lambda gateway: gateway.asks_target, FOLLOWS_S, meanwhile)
        except BaseException:
            if self._gateway is not None and former is not None:
                with contextlib.suppress(DiskError):  # it still follows the former one then
                    self._gateway.follow(former.target)
            fresh.end(0)
            self.fresh = None
            raise
        self.current, self.fresh = fresh, None
        if former is not None and beside:
            try:
                if whole:
                    self._drain(former, meanwhile)
            finally:
                former.end(ENDS_S if whole else 0)

    def _drain(self, former: TritonInstance, meanwhile: Callable[[], None]) -> None:
        """Lets the former Triton answer what it was asked; what it has not answered then is asked again."""
        longest = (self._serving.request_timeout_ms or 60_000) / 1000 + 1
        try:
            self._wait(lambda gateway: gateway.has_drained, longest, meanwhile)
        except ServingError:
            logger.warning("Requests to release %s were not answered within %g s.", former.release.id, longest)

    def _wait(self, condition: Callable[[GatewayProcess], bool], seconds: float, meanwhile: Callable[[], None]) -> None:
        assert self._gateway is not None
        end = time.monotonic() + seconds
        while not condition(self._gateway):
            meanwhile()
            if time.monotonic() > end:
                raise ServingError(
                    f"The gateway does not follow within {seconds:g} s. Its log: {self._files.gateway_log}"
                )
            time.sleep(POLL_SECONDS)

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

    def end(self) -> None:
        """Ends what runs, in order."""
        for one in (self.fresh, self.current):
            if one is not None:
                one.end(ENDS_S if self._gateway is not None else self._serving.stop_timeout_s)

    def kill(self) -> None:
        """Has it end at once; what `end` does remains to be done."""
        for one in (self.fresh, self.current):
            if one is not None:
                one.kill()
