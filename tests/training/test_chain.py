"""Each step of training is made again only where something that it depends on has changed."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from catalog.taxonomy import Label, Taxonomy
from settings import Settings
from steps import code_digest
from tests.training.conftest import SettingsMaker, make_products, quick_settings, write_catalog
from training import pipeline, plots, recipe
from training.baseline import LinearBaseline
from training.chain import compared, fine_tuned, finished, measured, reported
from training.pipeline import Trained, train

ROOT = Path(__file__).parents[2]
PARTS: dict[str, Any] = {
    "train": make_products(64),
    "validation": make_products(60, 1000),
    "test": make_products(30, 2000),
}
MODEL, CHECKPOINT = "The fine-tuned model", "The checkpoint"
FIGURES, BASELINE, REPORT = "The checkpoint's measurement", "The baseline", "The report"
OPTIONS: dict[str, Any] = {"epochs": 1, "ngram_buckets": 64}
MAKERS = ("make_fine_tuned", "make_finished", "make_measured", "make_compared", "make_reported")
OUTPUTS = ("encoders", "checkpoint", "measured/checkpoint", "measured/baseline", "reports/training")
ALL = (MODEL, CHECKPOINT, FIGURES, BASELINE, REPORT)


class Killed(BaseException):
    """Ends a run at once, as a kill does: nothing that is written afterwards is written."""


def raise_killed(*arguments: Any, **options: Any) -> None:
    raise Killed


def run(settings: Settings, **options: Any) -> Trained:
    trained = train(settings, **options)
    assert trained is not None
    return trained


@pytest.fixture(scope="module", autouse=True)
def no_frozen_candidate() -> Iterator[None]:
    """Another training would give the same checkpoint where the frozen encoder is taken before and after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "MOST_PRODUCTS", 0)
        yield


