"""How the classifier's graph is loaded; the export loads it the same way when it compares answers."""

from __future__ import annotations

import platform
from pathlib import Path

import onnxruntime

PROCESSORS = Path("/proc/cpuinfo")
EXACT_KERNELS = "session.x64quantprecision"
"""ONNX Runtime's option for INT8 products that are exact on every x86 processor."""
EXACT = ("avx_vnni", "avx512_vnni", "amx_int8")
"""Processor features that add up products of 8-bit numbers in 32 bits."""


def open_session(path: Path, threads: int, processors: Path = PROCESSORS) -> onnxruntime.InferenceSession:
    """Loads a graph.

    Args:
        path: An ONNX file.
        threads: Cores that one run may use.
        processors: See `session_options`.
    """
    options = session_options(threads, processors)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def session_options(threads: int, processors: Path = PROCESSORS) -> onnxruntime.SessionOptions:
    """What every session of a graph needs; an INT8 graph that is opened without it answers wrongly on some processors.

    Args:
        threads: Cores that one run may use.
        processors: The file that tells the processor's features.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait would take the cores from the other processes of the server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if overflows(processors):
        options.add_session_config_entry(EXACT_KERNELS, "1")
    return options


def overflows(processors: Path) -> bool:
    """Whether the processor's quickest INT8 products cut off sums over 16 bits, so that answers would go wrong.

    x86 processors before VNNI do; ONNX Runtime then has to be told to take a slower, exact way.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        features = set(processors.read_text(encoding="utf-8").split())
    except OSError:
        return True  # unknown, so the way that is right everywhere
    return features.isdisjoint(EXACT)
