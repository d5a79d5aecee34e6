"""The engine benchmark, as far as it goes without a GPU: PyTorch on the CPU is measured and reported for real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from export.checkpoint import read_checkpoint
from export.gate import checkpoint_scorer
from loadtest.engines import __main__ as command
from loadtest.engines.contenders import Contender, pytorch, without_failing
from loadtest.engines.measure import WARM_UP_RUNS, Timing, measure
from loadtest.engines.report import as_json, plot, table
from loadtest.reports import write_json
from tests.export.conftest import english_tokenizer, random_batch, write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint; nobody may change it."""
    folder = tmp_path_factory.mktemp("engines") / "checkpoint"
    write_checkpoint(folder, english_tokenizer(), steps=5)
    return folder


TIMINGS = [
    Timing("eager", 1, 16, ((2.0, 2.0), (4.0, 4.0), (3.0, 3.0))),
    Timing("plan", 1, 16, ((1.0,), (1.0,), (1.5, 9.0))),
    Timing("eager", 8, 16, ((4.0,),)),
    Timing("plan", 8, 16, ((1.0,),)),
]


def test_pytorch_answers_as_the_checkpoint_does(checkpoint: Path) -> None:
    ids, mask = random_batch([5, 12], 1000)
    found = pytorch(read_checkpoint(checkpoint), "cpu", torch.float32).compute(torch.tensor(ids), torch.tensor(mask))
    np.testing.assert_allclose(found, checkpoint_scorer(read_checkpoint(checkpoint))(ids, mask), atol=1e-6)


def test_a_contender_is_named_by_its_precision_and_how_it_runs(checkpoint: Path) -> None:
    read = read_checkpoint(checkpoint)
    assert pytorch(read, "cpu", torch.float16).name == "PyTorch float16, eager"
    assert pytorch(read, "cpu", torch.float16, compiled=True).name == "PyTorch float16, compiled"


def test_a_contender_that_can_t_compute_is_left_out_with_its_reason() -> None:
    def broken(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no C compiler")

    good, lines = Contender("good", lambda ids, mask: ids), list[str]()
    assert without_failing([Contender("bad", broken), good], 16, "cpu", lines.append) == [good]
    assert lines == ["bad is left out, as it can't compute: RuntimeError: no C compiler"]


def test_every_shape_is_measured_with_all_contenders_taking_turns() -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    def contender(name: str) -> Contender:
        def compute(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            assert mask.all() and int(ids.max()) < 30
            calls.append((name, tuple(ids.shape)))
            return ids

        return Contender(name, compute)

    lines: list[str] = []
    timings = measure([contender("a"), contender("b")], [1, 4], [8, 16], 1e-9, 3, "cpu", 30, lines.append)
    shapes = [(batch, length) for length in (8, 16) for batch in (1, 4)]
    assert [(one.contender, one.batch, one.length) for one in timings] == [
        (n, *shape) for shape in shapes for n in "ab"
    ]
    assert all(len(one.rounds) == 3 for one in timings) and len(lines) == 4
    first = [name for name, shape in calls if shape == (1, 8)]
    assert first == ["a"] * WARM_UP_RUNS + ["b"] * WARM_UP_RUNS + ["a", "b", "b", "a", "a", "b"]


def test_the_table_has_medians_their_spread_and_the_ratio_to_the_reference() -> None:
    lines = [line.split() for line in table(TIMINGS, "eager")]
    assert lines[1] == ["16", "1", "eager", "3.000", "2.000–4.000", "4.000", "333", "1.00"]
    assert lines[2] == ["16", "1", "plan", "1.000", "1.000–5.250", "9.000", "1,000", "3.00"]
    assert lines[4][-2:] == ["8,000", "4.00"]


def test_what_is_written_has_everything_and_the_plot_is_a_picture(tmp_path: Path) -> None:
    write_json(tmp_path / "bench-gpu.json", as_json(TIMINGS, {"release": "r"}))
    read = json.loads((tmp_path / "bench-gpu.json").read_text())
    assert read["release"] == "r" and read["results"][1]["round_medians_ms"] == [1.0, 1.0, 5.25]
    plot(tmp_path / "bench-gpu.png", TIMINGS, "a title")
    assert (tmp_path / "bench-gpu.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_gpu_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_gpu", lambda: None)
    monkeypatch.setattr(command, "find_tensorrt", lambda: None)
    assert command.main([]) == command.MISSING
    assert "because this machine has no NVIDIA GPU and no TensorRT" in capsys.readouterr().out
