"""`python -m export`, as a person sees it."""

from __future__ import annotations

import pytest

from export.__main__ import main
from tests.export.conftest import Place


def test_an_up_to_date_run_says_why_and_ends_well(
    place_with_release: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", f"build_dir={place_with_release.build}"]) == 0
    assert "is up to date, because checkpoint, held-out products, settings and code are those of" in (
        capsys.readouterr().out
    )


def test_a_new_release_is_named(place_with_release: Place, capsys: pytest.CaptureFixture[str]) -> None:
    keep = ["--set", "export.keep_releases=1", "--set", "export.parity_products=30"]
    assert main(["--set", f"build_dir={place_with_release.build}", *keep]) == 0
    output = capsys.readouterr().out
    assert "Older releases removed:" in output and "and current." in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--target", "tpu"], "error: There is no target 'tpu'; there is: cpu, gpu."),
        (["--set", "export.parity_products=0"], "`export.parity_products` is 0"),
        (
            ["--set", "build_dir=/proc/nowhere"],
            "error: /proc/nowhere can't be used: No such file or directory.",
        ),
    ],
)
def test_what_can_t_be_done_is_one_sentence_and_a_failure(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert sentence in captured.err and "Traceback" not in captured.err and captured.out == ""
