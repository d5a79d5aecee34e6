"""Steps run where an input changed, say why, and are skipped otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps import Step, changed


def step(folder: Path, **inputs: object) -> Step:
    return Step("The model", folder / "model", {"the products": "1a2b", "the settings": {"epochs": 4}, **inputs})


def make(made: Step, text: str = "weights") -> None:
    with made.making() as directory:
        (directory / "model.bin").write_text(text, encoding="utf-8")


def test_a_step_is_due_until_it_is_made_and_then_up_to_date(tmp_path: Path) -> None:
    assert step(tmp_path).reason() == "it is not there yet"
    make(step(tmp_path))
    assert step(tmp_path).reason() is None
    assert step(tmp_path).reason(force=True) == "it was asked for"


def test_the_reason_names_the_input_and_the_setting_that_changed(tmp_path: Path) -> None:
    make(step(tmp_path))
    edited = Step("The model", tmp_path / "model", {"the products": "3c4d", "the settings": {"epochs": 5}})
    reason = edited.reason()
    assert reason is not None
    assert reason.startswith("the products and the settings (epochs) changed since 20")


def test_a_new_input_makes_a_step_due(tmp_path: Path) -> None:
    make(step(tmp_path))
    assert "the code" in str(step(tmp_path, **{"the code": "5e6f"}).reason())


def test_a_new_setting_that_is_null_is_named() -> None:
    before, after = {"limit": None}, {"limit": None, "encoding": None}
    assert changed({"the settings": before}, {"the settings": after}) == "the settings (encoding)"
    assert changed({"the settings": after}, {"the settings": before}) == "the settings (encoding)"


def test_tuples_and_numbers_as_keys_are_equal_to_what_the_stamp_holds() -> None:
    assert (
        changed({"the lengths": [16, 32], "the factors": {"1": 2}}, {"the lengths": (16, 32), "the factors": {1: 2}})
        == ""
    )


def test_a_failed_step_leaves_the_former_output_and_its_stamp(tmp_path: Path) -> None:
    made = step(tmp_path)
    make(made, "former")
    with pytest.raises(ValueError, match="no"), made.making() as directory:
        (directory / "model.bin").write_text("half", encoding="utf-8")
        raise ValueError("no")
    assert (made.output / "model.bin").read_text(encoding="utf-8") == "former"
    assert made.reason() is None


def test_a_broken_stamp_makes_the_step_due(tmp_path: Path) -> None:
    made = step(tmp_path)
    make(made)
    (made.output / "made-from.json").write_text("{", encoding="utf-8")
    assert "was not completed" in str(made.reason())


def test_a_step_is_due_where_a_file_of_its_output_is_missing(tmp_path: Path) -> None:
    made = Step("The model", tmp_path / "model", {"the products": "1a2b"}, holds=("model.bin",))
    make(made)
    assert made.reason() is None
    (made.output / "model.bin").unlink()
    assert made.reason() == f"{made.output / 'model.bin'} is missing"


def test_what_is_up_to_date_is_told_with_what_it_was_made_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    make(step(tmp_path))
    assert not step(tmp_path).is_due()
    assert "The model is up to date: the products and the settings did not change since 20" in caplog.text
