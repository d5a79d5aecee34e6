"""The steps of the export: what each makes, and from what.

Equal inputs give equal results, so a step whose inputs are those in its stamp need not run again.
"""

from __future__ import annotations

from pathlib import Path

from catalog import cleaning, heads
from catalog.prepared import READERS
from export.checkpoint import Checkpoint
from export.engine import Engine
from export.errors import ExportError
from export.served import SOURCES
from settings import Settings
from steps import Step, code_digest, directory_digest, file_digest, files_digest, versions

GRAPH = "model.onnx"
GRAPH_CODE = ("export.onnx_graph", "export.checkpoint")
GRAPH_PACKAGES = ("torch", "transformers", "optimum", "optimum-onnx", "onnx")
RELEASE_CODE = ("export.gate", "export.release")
HELD_OUT_SPLITS = ("test", "validation")
CLEANING, HEADS = Path(cleaning.__file__).parent, Path(heads.__file__)
"""What the released models share with training: copied beside the tokenizer and the labeler."""


def graph_step(build_dir: Path, checkpoint: Checkpoint) -> Step:
    """The float32 graph, `GRAPH` in build/onnx."""
    return Step(
        "The ONNX graph in float32",
        build_dir / "onnx",
        {
            "the model": checkpoint.model_digest,
            "the code": code_digest(*GRAPH_CODE, without=READERS),
            "the versions of the packages": versions(GRAPH_PACKAGES),
        },
    )


def engine_step(build_dir: Path, target: str, engine: Engine, variant: str, graph: Path) -> Step:
    """One variant of the engine's graph, `GRAPH` in build/engines/<target>/<variant>.

    Args:
        build_dir: The build directory.
        target: `cpu` or `gpu`.
        engine: The target's.
        variant: One of the engine's.
        graph: The float32 graph, which is there.
    """
    return Step(
        f"The graph {engine.graph_name}, {variant}",
        build_dir / "engines" / target / variant,
        {
            "the float32 graph": file_digest(graph),
            "the code": code_digest(*engine.graph_code, without=READERS),
            "the versions of the packages": versions(engine.packages),
        },
    )


def release_step(output: Path, settings: Settings, checkpoint: Checkpoint, engine: Engine) -> Step:
    """A release.

    Args:
        output: The release that may be up to date.
        settings: `export`, and how `serving` batches.
        checkpoint: What it is made of.
        engine: The target's.

    Raises:
        ExportError: The prepared catalogue is missing.
    """
    options = settings.export.model_dump(mode="json", exclude={"keep_releases"})  # which decides on other releases
    # The parity gate batches as the server does.
    options |= settings.serving.model_dump(mode="json", include={"max_batch_size"})
    return Step(
        "The release",
        output,
        {
            "the checkpoint": checkpoint.digest,
            "the held-out products": held_out_digest(settings.build_dir / "catalog"),
            "the settings": options,
            "the code in model_repository/": directory_digest(SOURCES),
            "catalog/cleaning/": directory_digest(CLEANING),
            "catalog/heads.py": file_digest(HEADS),
            "the code": code_digest(*GRAPH_CODE, *RELEASE_CODE, *engine.graph_code, *engine.code, without=READERS),
            "the versions of the packages": versions(sorted({*GRAPH_PACKAGES, *engine.packages})),
            "TensorRT or the GPU": engine.environment(),
        },
    )


def held_out_digest(catalog: Path) -> str:
    """SHA-256 over the products the graphs are compared on.

    Raises:
        ExportError: The prepared catalogue is missing.
    """
    files = [catalog / f"{split}.jsonl" for split in HELD_OUT_SPLITS]
    for path in files:
        if not path.is_file():
            raise ExportError(
                f"{path} is missing: the graphs are compared with the checkpoint on held-out products. "
                "Run `python -m catalog prepare` with the configuration of the training (`make train` does it)."
            )
    return files_digest(files, catalog)
