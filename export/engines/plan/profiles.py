"""Optimization profiles: the shapes a plan computes, one profile for each length that texts are padded to."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export.errors import ExportError
from export.signature import INPUTS

PROFILE_SETTINGS = "export.tensorrt.length_buckets and serving.max_batch_size"
TYPICAL_BATCH = 16
"""Texts of the batch that kernels are chosen for: between the single text and the fullest batches."""


@dataclass(frozen=True)
class Range:
    """A dimension: the least, the one that kernels are chosen for, the most."""

    least: int
    typical: int
    most: int


@dataclass(frozen=True)
class Profile:
    """One optimization profile.

    Attributes:
        batch: Texts.
        length: Tokens of each. One length and no range: kernels can be chosen for just that one; and Triton's backend,
            choosing among the profiles that can compute a batch, compares their typical shapes with the batch in a way
            that a two-dimensional input confuses (`EvaluateTensorRTContext` of its instance_state.cc). With one length
            each, there is never more than one profile to choose from.
    """

    batch: Range
    length: Range

    def shapes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """The least, typical and greatest shape [batch, length] of each input."""
        return (
            (self.batch.least, self.length.least),
            (self.batch.typical, self.length.typical),
            (self.batch.most, self.length.most),
        )

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "length": self.length.most,
            "min_batch": self.batch.least,
            "opt_batch": self.batch.typical,
            "max_batch": self.batch.most,
        }

    def __str__(self) -> str:
        least, typical, most = ("×".join(map(str, shape)) for shape in self.shapes())
        return f"{least} … {typical} … {most}"


def length_buckets(wanted: Sequence[int], longest: int) -> list[int]:
    """The lengths that texts are padded to, in tokens, ascending.

    Args:
        wanted: Lengths, ascending.
        longest: Tokens of the longest text there can be; it is the last bucket.
    """
    return [*(bucket for bucket in wanted if bucket < longest), longest]


def bucket_of(length: int, buckets: Sequence[int]) -> int:
    """The least bucket that holds so many tokens."""
    return buckets[bisect.bisect_left(buckets, length)]


def plan_profiles(buckets: Sequence[int], max_batch_size: int) -> list[Profile]:
    """A profile for each bucket, with every batch that the server may make."""
    batch = Range(1, min(TYPICAL_BATCH, max_batch_size), max_batch_size)
    return [Profile(batch, Range(bucket, bucket, bucket)) for bucket in buckets]


def check_profiles(profiles: Sequence[Profile], inputs: Mapping[str, Sequence[int]], positions: int) -> None:
    """Check what TensorRT takes in silence, and builds a wrong plan or none of.

    Args:
        profiles: What is to be built.
        inputs: The network's inputs: name → shape, -1 for a free dimension.
        positions: Tokens the model has positions for.

    Raises:
        ExportError: Naming the profile, or the input.
    """
    if set(inputs) != set(INPUTS):
        raise ExportError(
            f"The profiles are for the inputs {' and '.join(INPUTS)}, the graph has "
            f"{' and '.join(sorted(inputs)) or 'none'}: it is not what this project exports. Run `make export FORCE=1`."
        )
    fixed = next((name for name, shape in inputs.items() if list(shape) != [-1, -1]), None)
    if fixed:
        raise ExportError(
            f"The graph's input {fixed} has the shape {list(inputs[fixed])}, not [-1, -1]: batch and length must be "
            "free, so that profiles can range over them. Run `make export FORCE=1`."
        )
    for number, profile in enumerate(profiles):
        for name, range_ in (("batches", profile.batch), ("lengths", profile.length)):
            if not 1 <= range_.least <= range_.typical <= range_.most:
                raise ExportError(
                    f"Profile {number} ({profile}) has {name} from {range_.least} over {range_.typical} to "
                    f"{range_.most}; they must ascend and begin at 1 or above. They come from {PROFILE_SETTINGS}."
                )
        if profile.length.most > positions:
            raise ExportError(
                f"Profile {number} ({profile}) is for {profile.length.most} tokens, and the model has {positions} "
                "positions: TensorRT would build it and answer nonsense beyond them. Lower "
                "export.tensorrt.length_buckets, or training.max_length and train again."
            )
    if not profiles:
        raise ExportError(f"There is no profile to build. They come from {PROFILE_SETTINGS}.")
