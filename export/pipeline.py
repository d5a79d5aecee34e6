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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checkpoint import Checkpoint, read_checkpoint
from export.digests import file_digest
from export.engines import Compiled, Engine, Workload, find_engine
from export.errors import ExportError, Incomplete
from export.fingerprint import (
    changed,
    engine_fingerprint,
    git_state,
    graph_fingerprint,
    read_stamp,
    release_fingerprint,
    write_stamp,
)
from export.gate import ParityGate, Report
from export.guards import disk_errors, locked
from export.held_out import HeldOut, load_held_out
from export.release import Releases, assemble_repository
from settings import Settings
from steps import staged_directory

logger = logging.getLogger(__name__)

GRAPH = "model.onnx"
CALIBRATION_PRODUCTS = 256
STAMP = "made-from.json"
METRICS = ("category_accuracy", "category_macro_f1", "tag_micro_f1", "tag_macro_f1")


@dataclass(frozen=True)
class Exported:
    """What `export` has made or found.

    Attributes:
        release: The release's directory.
        manifest: What its manifest.json says.
        up_to_date: Whether it was there already, made from the same things.
        current: The id that `current` names now.
        removed: Ids of older releases that were removed.
    """

    release: Path
    manifest: Mapping[str, Any]
    up_to_date: bool
    current: str | None
    removed: tuple[str, ...] = ()


def export(settings: Settings, target: str = "cpu", *, force: bool = False) -> Exported:
    """Make a release of the checkpoint, unless the newest one was made from the same things.

    Args:
        settings: `export` says what must be held, `build_dir` where to read and write.
        target: `cpu` or `gpu`.
        force: Make every step's result again.

    Raises:
        Incomplete: This machine lacks what the target needs; all that can be done without is done.
        ExportError: The checkpoint or the catalogue can't be used, the parity gate isn't passed, or the disk is full.
            In both cases the releases and `current` are as before.
    """
    engine = find_engine(target)
    with disk_errors(settings.build_dir), locked(settings.build_dir):
        releases = Releases(settings.build_dir / "releases")
        releases.clear_leftovers()
        checkpoint = read_checkpoint(settings.build_dir / "checkpoint")
        fingerprint = release_fingerprint(settings, target, checkpoint, engine)
        former = releases.newest(target)
        if former and not force:
            difference = changed(former.get("fingerprint", {}), fingerprint)
            if not difference and releases.is_intact(former):
                return _found(releases, former, target)
            reason = f"{difference} changed since" if difference else "files are missing or changed in"
            logger.info("Exporting, because %s %s.", reason, former["id"])
        return _make(settings, target, engine, releases, checkpoint, fingerprint, force)


def _found(releases: Releases, manifest: dict[str, Any], target: str) -> Exported:
    """The newest release is what would be made; it stays as it is, and so does the choice of an older one."""
    current = releases.current()
    if current is None or f"-{target}-" not in current:
        releases.switch(manifest["id"])
        current = manifest["id"]
    return Exported(releases.directory / manifest["id"], manifest, up_to_date=True, current=current)


def _make(
    settings: Settings,
    target: str,
    engine: Engine,
    releases: Releases,
    checkpoint: Checkpoint,
    fingerprint: dict[str, Any],
    force: bool,
) -> Exported:
    seconds: dict[str, float] = {}
    workload = make_workload(settings, checkpoint)
    graph_stamp = graph_fingerprint(checkpoint)
    graph = settings.build_dir / "onnx" / GRAPH
    if force or not _is_made(graph, graph_stamp):
        with _step("ONNX graph in float32", "graph", seconds):
            _make_graph(checkpoint, graph, graph_stamp)
    with _step("The checkpoint's answers for held-out products", "parity", seconds):
        gate = ParityGate(checkpoint, engine, workload)
        passed = gate.check_graph(graph)
    folder = settings.build_dir / "engines" / target
    variant, built = "", graph
    for variant in engine.variants(workload) if passed else ():
        built = folder / variant / GRAPH
        stamp = engine_fingerprint(graph_stamp, engine, variant)
        if force or not _is_made(built, stamp):
            with _step(f"{engine.GRAPH_NAME}, {variant}", f"engine {variant}", seconds):
                _make_engine(engine, variant, graph, built, stamp, workload)
        with _step(f"Comparison of {engine.GRAPH_NAME}, {variant}, with the checkpoint", f"parity {variant}", seconds):
            passed = gate.check_variant(variant, built)
        if passed:
            break
    _hold(gate, settings, releases)
    compiled = _compile(engine, built, folder, workload, gate, force, seconds)
    if compiled.scorer is not None:
        with _step(f"Comparison of {engine.NAME} with the checkpoint", "parity compiled", seconds):
            gate.check_compiled(compiled.scorer)
        _hold(gate, settings, releases)
    report = gate.report()
    logger.info("%s", report.table())
    with _step("Release", "release", seconds), releases.staged() as staging:
        assemble_repository(staging / "model_repository", checkpoint, engine, compiled, workload)
        manifest = _manifest(checkpoint, engine, variant, graph, compiled, report, fingerprint, seconds)
        release_id = releases.publish(staging, manifest, target)
    removed = releases.prune(settings.export.keep_releases)
    path = releases.directory / release_id
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    return Exported(path, manifest, up_to_date=False, current=release_id, removed=tuple(removed))


