"""ONNX graphs that answer on this machine's processors as the served classifier does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from export.held_out import Scorer, Scores
from export.served import served_module
from export.signature import INPUTS, output_names, side_by_side


def open_scorer(path: Path, threads: int) -> Scorer:
    """Opens a session as the served classifier does.

    Args:
        path: An ONNX file with the served inputs and output.
        threads: Cores one run may use.
    """
    session = served_module("session").open_session(path, threads)

    def run(input_ids: npt.NDArray[Any], attention_mask: npt.NDArray[Any]) -> Scores:
        feed = dict(zip(INPUTS, (input_ids, attention_mask), strict=True))
        return side_by_side(dict(zip(output_names(), session.run(output_names(), feed), strict=True)))

    return run
