"""In which numbers training computes."""

from __future__ import annotations

from pathlib import Path

import torch


def computes_in_bf16(precision: str) -> bool:
    """Say whether training runs under bfloat16 autocast.

    Args:
        precision: `auto`, `bf16` or `fp32`; `auto` takes bfloat16 where the processor or GPU computes in it.
    """
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
