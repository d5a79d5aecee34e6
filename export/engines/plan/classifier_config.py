"""The classifier's Triton configuration in a release for GPUs: the source, with profiles and CUDA graphs filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from export.errors import ExportError
from export.served import CONFIGS, SOURCES
from export.signature import INPUTS

SOURCE = SOURCES / "classifier" / CONFIGS / "tensorrt.pbtxt"
GRAPH_BATCHES = (1, 2, 4, 8)
"""Batches that have a CUDA graph. A graph holds GPU memory, in each instance, so the common small ones only."""
GRAPH_TOKENS = 256
"""Batches of more tokens (batch × length) should keep a GPU busy for longer than their launch takes."""
_PROFILES = re.compile(r"(\bprofile:\s*\[)\s*(\])")
_GRAPHS = re.compile(r"^(?P<indent> *)graphs: true$", re.MULTILINE)
_MAX_BATCH = re.compile(r"^max_batch_size: \d+$", re.MULTILINE)
_PREFERRED = re.compile(r"(preferred_batch_size:\s*\[)([^\]]*)(\])")


def write_classifier_config(folder: Path, buckets: Sequence[int], max_batch_size: int) -> None:
    """Write the config.pbtxt.

    Args:
        folder: The classifier's folder in the release.
        buckets: The lengths of the plan's profiles, in the profiles' order.
        max_batch_size: The largest batch of the profiles.

    Raises:
        ExportError: The source lacks a place that is filled in.
    """
    text = SOURCE.read_text(encoding="utf-8")
    for pattern in (_PROFILES, _GRAPHS, _MAX_BATCH, _PREFERRED):
        if not pattern.search(text):
            raise ExportError(f"{SOURCE} must have a place like {pattern.pattern!r}, which the export fills in.")
    names = ", ".join(f'"{number}"' for number in range(len(buckets)))
    text = _PROFILES.sub(rf"\g<1> {names} \g<2>", text)
    text = _MAX_BATCH.sub(f"max_batch_size: {max_batch_size}", text)
    text = _PREFERRED.sub(lambda found: found[1] + _fitting(found[2], max_batch_size) + found[3], text)
    specs = "".join(f"\n{spec}" for spec in _graph_specs(buckets, max_batch_size))
    text = _GRAPHS.sub(lambda found: found[0] + specs.replace("\n", "\n" + found["indent"]), text)
    (folder / "config.pbtxt").write_text(text, encoding="utf-8")


def _fitting(sizes: str, max_batch_size: int) -> str:
    """The sizes of a list that are no larger than the largest batch, which is one of them."""
    fitting = {int(size) for size in sizes.split(",") if int(size) < max_batch_size} | {max_batch_size}
    return f" {', '.join(map(str, sorted(fitting)))} "


def _graph_specs(buckets: Sequence[int], max_batch_size: int) -> list[str]:
    return [
        f"graph_spec {{ batch_size: {batch} "
        + " ".join(f'input {{ key: "{name}" value {{ dim: [ {length} ] }} }}' for name in INPUTS)
        + " }"
        for length in buckets
        for batch in GRAPH_BATCHES
        if batch <= max_batch_size and batch * length <= GRAPH_TOKENS
    ]
