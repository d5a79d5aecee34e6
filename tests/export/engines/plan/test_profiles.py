"""Optimization profiles: what they are made of, and what TensorRT would take in silence."""

from __future__ import annotations

import dataclasses

import pytest

from export.engines.plan.profiles import Profile, Range, bucket_of, check_profiles, length_buckets, plan_profiles
from export.errors import ExportError
from tests.export.conftest import MAX_LENGTH, POSITIONS

FREE = {"input_ids": [-1, -1], "attention_mask": [-1, -1]}
GOOD = Profile(Range(1, 16, 64), Range(16, 16, 16))


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [([16, 32, 64, 128], [16, MAX_LENGTH]), ([8, 24], [8, 24, MAX_LENGTH]), ([128], [MAX_LENGTH])],
)
def test_buckets_end_at_the_length_that_texts_are_cut_at(buckets: list[int], expected: list[int]) -> None:
    assert length_buckets(buckets, MAX_LENGTH) == expected


def test_a_text_gets_the_least_bucket_that_holds_it() -> None:
    assert [bucket_of(length, [16, 32, 96]) for length in (1, 16, 17, 32, 33, 96)] == [16, 16, 32, 32, 96, 96]


def test_there_is_a_profile_for_each_bucket_with_every_batch_of_the_server() -> None:
    profiles = plan_profiles([16, MAX_LENGTH], 8)
    assert [profile.shapes() for profile in profiles] == [
        ((1, 16), (8, 16), (8, 16)),  # the typical batch is no larger than the largest
        ((1, MAX_LENGTH), (8, MAX_LENGTH), (8, MAX_LENGTH)),
    ]


def test_no_batch_fits_two_profiles() -> None:
    profiles = plan_profiles([16, 24, MAX_LENGTH], 64)
    for length in range(1, MAX_LENGTH + 1):
        assert sum(profile.length.least <= length <= profile.length.most for profile in profiles) <= 1


def test_good_profiles_are_taken() -> None:
    check_profiles([GOOD], FREE, POSITIONS)


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        (dataclasses.replace(GOOD, batch=Range(1, 65, 64)), r"Profile 0 .* batches from 1 over 65 to 64"),
        (dataclasses.replace(GOOD, length=Range(32, 16, 16)), r"Profile 0 .* lengths from 32 over 16 to 16"),
        (dataclasses.replace(GOOD, batch=Range(0, 1, 2)), r"begin at 1 or above"),
        (dataclasses.replace(GOOD, length=Range(49, 49, 49)), r"is for 49 tokens, and the model has 48 positions"),
    ],
    ids=["typical above most", "least above typical", "no text", "beyond the positions"],
)
def test_a_wrong_profile_is_named_with_the_settings_it_comes_from(profile: Profile, sentence: str) -> None:
    with pytest.raises(ExportError, match=sentence) as caught:
        check_profiles([profile], FREE, POSITIONS)
    assert "export.tensorrt.length_buckets" in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"tokens": [-1, -1]}, r"for the inputs input_ids and attention_mask, the graph has tokens"),
        ({}, "the graph has none"),
        ({**FREE, "input_ids": [1, -1]}, r"input input_ids has the shape \[1, -1\]"),
    ],
)
def test_inputs_that_profiles_don_t_fit_are_named(inputs: dict[str, list[int]], sentence: str) -> None:
    with pytest.raises(ExportError, match=sentence):
        check_profiles([GOOD], inputs, POSITIONS)


def test_no_profile_is_an_error() -> None:
    with pytest.raises(ExportError, match="There is no profile"):
        check_profiles([], FREE, POSITIONS)