@pytest.fixture(scope="module")
def finished_build(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """A build directory in which all is up to date, for tests to copy."""
    build = tmp_path_factory.mktemp("chain") / "build"
    write_catalog(build / "catalog", PARTS)
    assert run(quick_settings(build, tiny_base, **OPTIONS)).made == ALL
    return build


@pytest.fixture
def trained(settings_for: SettingsMaker, code: Path, finished_build: Path) -> Settings:
    """A build directory of the test's own in which all is up to date."""
    settings = settings_for(**OPTIONS)
    shutil.copytree(finished_build, settings.build_dir)
    return settings


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code, which the stamps look at and a test may edit."""
    copy = tmp_path / "code"
    for package in ("catalog", "training", "client/product_tagger_files"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "words"))
    for module in (compared, fine_tuned, finished, measured, reported):
        monkeypatch.setattr(module, "code_digest", partial(code_digest, root=copy))
    return copy


def edit(file: Path) -> None:
    """Changes what a module does."""
    file.write_text(file.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")


def edit_report(settings: Settings, code: Path) -> None:
    edit(code / "training" / "report.py")


def rename_labels(settings: Settings, code: Path) -> None:
    """Gives the categories other display names."""
    file = settings.build_dir / "catalog" / "taxonomy.json"
    taxonomy = Taxonomy.from_json(file)
    renamed = tuple(Label(label.id, {"zh": f"新{label.id}"}) for label in taxonomy.categories)
    file.write_text(Taxonomy(renamed, taxonomy.tags).to_json(), encoding="utf-8")


def other_validation_products(settings: Settings, code: Path) -> None:
    write_catalog(settings.build_dir / "catalog", {**PARTS, "validation": make_products(63, 3000)})


def test_a_second_run_makes_nothing(trained: Settings) -> None:
    kept = [trained.build_dir / "checkpoint" / name for name in ("README.md", "metrics.json")]
    before = [file.read_text() for file in kept]
    assert run(trained).up_to_date
    assert [file.read_text() for file in kept] == before


@pytest.mark.parametrize(
    ("edited", "made"),
    [
        ("client/product_tagger_files/tags.py", ()),
        ("training/report.py", (REPORT,)),
        ("training/plots.py", (REPORT,)),
        ("training/baseline.py", (BASELINE,)),
        ("training/measurement.py", (FIGURES, BASELINE, REPORT)),
        ("training/calibration.py", (CHECKPOINT, REPORT)),
        ("training/averaging.py", (MODEL,)),
    ],
)
def test_edited_code_makes_again_what_depends_on_it(
    trained: Settings, code: Path, edited: str, made: tuple[str, ...]
) -> None:
    edit(code / edited)
    # What comes out the same again gives the steps behind it nothing to do, and what a run took in seconds is new.
    assert set(made) <= set(run(trained).made) <= {*made, *((CHECKPOINT, REPORT) if MODEL in made else ())}
    assert run(trained).up_to_date


def test_a_mended_comment_makes_nothing_again(trained: Settings, code: Path) -> None:
    file = code / "training" / "fine_tuning.py"
    file.write_text(file.read_text(encoding="utf-8") + "\n# A comment.\n", encoding="utf-8")
    assert run(trained).up_to_date


def test_other_validation_products_recalibrate_without_training(trained: Settings) -> None:
    weights = (trained.build_dir / "encoders" / "fine-tuned" / "model.safetensors").stat().st_mtime_ns
    other_validation_products(trained, trained.build_dir)
    again = run(trained)
    assert again.made == (CHECKPOINT, FIGURES, BASELINE, REPORT)
    assert again.metrics["training"]["calibrated_on"]["products"] == again.metrics["data"]["validation"] == 63
    assert (trained.build_dir / "encoders" / "fine-tuned" / "model.safetensors").stat().st_mtime_ns == weights


def test_other_test_products_measure_again_and_leave_the_weights_of_the_checkpoint(trained: Settings) -> None:
    write_catalog(trained.build_dir / "catalog", {**PARTS, "test": make_products(33, 3000)})
    assert run(trained).made == (FIGURES, BASELINE, REPORT)


def test_other_display_names_are_published_and_nothing_is_trained_nor_measured(trained: Settings) -> None:
    rename_labels(trained, trained.build_dir)
    again = run(trained)
    assert again.made == (CHECKPOINT, REPORT)
    assert "新food" in (again.checkpoint / "taxonomy.json").read_text()
    assert "food 新food" in (again.checkpoint / "README.md").read_text()
    assert again.metrics["test"]["products"] == 30


def test_another_version_of_pytorch_trains_again(trained: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9" if name == "torch" else version(name))
    assert MODEL in run(trained).made


def test_another_setting_of_the_table_of_n_grams_does_not_train_again(trained: Settings) -> None:
    changed = trained.training.model_copy(update={"ngram_buckets": 0})
    assert run(trained.model_copy(update={"training": changed})).made == (CHECKPOINT, FIGURES, REPORT)


def test_another_setting_of_the_training_and_other_training_products_train_again(trained: Settings) -> None:
    changed = trained.model_copy(update={"training": trained.training.model_copy(update={"batch_size": 32})})
    assert run(changed).made == ALL[:-2] + ALL[-1:]
    write_catalog(trained.build_dir / "catalog", {**PARTS, "train": make_products(60)})
    assert run(changed).made == ALL


def test_force_makes_everything_again(trained: Settings) -> None:
    assert run(trained, force=True).made == ALL


def test_a_run_that_is_killed_before_each_of_its_steps_goes_on_there(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(**OPTIONS)
    write_catalog(settings.build_dir / "catalog", PARTS)
    for number, maker in enumerate(MAKERS):
        with monkeypatch.context() as patched, pytest.raises(Killed), caplog.at_level("INFO"):
            patched.setattr(pipeline, maker, raise_killed)
            train(settings)
        begun = [step for step in ALL if f"{step} is made, because it is not there yet" in caplog.text]
        assert begun == [*ALL[max(number - 1, 0) : number + 1]]
        assert [place for place in OUTPUTS if (settings.build_dir / place).exists()] == [*OUTPUTS[:number]]
        caplog.clear()
    assert run(settings).made == (REPORT,)
    assert run(settings).up_to_date
    report = (settings.build_dir / "reports" / "training" / "report.md").read_text()
    assert (settings.build_dir / "checkpoint" / "README.md").read_text().endswith(report)


@pytest.mark.parametrize("killed_before", [1, 2, 4])
@pytest.mark.parametrize(
    ("change", "again"),
    [
        (edit_report, ()),
        (rename_labels, (CHECKPOINT,)),
        (other_validation_products, (CHECKPOINT, FIGURES, BASELINE)),
    ],
)
def test_what_is_edited_after_a_kill_makes_again_only_what_depends_on_it(
    trained: Settings, code: Path, killed_before: int, change: Callable[[Settings, Path], None], again: tuple[str, ...]
) -> None:
    for place in OUTPUTS[killed_before:]:  # what a kill before that step leaves, as the test above tells
        shutil.rmtree(trained.build_dir / place)
    change(trained, code)
    made = run(trained).made
    assert made == tuple(step for number, step in enumerate(ALL) if number >= killed_before or step in again)


def test_the_checkpoint_is_complete_before_the_baseline_is_fitted(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    there: list[set[str]] = []

    def look(step: Any, settings: Settings) -> None:
        there.append({file.name for file in (settings.build_dir / "checkpoint").iterdir()})
        raise Killed

    monkeypatch.setattr(pipeline, "make_compared", look)
    with pytest.raises(Killed):
        train(settings)
    assert there[0] >= {"README.md", "config.json", "metrics.json", "model.safetensors", "taxonomy.json",
                        "thresholds.json", "tokenizer.json"}  # fmt: skip


def test_a_baseline_that_fails_costs_nothing_and_is_told(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)

    def fail(*arguments: Any) -> None:
        raise MemoryError("Unable to allocate 90 GiB")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "make_compared", fail)
        failed = run(settings)
    told = "The baseline can't be measured (Unable to allocate 90 GiB)."
    assert told in caplog.text
    assert failed.metrics["test"]["products"] == 30 and failed.metrics["baseline"] is None
    assert f"There is no baseline beside it: {told}" in (failed.checkpoint / "README.md").read_text()
    assert run(settings).made == (BASELINE, REPORT), "the next run tries again"


def test_a_plot_that_fails_costs_nothing_and_is_told(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=1, baseline=False)
    write_catalog(settings.build_dir / "catalog", PARTS)

    def fail(*arguments: Any) -> None:
        raise ValueError("no font")

    monkeypatch.setattr(plots, "confusion_figure", fail)
    done = run(settings)
    assert "The plot confusion.png can't be drawn (ValueError: no font)" in caplog.text
    assert {"loss.png", "reliability.png", "report.md"} <= {file.name for file in done.report.iterdir()}


def test_a_report_that_fails_leaves_a_checkpoint_and_is_written_by_the_next_run(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    with monkeypatch.context() as patched:
        patched.setattr(reported, "report_text", lambda metrics, taxonomy: 1 / 0)
        failed = run(settings)
    assert "The report can't be written (division by zero). The checkpoint is complete without" in caplog.text
    assert (failed.checkpoint / "model.safetensors").exists()
    assert run(settings).made == (REPORT,)


def test_without_a_baseline_the_report_says_so(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1, baseline=False)
    write_catalog(settings.build_dir / "catalog", PARTS)
    done = run(settings)
    assert BASELINE not in done.made
    assert "There is no baseline beside it: training.baseline is false." in (done.checkpoint / "README.md").read_text()
    assert not (settings.build_dir / "measured" / "baseline").exists()
    settings = settings_for(epochs=1, baseline=True)
    assert run(settings).made == (BASELINE, REPORT)


def test_a_baseline_that_does_not_fit_into_memory_is_left_out_and_the_report_says_so(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    monkeypatch.setattr(compared, "LinearBaseline", partial(LinearBaseline, largest_mib=0.0))
    done = run(settings)
    assert "words and pairs of words for 6 labels would take" in str(done.metrics["baseline_left_out"])
    assert done.metrics["test"]["products"] == 30
    assert str(done.metrics["baseline_left_out"]) in (done.report / "report.md").read_text()


def test_an_interrupted_training_outlives_an_edited_report(
    settings_for: SettingsMaker, code: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=6)
    write_catalog(settings.build_dir / "catalog", PARTS)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("training.averaging.WeightAverage.copy_to", raise_killed)
        train(settings)
    edit(code / "training" / "report.py")
    with caplog.at_level("INFO"):
        resumed = run(settings).metrics["training"]["resumed_at_step"]
    assert resumed and "Going on with the interrupted run" in caplog.text


def test_metrics_in_the_checkpoint_and_in_the_report_are_the_same(trained: Settings) -> None:
    told = [json.loads((trained.build_dir / place / "metrics.json").read_text()) for place in
            ("checkpoint", "reports/training")]  # fmt: skip
    assert told[0] == told[1]
