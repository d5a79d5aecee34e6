"""The FP16 graph, in one of two ways; layers that leave FP16's range are named."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from export.engines.float16.autocast import convert_autocast
from export.engines.float16.conversion import convert_direct
from export.engines.float16.ranges import LARGEST, activation_peaks, weight_peaks
from export.held_out import TokenBatch

logger = logging.getLogger(__name__)

DIRECT, AUTOCAST = "direct", "autocast"
SHOWN_LAYERS = 5


def build_fp16(graph: Path, path: Path, variant: str, batches: Sequence[TokenBatch]) -> None:
    """Writes the FP16 graph.

    Args:
        graph: The float32 ONNX graph.
        path: The file to write.
        variant: `direct` or `autocast`.
        batches: input_ids and attention_mask, int64 [B, L], of real products, whose numbers are looked at.

    Raises:
        ExportError: AutoCast is asked for and not installed.
    """
    if variant == AUTOCAST:
        convert_autocast(graph, path, batches)
        return
    activations = activation_peaks(graph, batches)
    beyond = [peak for peak in [*weight_peaks(graph), *activations] if not peak.fits]
    for peak in beyond[:SHOWN_LAYERS]:
        logger.warning("%s reaches %.3g; FP16 ends at %s.", peak.layer, peak.value, f"{LARGEST:,.0f}")
    if len(beyond) > SHOWN_LAYERS:
        logger.warning("So do %d more.", len(beyond) - SHOWN_LAYERS)
    if activations and not beyond:
        logger.info(
            "Largest number of an FP16 layer on %d products: %.3g (%s); FP16 ends at %s.",
            sum(len(ids) for ids, _ in batches),
            activations[0].value,
            activations[0].layer,
            f"{LARGEST:,.0f}",
        )
    convert_direct(graph, path)
