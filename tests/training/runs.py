"""A catalogue for whole runs, and how they are started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from settings import Settings
from tests.training.conftest import make_products
from training.pipeline import Trained, train

PARTS: Mapping[str, Any] = {
    "train": make_products(160),
    "validation": make_products(210, 1000),
    "test": make_products(60, 2000),
}


def run(settings: Settings, **options: Any) -> Trained:
    trained = train(settings, **options)
    assert trained is not None
    return trained


def command(settings: Settings, *launcher: str) -> list[str]:
    """The command line that does what `train(settings)` does."""
    return [sys.executable, *(launcher or ("-m",)), "training", *arguments(settings)]


def arguments(settings: Settings) -> list[str]:
    """The command's own arguments."""
    file = settings.build_dir / "tagger.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    return ["--config", str(file)]


def environment() -> dict[str, str]:
    """One thread: sums are added in the same order in every run."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "GLOO_SOCKET_IFNAME": "lo"}


def weights(settings: Settings) -> dict[str, torch.Tensor]:
    return load_file(settings.build_dir / "checkpoint" / "model.safetensors")
