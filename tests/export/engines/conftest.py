"""The small checkpoint's graphs in float32 and FP16, and the wheel that compiles them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from export.engines.float16.conversion import convert_direct
from export.engines.plan.api import TensorRT, find_verifier
from export.held_out import TokenBatch
from tests.export.conftest import Place, random_batch

VOCABULARY = 30_000


@dataclass(frozen=True)
class Graphs:
    """The two ONNX files."""

    float32: Path
    float16: Path


@pytest.fixture(scope="session")
def graphs(exported: Place, tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    """Nobody may change them."""
    float32 = exported.build / "onnx" / "model.onnx"
    float16 = tmp_path_factory.mktemp("float16") / "model.onnx"
    convert_direct(float32, float16)
    return Graphs(float32, float16)


@pytest.fixture(scope="session")
def verifier() -> TensorRT:
    """TensorRT for RTX, the real wheel."""
    found = find_verifier()
    assert found is not None, "`make setup` installs tensorrt-rtx-cu13"
    return found


@pytest.fixture
def batch() -> TokenBatch:
    """Random tokens in rows of several lengths."""
    ids, mask = random_batch([12, 30, 3, 25], VOCABULARY)
    return np.asarray(ids), np.asarray(mask)


@pytest.fixture
def plan_folder(tmp_path: Path) -> Path:
    """An empty folder for a plan."""
    folder = tmp_path / "plan"
    folder.mkdir()
    return folder
