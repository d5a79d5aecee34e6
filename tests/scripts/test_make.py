"""make hands on what a person says, and `make clean` removes only what the project has made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.clean import NotOurs, check_made_here
from serving.control import start, stop
from serving.state import running_servers
from serving.temporary import free_ports
from settings import load_settings
from tests.small_release import build_release, make_current

ROOT = Path(__file__).parents[2]
RELEASE = "20260101T000000Z-cpu-aaaaaaaa"


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the project's Makefile in a folder that isn't the checkout, with the packages of this environment."""
    venv = folder / "venv"
    if not venv.exists():
        for name in ("pyproject.toml", "constraints.txt", "scripts/setup.sh"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
        venv.mkdir()
        for entry in Path(sys.prefix).iterdir():
            if entry.name != ".complete":
                (venv / entry.name).symlink_to(entry)
        (venv / ".complete").touch()
    command = ["make", "-f", str(ROOT / "Makefile"), "VENV=venv", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'client'}"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build directory as a prepared catalogue and an interrupted run leave it."""
    made = tmp_path / "my build"
    (made / "catalog").mkdir(parents=True)
    (made / ".catalog.new").mkdir()
    for name in (".catalog.lock", ".fine-tuned.lock", "catalog-rejects.jsonl"):
        (made / name).touch()
    (made / "fine-tuned").mkdir()
    return made


def test_settings_of_make_may_have_spaces_quotes_and_dollars(tmp_path: Path) -> None:
    done = make(tmp_path, "status", "SET=catalog.columns={titel: Children's $Name} serving.http_port=9000")
    assert "`catalog.columns` is {'titel': \"Children's $Name\"}: 'titel' is not a product field" in done.stderr
    (port,) = free_ports(1)
    done = make(tmp_path, "status", f"SET=catalog.columns={{title: Product Name}} serving.http_port={port}")
    assert f"No server with HTTP port {port} runs." in done.stdout


def test_tag_asks_the_server_of_the_settings(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    assert f"127.0.0.1:{port}" in make(tmp_path, "tag", f"SET=serving.grpc_port={port}").stderr
    config = tmp_path / "my shop.yaml"
    config.write_text(f"serving: {{grpc_port: {port}, address: 0.0.0.0}}", encoding="utf-8")
    assert f"127.0.0.1:{port}" in make(tmp_path, "tag", f"CONFIG={config}").stderr


def test_a_missing_checkpoint_is_looked_for_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "checkpoint").mkdir(parents=True)
    (tmp_path / "elsewhere" / "checkpoint" / "config.json").touch()
    config = tmp_path / "shop.yaml"
    config.write_text("{build_dir: elsewhere, catalog: {path: none}}", encoding="utf-8")
    assert "there is no catalogue" not in make(tmp_path, "export", f"CONFIG={config}").stderr
    assert "there is no catalogue" in make(tmp_path, "export", f"CONFIG={config}", "BUILD=another").stderr


@pytest.mark.parametrize("how", ["BUILD", "CONFIG", "SET"])
def test_clean_removes_the_build_directory_that_is_named(how: str, build: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(f"build_dir: {build}", encoding="utf-8")
    (tmp_path / "build").mkdir()
    named = {"BUILD": f"BUILD={build}", "CONFIG": "CONFIG=shop.yaml", "SET": f"SET=build_dir={build}"}
    done = make(tmp_path, "clean", named[how])
    assert done.returncode == 0, done.stderr
    assert not build.exists() and (tmp_path / "build").exists()
    assert make(tmp_path, "clean", named[how]).returncode == 0


def test_clean_refuses_what_the_project_did_not_make(build: Path, tmp_path: Path) -> None:
    (build / "products.xlsx").touch()
    done = make(tmp_path, "clean", f"BUILD={build}")
    assert done.returncode != 0 and "it holds products.xlsx, which this project did not make" in done.stderr
    assert (build / "catalog").is_dir()
    (tmp_path / "other" / "catalog").mkdir(parents=True)
    assert "it holds catalog, which this project did not" in make(tmp_path, "clean", "BUILD=other").stderr


@pytest.mark.parametrize(
    "place", [Path("/"), Path.home(), Path.cwd(), ROOT, ROOT.parent, ROOT / "export", ROOT / "Makefile"]
)
def test_what_holds_people_s_files_is_no_build_directory(place: Path) -> None:
    with pytest.raises(NotOurs, match="not removed"):
        check_made_here(place)


def test_clean_stops_the_servers_of_the_build_directory_and_keeps_a_link_to_another_disk(tmp_path: Path) -> None:
    build = tmp_path / "disk"
    build_release(build / "releases", RELEASE)
    make_current(build / "releases", RELEASE)
    (tmp_path / "build").symlink_to(build)
    names = ("http_port", "grpc_port", "metrics_port")
    pairs = [f"serving.{name}={port}" for name, port in zip(names, free_ports(3), strict=True)]
    settings = load_settings(None, [f"build_dir={build}", *pairs])
    try:
        start(settings)
        done = make(tmp_path, "clean")
        assert done.returncode == 0, done.stderr
        assert not running_servers(build) and not list(build.iterdir())
    finally:
        stop(settings)
