"""What there is to try: the serving settings, and values of them that are sensible on a machine of so many cores."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from serving.releases import Release
from serving.repository import (
    CLASSIFIER,
    CONFIG,
    LEAST_INSTANCES,
    gpu_instances,
    is_gpu_repository,
    plan_processes,
    read_config,
)
from serving.tuned import KEYS, adjustable, describe
from settings import ServingSettings, TuneSettings

Value = int | Literal["auto"]


@dataclass(frozen=True)
class Candidate:
    """Serving settings that are tried together; named and typed as in `serving`.

    Attributes:
        instances: Classifier processes.
        threads: Threads of each; `auto` where the classifier runs on a GPU.
        joined_batch_size: Texts that a process takes at once where more wait; `auto`: all that wait.
        queue_delay_us: How long a text waits for others, in microseconds; `auto`: what the release says.
        token_budget: Padded tokens of a run of the graph.
    """

    instances: int
    threads: Value
    joined_batch_size: Value
    queue_delay_us: Value
    token_budget: int

    def values(self) -> dict[str, Value]:
        """The settings by name."""
        return {key: getattr(self, key) for key in KEYS}

    def differing(self, other: Candidate) -> dict[str, int]:
        """The settings in which it differs from another; of instances and threads both or none."""
        found = {key: value for key, value in self.values().items() if value != getattr(other, key)}
        if "instances" in found or "threads" in found:
            found = {"instances": self.instances, "threads": self.threads, **found}
        return {key: value for key, value in found.items() if value != "auto"}

    def told(self, default: Candidate) -> str:
        """What it is called in lines and sentences: the settings that differ from the default's."""
        return describe(self.differing(default)) or "default"


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Attributes:
        name: What it is called.
        options: The values of it to try; several settings where they belong together.
    """

    name: str
    options: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Space:
    """All there is to try.

    Attributes:
        default: The settings as they are without tuning.
        axes: What is varied, the strongest first.
        kept: Settings that a person has set and that stay as they are.
    """

    default: Candidate
    axes: tuple[Axis, ...]
    kept: tuple[str, ...]

    def around(self, base: Candidate, axis: Axis) -> Iterator[Candidate]:
        """The candidates that differ from a base in one axis only, the default's value among them."""
        names = {name for option in axis.options for name in option}
        back = {name: getattr(self.default, name) for name in names}
        for option in (*axis.options, back):
            candidate = dataclasses.replace(base, **option)
            if candidate != base:
                yield candidate


def make_space(tune: TuneSettings, serving: ServingSettings, release: Release, cores: int) -> Space:
    """What is to be tried for a release on so many cores.

    Args:
        tune: The values of the settings that don't follow from the cores.
        serving: The settings as they are; only those that have their default value are varied.
        release: What is served.
        cores: Cores that the server may use.
    """
    gpu = is_gpu_repository(release.repository)
    if gpu:
        instances, threads = gpu_instances(release, serving), cast(Value, "auto")
    else:
        planned = plan_processes(serving, cores)
        instances, threads = planned.classifiers, planned.threads
    default = Candidate(instances, threads, serving.joined_batch_size, serving.queue_delay_us, serving.token_budget)
    free = adjustable(serving)
    divisions = _gpu_divisions(instances) if gpu else divide(cores, LEAST_INSTANCES)
    own_delay = read_config(release.repository / CLASSIFIER / CONFIG).dynamic_batching.max_queue_delay_microseconds
    wanted: list[tuple[str, list[dict[str, Any]]]] = [
        ("instances × threads", divisions),
        ("token_budget", [] if gpu else [{"token_budget": value} for value in tune.token_budgets]),
        (
            "joined_batch_size",
            [{"joined_batch_size": value} for value in tune.joined_batch_sizes if value < serving.max_batch_size],
        ),
        (
            "queue_delay_us",
            [{"queue_delay_us": value} for value in tune.queue_delays_us if value != own_delay],
        ),
    ]
    axes = []
    for name, options in wanted:
        tried = tuple(option for option in options if dataclasses.replace(default, **option) != default)
        if tried and set(tried[0]) <= free:
            axes.append(Axis(name, tried))
    return Space(default, tuple(axes), tuple(key for key in KEYS if key not in free))


def divide(cores: int, least: int = 1) -> list[dict[str, Any]]:
    """Ways to divide the cores among processes and their threads, none of which uses more than there are.

    One thread each on all cores, on all but one (which the server has then), and on half of them; and fewer processes
    with 2, 4, 8 … threads, down to as few as there may be.

    Args:
        cores: How many there are.
        least: Fewest processes.
    """
    ways = [(cores, 1), (cores - 1, 1), (cores // 2, 1)]
    threads = 2
    while threads < cores:
        ways.append((cores // threads, threads))
        threads *= 2
    ways.append((least, cores // least))
    fitting = [way for way in dict.fromkeys(ways) if way[0] >= least and way[1] >= 1]
    return [{"instances": instances, "threads": each} for instances, each in fitting]


def _gpu_divisions(instances: int) -> list[dict[str, Any]]:
    """Classifier instances on each GPU."""
    return [{"instances": number} for number in dict.fromkeys((1, 2, 3, 4, instances))]