def make_workload(settings: Settings, checkpoint: Checkpoint) -> Workload:
    """What an engine of this checkpoint is made for."""

    def calibration() -> HeldOut:
        # Validation products: the gate measures on the test part.
        return load_held_out(
            settings.build_dir / "catalog", checkpoint, CALIBRATION_PRODUCTS, splits=("validation", "test")
        )

    return Workload(settings, checkpoint.max_length, int(checkpoint.config["max_position_embeddings"]), calibration)


def _hold(gate: ParityGate, settings: Settings, releases: Releases) -> None:
    """Write the parity report; go on only where all that was compared last has passed.

    Raises:
        ExportError: It hasn't.
    """
    report = gate.report()
    _write_report(settings.build_dir / "reports", report)
    if not report.passed:
        raise ExportError(
            f"The parity gate isn't passed, so no release was made; {releases.current() or 'no release'} stays current."
            f"\n\n{report.table()}\n\n"
            "A model that hardly separates its categories loses most: train longer or on more products. The limits "
            "are export.max_probability_difference_fp32, and those of export that end in _int8 or _fp16."
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
        compiled = engine.compile(built, folder, workload, force)
    except Incomplete:
        logger.info("%s", gate.report().table())
        raise
    if compiled.scorer is not None:
        seconds["compiled"] = time.monotonic() - started
    return compiled


def _make_graph(checkpoint: Checkpoint, graph: Path, stamp: Mapping[str, Any]) -> None:
    from export.onnx_graph import export_graph  # takes seconds to import, which an up-to-date run can do without

    with staged_directory(graph.parent) as new:
        export_graph(checkpoint.load_model(), new / GRAPH)
        write_stamp(new / STAMP, stamp)


def _make_engine(
    engine: Engine, variant: str, graph: Path, path: Path, stamp: Mapping[str, Any], workload: Workload
) -> None:
    with staged_directory(path.parent) as new:
        engine.build(graph, new / GRAPH, variant, workload)
        write_stamp(new / STAMP, stamp)


def _is_made(path: Path, stamp: Mapping[str, Any]) -> bool:
    return path.is_file() and read_stamp(path.parent / STAMP) == stamp


def _manifest(
    checkpoint: Checkpoint,
    engine: Engine,
    variant: str,
    graph: Path,
    compiled: Compiled,
    report: Report,
    fingerprint: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    state = git_state()
    metrics = checkpoint.metrics.get("test") or {}  # none where the catalogue has no test part
    return {
        "git_commit": state["commit"],
        "git_dirty": state["dirty"],
        "checkpoint_digest": checkpoint.digest,
        "catalog_digest": checkpoint.catalog_digest,
        "held_out_digest": fingerprint["held_out"],
        "versions": fingerprint["versions"],
        "metrics": {name: metrics[name] for name in METRICS if name in metrics},
        "labels": {"categories": len(checkpoint.taxonomy.category_ids), "tags": len(checkpoint.taxonomy.tag_ids)},
        "max_length": checkpoint.max_length,
        "parity": report.as_dict(),
        "engine": {
            "name": engine.NAME,
            "variant": variant,
            "file": engine.FILE,
            "bytes": compiled.file.stat().st_size,
            "sha256": file_digest(compiled.file),
            "float32_bytes": graph.stat().st_size,
            **compiled.facts,
        },
        "seconds": {step: round(taken, 1) for step, taken in seconds.items()},
        "fingerprint": fingerprint,
    }


def _write_report(directory: Path, report: Report) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "parity.txt").write_text(report.table() + "\n", encoding="utf-8")
    text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n"
    (directory / "parity.json").write_text(text, encoding="utf-8")


@contextmanager
def _step(title: str, name: str, seconds: dict[str, float]) -> Iterator[None]:
    logger.info("%s …", title)
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
    logger.info("%s: %.1f s", title, seconds[name])
