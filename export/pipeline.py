"""The whole stage: build/checkpoint in, a release out.

    checkpoint ─▶ onnx/model.onnx ─▶ engines/<target>/<variant>/model.onnx ─▶ compiled ─▶ releases/<id>/
                  float32            the engine's precision                   where it has to be

After each of the three the parity gate compares it with the checkpoint. Each step is left out where its result is there
already, made from the same things.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export.chain import GRAPH, engine_step, graph_step, release_step
from export.checkpoint import Checkpoint, read_checkpoint
from export.engine import Compiled, Engine, Workload
from export.errors import ExportError, Incomplete
from export.gate import ParityGate, Report
from export.held_out import HeldOut, load_held_out
from export.release import assemble_repository, release_facts
from export.targets import find_engine
from serving.releases import (
    REPOSITORY,
    Release,
    current_id,
    finish_interrupted,
    list_releases,
    newest_release,
    prune_releases,
    publish_release,
    staged_release,
    switch_current,
)
from settings import Settings
from steps import Step, disk_errors, locked

logger = logging.getLogger(__name__)

CALIBRATION_PRODUCTS = 256


@dataclass(frozen=True)
class Exported:
    """What `export` has made or found.

    Attributes:
        release: The release.
        up_to_date: Whether it was there already, made from the same things.
        current: The id that `current` names now.
        removed: Ids of older releases that were removed.
    """

    release: Release
    up_to_date: bool
    current: str | None
    removed: tuple[str, ...] = ()


def export(settings: Settings, target: str = "cpu", *, force: bool = False) -> Exported:
    """Makes a release of the checkpoint, unless the newest one was made from the same things.

    Args:
        settings: `export` says what must be held, `build_dir` where to read and write.
        target: `cpu` or `gpu`.
        force: Make every step's result again.

    Raises:
        Incomplete: This machine lacks what the target needs; all that can be done without is done.
        ExportError: The checkpoint or the catalogue can't be used, or the parity gate isn't passed.
        Busy: Another export is writing to the same build directory.
        DiskError: The disk is full, or a path can't be used.
            In all cases the releases and `current` are as before.
    """
    engine = find_engine(target)
    build_dir = settings.build_dir
    releases = build_dir / "releases"
    with (
        disk_errors(build_dir, "export again; the releases are as before"),
        locked(build_dir / "export", doing=f"Another export is writing to {build_dir}"),
    ):
        finish_interrupted(releases)
        checkpoint = read_checkpoint(build_dir / "checkpoint")
        former = newest_release(releases, target)
        step = release_step(former.path if former else releases / target, settings, checkpoint, engine)
        reason = step.reason(force=force)
        if former is not None and reason is None:
            differences = former.differences()
            if not differences:
                return _found(releases, former)
            reason = f"{differences[0]} in {former.id}"
        logger.info("%s is made, because %s.", step.name, reason)
        return _make(settings, target, engine, checkpoint, step, force)


def _found(releases: Path, release: Release) -> Exported:
    """The newest release is what would be made; it stays as it is, and so does the choice of an older one."""
    current = current_id(releases)
    served = next((other for other in list_releases(releases) if other.id == current), None)
    if served is None or served.target != release.target:
        switch_current(releases, release.id)
        current = release.id
    return Exported(release, up_to_date=True, current=current)


def _make(settings: Settings, target: str, engine: Engine, checkpoint: Checkpoint, step: Step, force: bool) -> Exported:
    seconds: dict[str, float] = {}
    workload = make_workload(settings, checkpoint)
    releases = settings.build_dir / "releases"
    graph = _make_graph(settings.build_dir, checkpoint, force, seconds)
    with _timed("The checkpoint's answers for held-out products", "parity", seconds):
        gate = ParityGate(checkpoint, engine, workload)
        passed = gate.check_graph(graph)
    variant, built = "", graph
    for variant in engine.variants(workload) if passed else ():
        built = _make_engine(engine_step(settings.build_dir, target, engine, variant, graph),
                             engine, variant, graph, workload, force, seconds)  # fmt: skip
        with _timed(f"Comparison of {engine.graph_name}, {variant}, with the checkpoint", f"parity {variant}", seconds):
            passed = gate.check_variant(variant, built)
        if passed:
            break
    _hold(gate, settings)
    compiled = _compile(engine, built, settings.build_dir / "engines" / target, workload, gate, force, seconds)
    if compiled.scorer is not None:
        with _timed(f"Comparison of {engine.name} with the checkpoint", "parity compiled", seconds):
            gate.check_compiled(compiled.scorer)
        _hold(gate, settings)
    report = gate.report()
    logger.info("%s", report.table())
    with _timed("The release", "release", seconds), staged_release(releases) as staging:
        assemble_repository(staging / REPOSITORY, checkpoint, engine, compiled, workload)
        step.write_stamp(staging)
        facts = release_facts(checkpoint, engine, variant, graph, compiled, report, step, seconds)
        release = publish_release(releases, staging, target, facts)
    removed = prune_releases(releases, settings.export.keep_releases)
    return Exported(release, up_to_date=False, current=release.id, removed=tuple(removed))


def make_workload(settings: Settings, checkpoint: Checkpoint) -> Workload:
    """What an engine of this checkpoint is made for."""

    def calibration() -> HeldOut:
        # Validation products: the gate measures on the test part.
        return load_held_out(
            settings.build_dir / "catalog", checkpoint, CALIBRATION_PRODUCTS, splits=("validation", "test")
        )

    return Workload(settings, checkpoint.max_length, int(checkpoint.config["max_position_embeddings"]), calibration)


def _hold(gate: ParityGate, settings: Settings) -> None:
    """Writes the parity report; goes on only where all that was compared last has passed.

    Raises:
        ExportError: It hasn't.
    """
    report = gate.report()
    _write_report(settings.build_dir / "reports", report)
    if not report.passed:
        current = current_id(settings.build_dir / "releases")
        raise ExportError(
            f"The parity gate isn't passed, so no release was made; {current or 'no release'} stays current."
            f"\n\n{report.table()}\n\n"
            "A model that hardly separates its categories loses most: train longer or on more products. The limits "
            "that may be set are those of `export` that end in _int8 or _fp16."
        )


def _compile(
    engine: Engine,
    built: Path,
    folder: Path,
    workload: Workload,
    gate: ParityGate,
    force: bool,
    seconds: dict[str, float],
) -> Compiled:
    started = time.monotonic()
    try:
        compiled = engine.compile(built, folder, workload, force=force)
    except Incomplete:
        logger.info("%s", gate.report().table())
        raise
    if compiled.scorer is not None:
        seconds["compiled"] = time.monotonic() - started
    return compiled


def _make_graph(build_dir: Path, checkpoint: Checkpoint, force: bool, seconds: dict[str, float]) -> Path:
    step = graph_step(build_dir, checkpoint)
    if step.is_due(force=force):
        from export.onnx_graph import export_graph  # takes seconds to import, which an up-to-date run can do without

        with _timed(step.name, "graph", seconds), step.making() as new:
            export_graph(checkpoint.load_model(), new / GRAPH)
    return step.output / GRAPH


def _make_engine(
    step: Step,
    engine: Engine,
    variant: str,
    graph: Path,
    workload: Workload,
    force: bool,
    seconds: dict[str, float],
) -> Path:
    if step.is_due(force=force):
        with _timed(step.name, f"engine {variant}", seconds), step.making() as new:
            engine.build(graph, new / GRAPH, variant, workload)
    return step.output / GRAPH


def _write_report(directory: Path, report: Report) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "parity.txt").write_text(report.table() + "\n", encoding="utf-8")
    text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n"
    (directory / "parity.json").write_text(text, encoding="utf-8")


@contextmanager
def _timed(title: str, name: str, seconds: dict[str, float]) -> Iterator[None]:
    logger.info("%s …", title)
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
    logger.info("%s: %.1f s", title, seconds[name])
