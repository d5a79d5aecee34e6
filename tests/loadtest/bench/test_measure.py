"""The order of the measurements, and which there are."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from loadtest.bench.contestants import BATCHES, BUSY, CROWD, ONE
from loadtest.bench.measure import Load, Round, Turn, measure
from tests.loadtest.bench.conftest import contestants, one_round


@dataclass(frozen=True)
class Noting:
    """Notes when it is measured."""

    name: str
    asked: list[tuple[str, int]]

    def __hash__(self) -> int:
        return hash(self.name)

    def run(self, load: Load) -> Round:
        self.asked.append((self.name, load.clients))
        return one_round(len(self.asked))


def test_what_is_compared_takes_turns_and_each_round_begins_with_another() -> None:
    asked: list[tuple[str, int]] = []
    stages = [[Turn(Noting(name, asked), Load(clients)) for name in "abc"] for clients in (1, 8)]
    lines: list[str] = []
    found = measure(stages, 2, lines.append)
    assert asked[:6] == [("a", 1), ("b", 1), ("c", 1), ("a", 8), ("b", 8), ("c", 8)]
    assert asked[6:] == [("b", 1), ("c", 1), ("a", 1), ("b", 8), ("c", 8), ("a", 8)]
    assert [(one.name, one.load.clients) for one in found] == asked[:6] and len(lines) == 12
    assert found[0].values("texts_per_second") == [1, 9] and found[0].median("texts_per_second") == 5


@pytest.mark.parametrize("clients", [[1, 8, 32], [4], [32], [1, 256], [8, 8]])
def test_whatever_the_numbers_of_clients_are_all_that_the_figures_need_is_measured_once(clients: list[int]) -> None:
    who = contestants(cores=3)
    turns = [turn for stage in who.stages(clients) for turn in stage]
    assert len(turns) == len(set(turns))
    needed = [Turn(server, load) for server in who.servers for load in {ONE, BUSY, *map(Load, clients)}]
    needed += [Turn(who.grpc, CROWD), Turn(who.grpc, BATCHES), Turn(who.engine, ONE)]
    needed += [Turn(who.engine, Load(3, 16)), Turn(who.float32, Load(3, 16))]
    assert set(turns) == set(needed)


def test_the_ceiling_is_measured_beside_the_busy_servers() -> None:
    who = contestants()
    stages = who.stages([1, 8, 32])
    assert [stage[0].load for stage in stages] == [ONE, Load(8), BUSY]
    assert {Turn(who.grpc, BUSY), Turn(who.plain, BUSY), Turn(who.engine, who.all_cores)} <= set(stages[2])
    assert {Turn(who.grpc, ONE), Turn(who.engine, ONE)} <= set(stages[0])
