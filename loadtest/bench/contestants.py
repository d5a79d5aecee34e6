"""All that is measured, and which loads it is measured under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.bench.contestant import Contestant
from loadtest.bench.measure import Load, Series, Turn

ONE = Load(1)
BUSY = Load(32)
CROWD = Load(256)
BATCHES = Load(4, 64)
"""Requests of many texts: four clients keep the cores busy."""
CEILING_BATCH = 16


@dataclass(frozen=True)
class Contestants:
    """What is measured.

    Attributes:
        grpc: This server, asked over gRPC.
        http: The same server, asked over HTTP.
        fastapi: FastAPI + transformers pipeline.
        litserve: LitServe.
        plain: The plain Triton ensemble.
        engine: The release's tokenizer and classifier, in process.
        float32: The release's tokenizer and the FP32 graph, in process.
        cores: How many there are.
    """

    grpc: Contestant
    http: Contestant
    fastapi: Contestant
    litserve: Contestant
    plain: Contestant
    engine: Contestant
    float32: Contestant
    cores: int

    @property
    def servers(self) -> tuple[Contestant, ...]:
        """In the order of the report."""
        return (self.grpc, self.http, self.plain, self.litserve, self.fastapi)

    @property
    def all_cores(self) -> Load:
        """The ceiling's: a process a core."""
        return Load(self.cores, CEILING_BATCH)

    def stages(self, clients: Sequence[int]) -> list[list[Turn]]:
        """A round: what is compared with each other lies together.

        Args:
            clients: Numbers of clients that every server is asked by, beside 1 and 32.
        """
        seen: set[Turn] = set()
        stages = []
        for load in sorted({Load(count) for count in clients} | {ONE, BUSY}):
            stage = [Turn(server, load) for server in self.servers]
            if load == ONE:
                stage.append(Turn(self.engine, ONE))
            if load == BUSY:
                stage += [Turn(self.grpc, CROWD), Turn(self.grpc, BATCHES)]
                stage += [Turn(self.engine, self.all_cores), Turn(self.float32, self.all_cores)]
            stages.append([turn for turn in dict.fromkeys(stage) if turn not in seen])
            seen.update(stage)
        return stages

    def in_order(self, series: Sequence[Series]) -> list[Series]:
        """What was measured in the order of the report: by load, requests of many texts and what has no server last."""
        order = {server.name: place for place, server in enumerate(self.servers)}
        return sorted(series, key=lambda one: (one.name not in order, one.load.texts, one.load, order.get(one.name, 0)))
