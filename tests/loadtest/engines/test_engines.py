"""The engine benchmark, as far as it goes without a GPU: PyTorch on the CPU is measured and reported for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.checkpoint import read_checkpoint
from export.gate import checkpoint_scorer
from loadtest.bench.measure import Load, Round, Series, Turn, measure
from loadtest.engines import __main__ as command
from loadtest.engines.contenders import WARM_UP_RUNS, Conditions, Contender, pytorch, without_failing
from loadtest.engines.report import plot, results, table
from tests.export.conftest import english_tokenizer, random_batch, write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint; nobody may change it."""
    folder = tmp_path_factory.mktemp("engines") / "checkpoint"
    write_checkpoint(folder, english_tokenizer(), steps=5)
    return folder


CPU = Conditions("cpu", 30, 1e-9)


def series(name: str, batch: int, *times: float) -> Series:
    """Rounds in which a batch of 16 tokens a text took so many milliseconds."""
    rounds = tuple(Round(1000 * batch / ms, ms, 2 * ms, 0.0, 0.0, 0, "", 0.0, 0.0) for ms in times)
    return Series(name, Load(batch, 16), rounds)


FOUND = [
    series("eager", 1, 2.0, 4.0, 3.0),
    series("plan", 1, 1.0, 1.0, 5.25),
    series("eager", 8, 4.0),
    series("plan", 8, 1.0),
]


def test_pytorch_answers_as_the_checkpoint_does(checkpoint: Path) -> None:
    ids, mask = random_batch([5, 12], 1000)
    contender = pytorch(read_checkpoint(checkpoint), CPU, torch.float32)
    found = contender.compute(torch.tensor(ids), torch.tensor(mask))
    np.testing.assert_allclose(found, checkpoint_scorer(read_checkpoint(checkpoint))(ids, mask), atol=1e-6)


def test_a_contender_is_named_by_its_precision_and_how_it_runs(checkpoint: Path) -> None:
    read = read_checkpoint(checkpoint)
    assert pytorch(read, CPU, torch.float16).name == "PyTorch float16, eager"
    assert pytorch(read, CPU, torch.float16, compiled=True).name == "PyTorch float16, compiled"


def test_a_contender_that_can_t_compute_is_left_out_with_its_reason() -> None:
    def broken(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no C compiler")

    good, lines = Contender("good", lambda ids, mask: ids, CPU), list[str]()
    assert without_failing([Contender("bad", broken, CPU), good], 16, lines.append) == [good]
    assert lines == ["bad is left out, as it can't compute: RuntimeError: no C compiler"]


def test_all_contenders_take_turns_on_a_shape_and_the_first_runs_are_not_counted() -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    def contender(name: str) -> Contender:
        def compute(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            assert mask.all() and int(ids.max()) < 30
            calls.append((name, tuple(ids.shape)))
            return ids

        return Contender(name, compute, CPU)

    found = measure([[Turn(contender(name), Load(4, 16)) for name in "ab"]], 3)
    assert [(one.name, len(one.rounds)) for one in found] == [("a", 3), ("b", 3)]
    assert calls[:: WARM_UP_RUNS + 1] == [(name, (4, 16)) for name in "abbaab"]
    assert len(calls) == 6 * (WARM_UP_RUNS + 1) and all(one.median("p50_ms") > 0 for one in found)


def test_the_table_has_medians_their_spread_and_the_ratio_to_the_reference() -> None:
    lines = [line.split() for line in table(FOUND, "eager")]
    assert lines[1] == ["16", "1", "eager", "3.000", "2.000–4.000", "6.000", "333", "1.00"]
    assert lines[2] == ["16", "1", "plan", "1.000", "1.000–5.250", "2.000", "1,000", "3.00"]
    assert lines[4][-2:] == ["8,000", "4.00"]


def test_what_is_written_has_every_round_and_the_plot_is_a_picture(tmp_path: Path) -> None:
    assert results(FOUND)[1]["round_medians_ms"] == [1.0, 1.0, 5.25]
    plot(tmp_path / "bench-gpu.png", FOUND, "a title")
    assert (tmp_path / "bench-gpu.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_gpu_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_gpu", lambda: None)
    monkeypatch.setattr(command, "find_tensorrt", lambda: None)
    assert command.main([]) == command.MISSING
    assert "because this machine has no NVIDIA GPU and no TensorRT" in capsys.readouterr().out
