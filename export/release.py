"""What a release consists of: a complete Triton model repository, and what the manifest says of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.chain import CLEANING, HEADS
from export.checkpoint import Checkpoint
from export.commit import git_state
from export.engine import Compiled, Engine, Workload
from export.gate import Report
from export.served import SOURCES, copy_model
from export.signature import output_widths
from export.triton_configs import CLASSIFIER, fill_display_names, fill_outputs
from steps import Step, file_digest

ENSEMBLES = ("product_tagger", "product_scores")
TOKENIZER_CODE, LABELER_CODE = "tokenizer/1/tokenization.py", "labeler/1/labeling.py"
"""What the classifier gets of these models where it does their work."""
METRICS = ("category_accuracy", "category_macro_f1", "tag_micro_f1", "tag_macro_f1")


def assemble_repository(
    repository: Path, checkpoint: Checkpoint, engine: Engine, compiled: Compiled, workload: Workload
) -> None:
    """Fills an empty folder with what Triton is pointed at.

    Args:
        repository: The folder; it is made.
        checkpoint: Its tokenizer, taxonomy and thresholds go in.
        engine: Puts the classifier in.
        compiled: What the engine made.
        workload: What it was made for.

    Raises:
        ExportError: A configuration's source can't be used.
    """
    engine.install(compiled, repository / CLASSIFIER, workload)
    for model in ENSEMBLES:
        copy_model(model, repository / model, engine.alternative)
    for model in engine.models:
        copy_model(model, repository / model)
    tokenizer, labeler = copy_text_code(repository, engine.models)
    shutil.copyfile(checkpoint.path / "tokenizer.json", tokenizer / "tokenizer.json")
    _write_json(
        tokenizer / "tokenizer_settings.json",
        {
            "max_length": checkpoint.max_length,
            "pad_token_id": checkpoint.pad_token_id,
            **engine.tokenizer_settings(workload),
        },
    )
    (labeler / "taxonomy.json").write_text(checkpoint.taxonomy.to_json(), encoding="utf-8")
    _write_json(labeler / "thresholds.json", {"tags": checkpoint.thresholds})
    (repository / "product_scores" / "labels.txt").write_text("\n".join(checkpoint.labels) + "\n", encoding="utf-8")
    fill_outputs(repository, output_widths(checkpoint.config))
    fill_display_names(repository, checkpoint.taxonomy)


def copy_text_code(repository: Path, models: tuple[str, ...]) -> tuple[Path, Path]:
    """Copies the code that tokenizes and labels; to the classifier where there are no models of their own for it.

    Returns:
        The folders in which tokenizing and labelling happen: the files that they need go there.
    """
    folders = []
    for code in (TOKENIZER_CODE, LABELER_CODE):
        model = code.partition("/")[0]
        folder = repository / (model if model in models else CLASSIFIER) / "1"
        if model not in models:
            shutil.copy(SOURCES / code, folder)
        folders.append(folder)
    tokenizer, labeler = folders
    shutil.copytree(CLEANING, tokenizer / "cleaning", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(HEADS, labeler / "heads.py")
    return tokenizer, labeler


def release_facts(
    checkpoint: Checkpoint,
    engine: Engine,
    variant: str,
    graph: Path,
    compiled: Compiled,
    report: Report,
    step: Step,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """What the manifest says, beside what every release has.

    Args:
        checkpoint: What the release is made of.
        engine: The target's.
        variant: That of the engine's graph which was taken.
        graph: The float32 graph.
        compiled: What the engine made.
        report: What the parity gate found.
        step: The release as a step.
        seconds: How long each part took.
    """
    state = git_state()
    metrics = checkpoint.metrics.get("test") or {}  # none where the catalogue has no test part
    return {
        "git_commit": state["commit"],
        "git_dirty": state["dirty"],
        "checkpoint_digest": checkpoint.digest,
        "catalog_digest": checkpoint.catalog_digest,
        "held_out_digest": step.inputs["the held-out products"],
        "versions": step.inputs["the versions of the packages"],
        "metrics": {name: metrics[name] for name in METRICS if name in metrics},
        "labels": {"categories": len(checkpoint.taxonomy.category_ids), "tags": len(checkpoint.taxonomy.tag_ids)},
        "max_length": checkpoint.max_length,
        "parity": report.as_dict(),
        "engine": {
            "name": engine.name,
            "variant": variant,
            "file": engine.file,
            "bytes": compiled.file.stat().st_size,
            "sha256": file_digest(compiled.file),
            "float32_bytes": graph.stat().st_size,
            **compiled.facts,
        },
        "seconds": {part: round(taken, 1) for part, taken in seconds.items()},
    }


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
