"""The whole stage: build/catalog in, build/checkpoint and build/reports/training out, step by step."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from catalog.prepared import iter_split
from settings import Settings
from steps import Step, disk_errors, locked
from training.base import BasePlan, plan_base
from training.chain.compared import compared_step, make_compared
from training.chain.cross_fitted import fold_steps, make_fold
from training.chain.fine_tuned import RUN, discard_run, fine_tuned_step, make_fine_tuned
from training.chain.finished import finished_step, make_finished
from training.chain.inputs import catalog_directory
from training.chain.measured import make_measured, measured_step
from training.chain.reported import make_reported, reported_step
from training.checkpoint import METRICS_FILE
from training.errors import TrainingError
from training.fine_tuning import check_settings
from training.text_facts import count_languages

logger = logging.getLogger(__name__)

TURNED_OFF = "training.baseline is false."


@dataclass(frozen=True)
class Trained:
    """What `train` has made or found.

    Attributes:
        checkpoint: the directory, complete.
        report: the directory of the report and its plots.
        metrics: what the checkpoint's metrics.json holds.
        made: the steps that ran, by name; empty where all was up to date.
        created: when the checkpoint was made.
    """

    checkpoint: Path
    report: Path
    metrics: Mapping[str, Any]
    made: tuple[str, ...]
    created: str

    @property
    def up_to_date(self) -> bool:
        """Whether all of it was there already, from the same catalogue, settings, base and code."""
        return not self.made


@dataclass
class _Chain:
    """Runs one step after the other."""

    force: bool
    made: list[str] = field(default_factory=list)

    def run(self, step: Step, make: Callable[[], None]) -> None:
        """Make a step's output, unless it is up to date."""
        if step.is_due(force=self.force):
            make()
            self.made.append(step.name)


def train(settings: Settings, *, force: bool = False) -> Trained | None:
    """Fine-tune, calibrate, measure and report: each step, unless it has been done already.

    What comes behind the checkpoint (its figures, the baseline, the report) may fail: that is logged as a sentence, the
    checkpoint stays, and the next call tries again.

    Args:
        settings: `training` and `build_dir` are used.
        force: make every step again even when nothing has changed.

    Returns:
        None in every process but the first, under torchrun.

    Raises:
        TrainingError: The run can't be done; `PreparedCatalogError`, `TaxonomyError` and `BaseModelError` likewise.
        Busy: Another run trains in the same build directory.
        DiskError: The disk is full, or the build directory can't be written.
    """
    first = int(os.environ.get("RANK", "0")) == 0
    with disk_errors(settings.build_dir, "run the same command again; it goes on from the last saved step"):
        check_settings(settings.training)
        languages = count_languages(iter_split(catalog_directory(settings), "train"))
        _check_held_out(catalog_directory(settings))
        with _alone(settings, first):
            return _train(settings, languages, _Chain(force), first)


def _check_held_out(catalog: Path) -> None:
    """Stops before the training where the export would refuse its model after it."""
    if not any(True for split in ("validation", "test") for _ in iter_split(catalog, split)):
        raise TrainingError(
            f"{catalog} has no product in its validation and test parts, so the model could be neither calibrated nor "
            "compared with its exported graph: `python -m catalog prepare --force` says why"
        )


def _train(settings: Settings, languages: Mapping[str, int], chain: _Chain, first: bool) -> Trained | None:
    plan = plan_base(settings.training, languages)
    fine_tuned = fine_tuned_step(settings, plan)
    chain.run(fine_tuned, lambda: make_fine_tuned(fine_tuned, settings, plan, writes=first))
    if not first:
        return None
    discard_run(settings)
    folds = _cross_fit(settings, chain, plan, fine_tuned)
    finished = finished_step(settings, fine_tuned.output, folds)
    chain.run(finished, lambda: make_finished(finished, settings, fine_tuned.output, folds))
    report = _measure_and_report(settings, chain, fine_tuned.output, finished.output)
    metrics = json.loads((finished.output / METRICS_FILE).read_text(encoding="utf-8"))
    return Trained(finished.output, report, metrics, tuple(chain.made), finished.created)


def _cross_fit(settings: Settings, chain: _Chain, plan: BasePlan, fine_tuned: Step) -> list[Path]:
    folds = fold_steps(settings, fine_tuned)
    for number, fold in enumerate(folds, 1):
        chain.run(fold, partial(make_fold, fold, settings, plan, fine_tuned.output, number))
    return [fold.output for fold in folds]


def _measure_and_report(settings: Settings, chain: _Chain, fine_tuned: Path, checkpoint: Path) -> Path:
    """Do the steps behind the checkpoint; none of them costs it when it fails."""
    report = settings.build_dir / "reports" / "training"
    before, left_out = {"fine-tuned": fine_tuned, "checkpoint": checkpoint}, TURNED_OFF
    with _optional("The checkpoint can't be measured") as told:
        measured = measured_step(settings, checkpoint)
        chain.run(measured, lambda: make_measured(measured, settings, checkpoint))
        before["measured"] = measured.output
    if told:
        return report
    if settings.training.baseline:
        with _optional("The baseline can't be measured") as told:
            compared = compared_step(settings)
            chain.run(compared, lambda: make_compared(compared, settings))
            before["baseline"] = compared.output
        left_out = "".join(told)
    with _optional("The report can't be written"):
        reported = reported_step(settings, before, left_out)
        chain.run(reported, lambda: make_reported(reported, settings, before, left_out))
    return report


@contextmanager
def _optional(what: str) -> Iterator[list[str]]:
    """Give a list, into which goes what has failed, as a sentence."""
    told: list[str] = []
    try:
        yield told
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        told.append(f"{what} ({reason.rstrip('.')}).")
        logger.warning("%s The checkpoint is complete without; the same command tries again.", told[0])
        logger.debug("Where it happened:", exc_info=True)


@contextmanager
def _alone(settings: Settings, first: bool) -> Iterator[None]:
    """Hold the lock of the stage, in the first of several processes that train together."""
    if not first:
        yield
        return
    with locked(settings.build_dir / RUN, doing=f"Another run trains in {settings.build_dir}"):
        yield
