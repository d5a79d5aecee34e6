"""The whole stage: build/checkpoint in, a release out.

    checkpoint ──▶ build/onnx/model.onnx ──▶ build/engines/<target>/ ──▶ parity gate ──▶ build/releases/<id>/

Each step is left out where its result is there already, made from the same things.
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

from catalog.publish import staged_directory
from export.checkpoint import Checkpoint, read_checkpoint
from export.digests import file_digest
from export.engines import Engine, find_engine
from export.errors import ExportError
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
from export.release import Releases, assemble_repository
from settings import Settings

logger = logging.getLogger(__name__)

GRAPH = "model.onnx"
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
        target: `cpu`.
        force: Make every step's result again.

    Raises:
        ExportError: The checkpoint or the catalogue can't be used, the parity gate isn't passed, or the disk is full.
            The releases and `current` are as before.
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
    graph_stamp = graph_fingerprint(checkpoint)
    graph = settings.build_dir / "onnx" / GRAPH
    if force or not _is_made(graph, graph_stamp):
        with _step("ONNX graph in float32", "graph", seconds):
            _make_graph(checkpoint, graph, graph_stamp)
    with _step("The checkpoint's answers for held-out products", "parity", seconds):
        gate = ParityGate(settings, checkpoint)
        passed = gate.check_graph(graph)
    variant, engine_file = "", graph
    for variant in engine.VARIANTS if passed else ():
        engine_file = settings.build_dir / "engines" / target / variant / engine.FILE
        stamp = engine_fingerprint(graph_stamp, engine, variant)
        if force or not _is_made(engine_file, stamp):
            with _step(f"{engine.NAME}, {variant}", f"engine {variant}", seconds):
                _make_engine(engine, variant, graph, engine_file, stamp)
        with _step(f"Comparison of {engine.NAME}, {variant}, with the checkpoint", f"parity {variant}", seconds):
            passed = gate.check_engine(engine, variant, engine_file)
        if passed:
            break
    report = gate.report()
    _write_report(settings.build_dir / "reports", report)
    if not report.passed:
        raise ExportError(
            f"The parity gate isn't passed, so no release was made; {releases.current() or 'no release'} stays current."
            f"\n\n{report.table()}\n\n"
            "A model that hardly separates its categories loses most: train longer or on more products. The limits "
            "are export.min_equal_categories_int8, export.max_f1_loss_int8 and export.max_probability_difference_fp32."
        )
    logger.info("%s", report.table())
    with _step("Release", "release", seconds), releases.staged() as staging:
        assemble_repository(staging / "model_repository", checkpoint, engine, engine_file)
        manifest = _manifest(checkpoint, engine, variant, graph, engine_file, report, fingerprint, seconds)
        release_id = releases.publish(staging, manifest, target)
    removed = releases.prune(settings.export.keep_releases)
    path = releases.directory / release_id
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    return Exported(path, manifest, up_to_date=False, current=release_id, removed=tuple(removed))


def _make_graph(checkpoint: Checkpoint, graph: Path, stamp: Mapping[str, Any]) -> None:
    from export.onnx_graph import export_graph  # takes seconds to import, which an up-to-date run can do without

    with staged_directory(graph.parent) as new:
        export_graph(checkpoint.load_model(), new / GRAPH)
        write_stamp(new / STAMP, stamp)


def _make_engine(engine: Engine, variant: str, graph: Path, path: Path, stamp: Mapping[str, Any]) -> None:
    with staged_directory(path.parent) as new:
        engine.build(graph, new / engine.FILE, variant)
        write_stamp(new / STAMP, stamp)


def _is_made(path: Path, stamp: Mapping[str, Any]) -> bool:
    return path.is_file() and read_stamp(path.parent / STAMP) == stamp


def _manifest(
    checkpoint: Checkpoint,
    engine: Engine,
    variant: str,
    graph: Path,
    engine_file: Path,
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
            "bytes": engine_file.stat().st_size,
            "sha256": file_digest(engine_file),
            "float32_bytes": graph.stat().st_size,
            **engine.facts(engine_file),
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
