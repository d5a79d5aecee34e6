"""Serves one candidate for a moment and puts load on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from loadtest.bench.errors import BenchError
from loadtest.bench.measure import Load
from loadtest.bench.requests import GRPC, HTTP
from loadtest.bench.server import Asked, System
from loadtest.tune.candidates import Candidate
from loadtest.tune.trials import Figures, Stage, Trial
from serving.errors import ServingError
from serving.state import ServerFiles, ServerState
from serving.temporary import free_ports, temporary_server
from settings import Settings

WARM_UP_SECONDS = 1.5
ADDRESS = "127.0.0.1"
_LOG = " All of its log: "


class Measurement:
    """Measures candidates, one after the other, each on a server of its own.

    Args:
        settings: What is served, and how it is asked.
        texts: What is sent.
    """

    def __init__(self, settings: Settings, texts: Sequence[str]) -> None:
        self._settings = settings
        self._texts = texts

    def __call__(self, candidate: Candidate, stage: Stage, seconds: float) -> Trial:
        """Starts a server, measures it at all clients and then at one, and ends it."""
        began = time.monotonic()
        figures, problem = None, ""
        own = candidate_settings(self._settings, candidate)
        try:
            with temporary_server(own) as state:
                figures, problem = self._load(state, seconds)
        except (BenchError, ServingError) as error:
            problem = str(error).partition(_LOG)[0]  # the log goes with the server's folder
        finally:
            shutil.rmtree(ServerFiles.of(own).directory, ignore_errors=True)
        return Trial(candidate, stage, time.monotonic() - began, figures, problem)

    def _load(self, state: ServerState, seconds: float) -> tuple[Figures, str]:
        assert state.server is not None
        tune = self._settings.tune
        api, port = (GRPC, state.grpc_port) if tune.protocol == "grpc" else (HTTP, state.http_port)
        rounds = [
            System("The server", api, port, state.server.pid, Asked(self._texts, WARM_UP_SECONDS, measured)).run(load)
            for load, measured in ((Load(tune.clients), seconds), (Load(1), seconds / 2))
        ]
        together, single = rounds
        figures = Figures(together.texts_per_second, together.p50_ms, together.p99_ms, single.p50_ms, together.cpu_ms)
        errors = sum(one.errors for one in rounds)
        first = next((one.first_error for one in rounds if one.errors), "")
        return figures, f"{errors} requests failed; the first got: {first}" if errors else ""


def candidate_settings(settings: Settings, candidate: Candidate) -> Settings:
    """The settings of a candidate's server: on free ports, without what an earlier tuning has found, without a cache.

    The texts repeat, and a response cache would be measured in the model's place.
    """
    http, grpc, metrics = free_ports(3, ADDRESS)
    own = {"address": ADDRESS, "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "tuned": False}
    serving = settings.serving.model_copy(update={**candidate.values(), **own, "response_cache_mib": 0})
    return settings.model_copy(update={"serving": serving})
