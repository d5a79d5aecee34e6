"""What a release says of the code it was made with."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.commit import COMMIT_VARIABLE, git_state


@pytest.mark.parametrize(("told", "dirty"), [("0123abc", False), ("0123abc-dirty", True)])
def test_code_without_its_history_is_told_its_commit(monkeypatch: pytest.MonkeyPatch, told: str, dirty: bool) -> None:
    monkeypatch.setenv(COMMIT_VARIABLE, told)
    assert git_state() == {"commit": "0123abc", "dirty": dirty}


def test_code_without_any_history_has_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(COMMIT_VARIABLE, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == {"commit": None, "dirty": None}
