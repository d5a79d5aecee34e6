"""The options of the commands that measure: what they take, what they refuse, and how they are given on."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from loadtest.options import BenchOptions, LoadOptions, as_words, make_parser, read_options


def read(*words: str) -> LoadOptions:
    """What `python -m loadtest.locust` makes of some words."""
    parser = make_parser("loadtest.locust", None, LoadOptions)
    return read_options(parser, parser.parse_args(words), LoadOptions)


def test_without_a_word_all_have_their_defaults() -> None:
    assert read() == LoadOptions() and read().users == [1, 8, 32] and read().host is None


def test_words_become_numbers_lists_and_paths() -> None:
    found = read("--mode", "open", "--rates", "50", "100", "--max-p99-ms", "80", "--catalog", "shop.csv")
    assert found == LoadOptions(mode="open", rates=[50, 100], max_p99_ms=80.0, catalog=Path("shop.csv"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--users 1 0", "argument --users: '0': input should be greater than or equal to 1"),
        ("--mode full", "argument --mode: 'full': input should be 'closed', 'open' or 'ramp'"),
        ("--seconds long", "argument --seconds: 'long': input should be a valid number"),
        ("--max-error-share 2", "argument --max-error-share: '2': input should be less than or equal to 1"),
        ("--user 1", "unrecognized arguments: --user 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_option(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        read(*words.split())
    assert raised.value.code == 2 and told in capsys.readouterr().err


def test_options_survive_being_given_on_as_words() -> None:
    given = LoadOptions(mode="ramp", protocols=["grpc", "http"], batch_sizes=[1, 16], host="there", catalog=Path("a b"))
    assert read(*shlex.split(as_words(given))) == given


def test_the_help_has_each_option_with_its_default() -> None:
    told = " ".join(make_parser("loadtest.bench", None, BenchOptions).format_help().split())
    assert "--clients CLIENTS [CLIENTS ...]" in told and "(default: 1 8 32)" in told and "--set" in told
