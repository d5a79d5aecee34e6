"""The releases on disk: found by id, verified, published and removed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from serving.__main__ import main
from serving.errors import ServingError
from serving.releases import (
    Release,
    current_release,
    find_release,
    finish_interrupted,
    list_releases,
    prune_releases,
    publish_release,
    read_release,
    staged_release,
    switch_current,
    write_manifest,
)
from serving.repository import render_repository
from settings import ServingSettings
from tests.small_release import build_release, make_current

FIRST, SECOND, THIRD = (f"2026010{day}T000000Z-cpu-aaaaaaaa" for day in (1, 2, 3))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One release, which nobody may change."""
    return build_release(tmp_path_factory.mktemp("template"), FIRST)


@pytest.fixture
def releases(template: Path, tmp_path: Path) -> Path:
    """Two releases, the second of them current."""
    directory = tmp_path / "build" / "releases"
    for name in (FIRST, SECOND):
        shutil.copytree(template, directory / name)
    make_current(directory, SECOND)
    return directory


@pytest.fixture
def release(releases: Path) -> Release:
    """The current one."""
    return current_release(releases)


def test_a_release_is_found_by_its_id_or_an_unambiguous_beginning(releases: Path) -> None:
    assert find_release(releases, FIRST).id == find_release(releases, FIRST[:8]).id == FIRST
    with pytest.raises(ServingError, match=f"'2026' begins several ids: {FIRST}, {SECOND}"):
        find_release(releases, "2026")


@pytest.mark.parametrize("name", ["", ".", "..", "../releases", "../../x", ".release.new", "current", "/tmp", "x"])
def test_what_is_no_id_is_refused_with_the_ids_there_are(
    releases: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (releases / ".release.new").mkdir()
    shutil.copytree(releases / FIRST, releases.parents[1] / "x")
    for command in ("use", "rollback"):
        assert main([command, "--set", f"build_dir={releases.parent}", name]) == 1
        sentence = f"There is no release {name!r} in {releases}; there is: {FIRST}, {SECOND}."
        assert sentence in capsys.readouterr().err
    assert current_release(releases).id == SECOND


def test_a_release_is_as_it_was_made_until_a_file_is_changed_added_or_removed(release: Release) -> None:
    release.verify()
    classifier = release.repository / "classifier" / "1"
    (classifier / "labeling.py").unlink()
    (classifier / "model.py").write_text("")
    (classifier / "numpy.py").write_text("")
    assert release.differences() == [
        "classifier/1/labeling.py is missing", "classifier/1/model.py was changed", "classifier/1/numpy.py was added",
    ]  # fmt: skip
    with pytest.raises(ServingError, match=r"labeling\.py is missing, .*Make a new one \(`make export FORCE=1`\)"):
        release.verify()


def test_a_manifest_without_the_files_digests_is_not_trusted(release: Release) -> None:
    manifest = {key: value for key, value in release.manifest.items() if key != "content"}
    (release.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ServingError, match="the manifest does not say what files it was made with"):
        read_release(release.path).verify()


def test_only_verified_files_are_put_before_the_server(release: Release, tmp_path: Path) -> None:
    hidden = release.repository / ".hidden"
    shutil.copytree(release.repository / "classifier", hidden)
    (release.repository / "classifier" / "1" / "__pycache__").mkdir()
    (release.repository / "classifier" / "1" / "__pycache__" / "session.cpython-311.pyc").write_bytes(b"")
    render_repository(release, ServingSettings(), tmp_path / "served")
    assert {path.name for path in (tmp_path / "served").iterdir()} == {"classifier", "product_scores", "product_tagger"}
    assert not list((tmp_path / "served").rglob("*.pyc"))


def test_a_changed_release_is_not_put_before_the_server(release: Release, tmp_path: Path) -> None:
    (release.repository / "classifier" / "1" / "model.py").write_text("")
    with pytest.raises(ServingError, match=r"classifier/1/model\.py was changed"):
        render_repository(release, ServingSettings(), tmp_path / "served")
    assert not (tmp_path / "served").exists()


def publish(releases: Path) -> Release:
    with staged_release(releases) as staging:
        shutil.copytree(releases / FIRST / "model_repository", staging / "model_repository")
        return publish_release(releases, staging, "cpu", {"metrics": {"category_accuracy": 0.5}})


def test_a_published_release_is_complete_current_and_newest(releases: Path) -> None:
    made = publish(releases)
    made.verify()
    assert current_release(releases) == made == list_releases(releases)[-1]
    assert made.metrics == {"category_accuracy": 0.5} and made.target == "cpu"
    assert re.fullmatch(r"\d{8}T\d{6}Z-cpu-[0-9a-f]{8}", made.id)
    assert publish(releases).id > made.id, "the same content, maybe within the same second"


def test_a_release_that_is_not_published_leaves_nothing(releases: Path) -> None:
    before = sorted(releases.iterdir())
    with pytest.raises(ZeroDivisionError), staged_release(releases) as staging:
        (staging / "model_repository").mkdir()
        raise ZeroDivisionError
    assert sorted(releases.iterdir()) == before


def test_what_a_kill_left_is_finished_or_removed(releases: Path) -> None:
    (releases / f".{THIRD}.new").mkdir()  # while it was removed
    (releases / ".release.new").mkdir()  # while it was made
    (releases / ".switching").write_text(FIRST)  # between its place and `current`
    finish_interrupted(releases)
    assert current_release(releases).id == FIRST
    assert sorted(path.name for path in releases.iterdir()) == [FIRST, SECOND, "current"]


def test_old_releases_are_removed_but_not_the_current_and_not_a_served_one(releases: Path) -> None:
    for day in range(3, 7):
        copy = releases / f"2026010{day}T000000Z-cpu-aaaaaaaa"
        shutil.copytree(releases / FIRST, copy)
        write_manifest(copy, {"id": copy.name, "target": "cpu"})
    served = releases.parent / "serving" / "8000"
    served.mkdir(parents=True)
    (served / "state.json").write_text(json.dumps({"release": SECOND}))
    switch_current(releases, THIRD)
    assert prune_releases(releases, keep=2) == [FIRST, "20260104T000000Z-cpu-aaaaaaaa"]
    assert [release.id[:8] for release in list_releases(releases)] == ["20260102", "20260103", "20260105", "20260106"]
