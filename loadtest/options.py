"""The options of the commands that measure: types, ranges, defaults and help, each in one place."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import Field, ValidationError

from settings import add_settings_options
from settings.section import Protocol, Section, Share

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Options = TypeVar("Options", bound=Section)


class BenchOptions(Section):
    """What `make bench` measures."""

    clients: list[Count] = Field(default=[1, 8, 32], min_length=1)
    """Numbers of clients that ask every server at once, a text a request; 1 and 32 in any case, and 256 of this one."""
    warm_up_s: NotNegative = 1.5
    """Uncounted load before each measurement, in seconds; longer where a client has had no answer by then."""
    seconds: Positive = 6.0
    """Measured time of one measurement."""
    rounds: Count = 3
    """Rounds, in which all that is measured takes turns; the result is their median."""


class EngineOptions(Section):
    """What `make bench TARGET=gpu` measures."""

    batches: list[Count] = Field(default=[1, 8, 32, 64], min_length=1)
    """Batches of the TensorRT plan and of PyTorch, at each length of the plan."""
    seconds: Positive = 0.5
    """Measured time of one round of one batch and length."""
    rounds: Count = 3
    """Rounds, in which the engines take turns; the result is their median."""


class LargeOptions(Section):
    """What `python -m loadtest.large` measures."""

    rows: Count = 1_000_000
    """Products of the catalogue that is written."""
    categories: Count = 1000
    """Its categories."""
    tags: Annotated[int, Field(ge=0)] = 2000
    """Its tags, three of which each product carries."""
    base: Literal["tiny", "settings"] = "tiny"
    """`tiny`: a narrow BERT of one layer, which learns an epoch in minutes; `settings`: what `training.base` names."""


class TargetOptions(Section):
    """Which server is asked, and with what texts."""

    host: str | None = None
    """Where the server runs that is asked on the ports of `serving`; by default this machine, started if need be."""
    catalog: Path | None = None
    """A catalogue file with the texts to send; by default the test part of build/catalog."""


class LoadOptions(TargetOptions):
    """What `make loadtest` sends, and what must hold for it to succeed."""

    mode: Literal["closed", "open", "ramp"] = "closed"
    """`closed`: users wait for answers; `open`: constant arrival rates; `ramp`: the highest rate within the limits."""
    protocols: list[Protocol] = Field(default=["grpc"], min_length=1)
    """What users speak; with both, half of them each."""
    batch_sizes: list[Count] = Field(default=[1], min_length=1)
    """Texts in one request; of several numbers, each has as many users."""
    users: list[Count] = Field(default=[1, 8, 32], min_length=1)
    """closed: numbers of users, a level each; a user sends the next request when the last is answered."""
    rates: list[Count] = Field(default=[50, 100, 200], min_length=1)
    """open: arrivals a second, a level each; the time of a request counts from when it was to be sent."""
    ramp_start: Count = 50
    """ramp: the first level's arrivals a second."""
    ramp_growth: Annotated[float, Field(gt=1)] = 1.5
    """ramp: how many times as much the next level gets, until a limit is broken; then the rates between are tried."""
    ramp_levels: Count = 14
    """ramp: most levels in one run."""
    warm_up_s: NotNegative = 2.0
    """Load before the measured time of each level, which is not counted, in seconds."""
    seconds: Positive = 10.0
    """Measured time of one level."""
    timeout_s: Positive = 10.0
    """A request without an answer after so many seconds is given up, and counts as an error."""
    max_p99_ms: Positive = 250.0
    """Limit: 99 % of the requests of a level take at most so many milliseconds; a ramp searches under it."""
    max_error_share: Share = 0.001
    """Limit: share of the requests of a level that may fail."""
    min_texts_per_second: NotNegative = 0.0
    """Limit: what the best level must answer at least, within the other limits; 0: no bound."""
    max_memory_growth: Share = 0.02
    """Limit: how much more memory the server may have in the last minute of a level than in the second. Looked at in
    levels of 3 minutes or more, on a server of this machine."""


class PerfOptions(TargetOptions):
    """What `make perf` has NVIDIA's perf_analyzer measure."""

    protocols: list[Protocol] = Field(default=["grpc", "http"], min_length=1)
    """What it speaks, in turns."""
    concurrency: list[Count] = Field(default=[1, 2, 4, 8, 16, 32], min_length=1)
    """Numbers of requests that are on their way at any time."""
    window_s: Positive = 2.0
    """One measurement, in seconds; three are made for each protocol and number, and averaged."""


class SwitchingOptions(Section):
    """What `python -m loadtest.switching` sends while it switches."""

    ways: list[Literal["grpc", "http", "peer"]] = Field(default=["peer"], min_length=1)
    """How clients ask, in turns: `peer` is /tag, `http` and `grpc` are the Open Inference Protocol."""
    clients: Count = 32
    """Clients that ask at once, a text a request, without a pause and without a second attempt."""
    requests: Count = 100_000
    """Requests at least, all clients together."""
    switches: Count = 10
    """Switches, each with its rollback, at even distances."""
    seconds: NotNegative = 0.0
    """Time of the load at least, in seconds. From 3 minutes on the memory of all processes is judged as well."""
    other: str | None = None
    """The release to switch to, by its id or the beginning of it; by default the newest that is not current."""
    catalog: Path | None = None
    """A catalogue file with the texts to send; by default the test part of build/catalog."""


def make_parser(module: str, description: str | None, model: type[Section]) -> argparse.ArgumentParser:
    """The parser of a command: the settings' two options, and one for each field of a model.

    `max_p99_ms` is `--max-p99-ms`; a list takes several words.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, usage="%(prog)s [options]", allow_abbrev=False
    )
    add_settings_options(parser)
    group = parser.add_argument_group("what is measured", model.__doc__)
    for name, field in model.model_fields.items():
        several = get_origin(field.annotation) is list
        default = " ".join(map(str, field.default)) if several else field.default
        told = " ".join((field.description or "").split()) + ("" if default is None else f" (default: {default})")
        group.add_argument(
            _flag(name), nargs="+" if several else None, default=argparse.SUPPRESS, help=told.replace("%", "%%"),
            metavar=name.rpartition("_")[2].upper(),
        )  # fmt: skip
    return parser


def read_options(parser: argparse.ArgumentParser, parsed: argparse.Namespace, model: type[Options]) -> Options:
    """The options that were given, checked, and the defaults of the others.

    Raises:
        SystemExit: A value is of the wrong type or out of its range: the parser says which, and ends with status 2.
    """
    given: dict[str, Any] = {name: value for name, value in vars(parsed).items() if name in model.model_fields}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"][0].lower() + first["msg"][1:]
        parser.error(f"argument {_flag(str(first['loc'][0]))}: {first['input']!r}: {message}")


def as_words(options: Section) -> str:
    """The options as a command line that `make_parser` reads again."""
    words: list[str] = []
    for name, value in options:
        if value is not None:
            words += [_flag(name), *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
