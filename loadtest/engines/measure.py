"""Times of one batch after the other, contender by contender and round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from loadtest.engines.contenders import Contender

WARM_UP_RUNS = 5
"""The first runs of a shape take memory, choose kernels or compile."""
FIRST_TOKEN, LAST_TOKEN = 1000, 20_000
"""Token ids are drawn between these; which they are changes no time."""


@dataclass(frozen=True)
class Timing:
    """What one contender took for one shape.

    Attributes:
        contender: Its name.
        batch: Texts.
        length: Tokens of each.
        rounds: Milliseconds of every run, round by round.
    """

    contender: str
    batch: int
    length: int
    rounds: tuple[tuple[float, ...], ...]

    @property
    def median_ms(self) -> float:
        """Median of the rounds' medians."""
        return statistics.median(self.round_medians)

    @property
    def round_medians(self) -> list[float]:
        """Milliseconds, one a round."""
        return [statistics.median(times) for times in self.rounds]

    @property
    def p99_ms(self) -> float:
        """Over all runs of all rounds."""
        times = sorted(time for times in self.rounds for time in times)
        return times[min(len(times) - 1, int(0.99 * len(times)))]

    @property
    def texts_per_second(self) -> float:
        """At the median."""
        return 1000 * self.batch / self.median_ms


def measure(
    contenders: Sequence[Contender],
    batches: Sequence[int],
    lengths: Sequence[int],
    seconds: float,
    rounds: int,
    device: str,
    vocabulary: int,
    tell: Callable[[str], None],
) -> list[Timing]:
    """Measure every contender at every batch and length, the contenders taking turns.

    Args:
        contenders: Those compared.
        batches: Texts in a batch.
        lengths: Tokens of every text; none is padding, so all compute the same.
        seconds: Of one round of one contender and shape.
        rounds: Of each.
        device: Where the tokens lie, such as `cuda:0`.
        vocabulary: Token ids are below it.
        tell: Gets a line for each shape.
    """
    generator = torch.Generator().manual_seed(13)
    timings = []
    for length in lengths:
        for batch in batches:
            ids = torch.randint(
                min(FIRST_TOKEN, vocabulary - 1), min(LAST_TOKEN, vocabulary), (batch, length), generator=generator
            ).to(device)
            mask = torch.ones_like(ids)
            found: dict[str, list[tuple[float, ...]]] = {contender.name: [] for contender in contenders}
            for contender in contenders:
                for _ in range(WARM_UP_RUNS):
                    contender.compute(ids, mask)
            for turn in range(rounds):
                # Each round begins with another, so that nobody always runs on a GPU that has just cooled down.
                first = turn % len(contenders)
                for contender in [*contenders[first:], *contenders[:first]]:
                    found[contender.name].append(_round(contender, ids, mask, seconds))
            own = [Timing(name, batch, length, tuple(times)) for name, times in found.items()]
            timings += own
            tell(f"{batch}×{length}: " + ", ".join(f"{one.contender} {one.median_ms:.2f} ms" for one in own))
    return timings


def _round(contender: Contender, ids: torch.Tensor, mask: torch.Tensor, seconds: float) -> tuple[float, ...]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        contender.compute(ids, mask)
        times.append(1000 * (time.perf_counter() - started))
    return tuple(times)
