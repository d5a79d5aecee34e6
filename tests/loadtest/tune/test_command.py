"""`make tune` as a person runs it, on real servers of the small release."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtest.tune import measure
from loadtest.tune.__main__ import main
from loadtest.tune.candidates import make_space
from loadtest.tune.measure import candidate_settings
from serving.control import start
from serving.releases import current_release
from serving.state import ServerFiles, running_servers
from serving.tuned import FILE, Tuned, write_tuned
from settings import load_settings
from tests.loadtest.conftest import RELEASE, Workplace, command, read_until

QUICK = (
    "serving.instances=2", "tune.clients=4", "tune.seconds=1", "tune.finalists=1", "tune.rounds=1",
    "tune.max_p99_ms=100000", "tune.max_single_growth=100", "tune.joined_batch_sizes=[]",
    "tune.queue_delays_us=[]", "tune.token_budgets=[1024]",
)  # fmt: skip
# The default budget is slow, and one doesn't start: so it is known what has to be found.
PECULIAR = """

import json as _json
import time as _time

_initialize, _execute = TritonPythonModel.initialize, TritonPythonModel.execute


def _peculiar_initialize(self, args):
    self._budget = int(_json.loads(args["model_config"])["parameters"]["token_budget"]["string_value"])
    if self._budget == 2048:
        raise RuntimeError("no such budget here")
    _initialize(self, args)


def _peculiar_execute(self, requests):
    if self._budget == 512:
        _time.sleep(0.1)
    return _execute(self, requests)


TritonPythonModel.initialize, TritonPythonModel.execute = _peculiar_initialize, _peculiar_execute
"""


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any warm-up: no test is about how quick something is."""
    monkeypatch.setattr(measure, "WARM_UP_SECONDS", 0.1)


@pytest.fixture
def peculiar(workplace: Workplace) -> Workplace:
    """A place whose classifier is slow with the default budget, and doesn't start with one of 2048."""
    model = workplace.build / "releases" / RELEASE / "model_repository" / "classifier" / "1" / "model.py"
    text = model.read_text(encoding="utf-8")
    model.write_text(text + PECULIAR, encoding="utf-8")
    return workplace


def report(workplace: Workplace) -> dict[str, Any]:
    """What was written."""
    found: dict[str, Any] = json.loads((workplace.build / "reports" / "tune" / "tune.json").read_text())
    return found


def found_before(workplace: Workplace, **values: int) -> Path:
    """What an earlier tuning on this machine has left."""
    path = workplace.build / FILE
    release = current_release(workplace.build / "releases")
    write_tuned(path, Tuned.here(values, release, "2026-01-01T00:00:00Z"))
    return path


def test_the_winner_is_written_and_served_and_what_does_not_start_is_a_row(
    peculiar: Workplace, brief: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(peculiar.arguments(*QUICK, "tune.token_budgets=[2048, 1024]")) == 0, capsys.readouterr().err
    told = capsys.readouterr()
    assert "Out of the question: token_budget 2048. Triton did not start. The model classifier can't be" in told.out
    assert "no such budget here" in told.out and "All of its log" not in told.out
    assert "token_budget 1024: " in told.out and f"Written: {peculiar.build / FILE} (token_budget 1024)" in told.out
    assert "Not varied, as they are set to other values than their defaults: instances, threads" in told.err
    assert "left] default: " in told.err and "left] at the end, default: " in told.err
    written = yaml.safe_load((peculiar.build / FILE).read_text())
    assert written["serving"] == {"token_budget": 1024} and written["release"] == RELEASE
    found = report(peculiar)
    assert found["chosen"]["token_budget"] == 1024 and not found["stopped_early"]
    assert [one["stage"] for one in found["measurements"]] == ["first", "first", "first", "round", "round", "again"]
    assert {path.name for path in (peculiar.build / "reports" / "tune").iterdir()} == {
        "tune.json", "measurements.csv", "tune.png",
    }  # fmt: skip
    assert running_servers(peculiar.build) == [] and list((peculiar.build / "serving").iterdir()) == []
    state = start(load_settings(overrides=peculiar.pairs))
    assert state.tuned == {"token_budget": 1024}


def test_where_nothing_holds_the_limits_the_default_stays_and_an_earlier_file_is_removed(
    workplace: Workplace, brief: None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = found_before(workplace, token_budget=2048)
    assert main(workplace.arguments(*QUICK, "tune.max_p99_ms=0.001")) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "The default stays. " in told and f"{path}, of an earlier tuning, was removed." in told
    assert not path.exists() and report(workplace)["chosen"]["token_budget"] == 512
    # What was found before is tried first, whether the lists have it or not; the default is measured without it.
    assert [one["candidate"]["token_budget"] for one in report(workplace)["measurements"][:2]] == [512, 2048]


def test_a_candidate_is_served_without_what_was_found_before_and_beside_a_server_that_runs(
    workplace: Workplace,
) -> None:
    found_before(workplace, token_budget=1024)
    settings = load_settings(overrides=(*workplace.pairs, "serving.response_cache_mib=8"))
    release = current_release(workplace.build / "releases")
    own = candidate_settings(settings, make_space(settings.tune, settings.serving, release, 2).default)
    assert not own.serving.tuned and own.serving.response_cache_mib == 0 and own.serving.token_budget == 512
    assert ServerFiles.of(own).directory != ServerFiles.of(settings).directory


def test_ctrl_c_keeps_what_was_measured_chooses_nothing_and_leaves_no_server(workplace: Workplace) -> None:
    path = found_before(workplace, token_budget=2048)
    before = path.read_text()
    with command("loadtest.tune", workplace.arguments(*QUICK)) as process:
        read_until(process, "left] default: ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
    assert "Stopped before its end: what was measured is kept, and no settings were chosen." in err
    assert "Candidates: 1, measurements: 1." in out and path.read_text() == before
    found = report(workplace)
    assert found["stopped_early"] and found["chosen"] is None and found["verdict"] is None
    assert running_servers(workplace.build) == [] and list((workplace.build / "serving").iterdir()) == []


def test_ctrl_c_before_the_first_figure_leaves_nothing(workplace: Workplace) -> None:
    with command("loadtest.tune", workplace.arguments(*QUICK)) as process:
        read_until(process, "Default: ")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "Stopped; nothing was written." in err
    assert list(workplace.build.glob("reports/*")) == [] and running_servers(workplace.build) == []


def test_without_a_release_the_way_to_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", f"build_dir={tmp_path}"]) == 1
    assert "There is no release in" in (told := capsys.readouterr().err) and "make export" in told
