"""Systems beside each other at one task and number of labels: medians over seeds, intervals, differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

import numpy as np

from quality.bootstrap import ACCURACY, MACRO_F1, NAMES, TAG_MICRO_F1, Samples, interval, samples
from quality.results import Result
from quality.systems import NEIGHBOURS, PRODUCT

JUDGED = (ACCURACY, MACRO_F1, TAG_MICRO_F1)
"""Figures in which the product is held against its neighbours."""


@dataclass(frozen=True)
class Figure:
    """A figure over seeds.

    Attributes:
        median: over the seeds.
        low: bound of the bootstrap interval of that median; None where the answers are not kept.
        high: likewise.
        least: of the seeds.
        most: of the seeds.
    """

    median: float
    low: float | None
    high: float | None
    least: float
    most: float


@dataclass(frozen=True)
class Difference:
    """The product minus the better of its neighbours, in one figure.

    Attributes:
        figure: its name.
        neighbour: the better neighbour's name.
        value: the difference of the medians over the seeds that both have.
        low: bound of its bootstrap interval: both are asked the same products in every resample.
        high: likewise.
    """

    figure: str
    neighbour: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Seeds:
    """The results of one system at one task and number of labels.

    Attributes:
        results: by seed, `brief`.
        samples: seed → figure → its resamples.
    """

    results: Mapping[int, Result]
    samples: Mapping[int, Mapping[str, Samples]]

    @classmethod
    def of(cls, results: Iterable[Result]) -> Seeds:
        """Draw the resamples of results."""
        kept, drawn = {}, {}
        for result in results:
            kept[result.seed], drawn[result.seed] = result.brief(), samples(result.outcomes())
        return cls(kept, drawn)

    def figure(self, name: str) -> Figure | None:
        """A figure over the seeds; None where the results don't have it."""
        values = [result.figures[name] for result in self.results.values() if name in result.figures]
        if not values:
            return None
        low, high = None, None
        if name in NAMES and all(name in of_seed for of_seed in self.samples.values()):
            low, high = interval(self.median_samples(name, list(self.samples)))
        return Figure(median(values), low, high, min(values), max(values))

    def median_samples(self, name: str, seeds: Sequence[int]) -> Samples:
        """The median over seeds of a figure, in each resample."""
        middle: Samples = np.median([self.samples[seed][name] for seed in seeds], axis=0)
        return middle

    def half(self, part: str, name: str) -> float | None:
        """The median of a figure of a part of the system."""
        values = [result.halves[part][name] for result in self.results.values() if name in result.halves.get(part, {})]
        return median(values) if values else None


@dataclass
class Row:
    """A row of the table.

    Attributes:
        task: its name.
        size: number of labels, or `all`.
        systems: name → results.
        failures: name of a system → why it has no result.
    """

    task: str
    size: str
    systems: Mapping[str, Seeds]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def any(self) -> Result | None:
        """One result, for what all of them share: of a system that answers tags, if there is one."""
        found = [one for seeds in self.systems.values() for one in seeds.results.values()]
        return max(found, key=lambda one: int(one.answers["tags"]), default=None)

    @cached_property
    def differences(self) -> Mapping[str, Difference]:
        """Figure → the product beside its better neighbour; only figures and seeds that both have.

        Where all products are of one category, its figures say nothing and are left out.
        """
        product = self.systems.get(PRODUCT)
        if product is None:
            return {}
        found = {}
        for name in JUDGED:
            if name != TAG_MICRO_F1 and (self.any is None or self.any.answers["categories"] < 2):
                continue
            beside = [one for neighbour in NEIGHBOURS if (one := self._difference(product, neighbour, name))]
            if beside:
                found[name] = min(beside, key=lambda one: one.value)
        return found

    def _difference(self, product: Seeds, neighbour: str, name: str) -> Difference | None:
        other = self.systems.get(neighbour)
        if other is None:
            return None
        seeds = [
            seed
            for seed, result in product.results.items()
            if seed in other.results
            and result.answers["products"] == other.results[seed].answers["products"]
            and name in result.figures
            and name in other.results[seed].figures
        ]
        if not seeds:
            return None
        ours, theirs = (median(one.results[seed].figures[name] for seed in seeds) for one in (product, other))
        varied = product.median_samples(name, seeds) - other.median_samples(name, seeds)
        return Difference(name, neighbour, ours - theirs, *interval(varied))
