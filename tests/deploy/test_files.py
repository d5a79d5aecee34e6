"""The Dockerfile, the compose file and the versions that several files repeat."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.container import STOP_GRACE_S
from deploy.contents import BINDINGS
from deploy.image import CONTENTS, NAME
from serving.preflight.engine import MIN_DRIVERS
from settings import ServingSettings

SOURCES = Path(__file__).parents[2]
DOCKERFILE = (SOURCES / "deploy" / "Dockerfile").read_text()
UNIT = SOURCES / "deploy" / "product-tagger.service"
COMPOSE = SOURCES / "deploy" / "compose.yaml"
CONSTRAINTS = (SOURCES / "constraints.txt").read_text()
PYPROJECT = (SOURCES / "pyproject.toml").read_text()
PAGE = (SOURCES / "docs" / "how-to" / "run-in-a-container.md").read_text()


def tool(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).parent / name)


def extra(name: str) -> str:
    """The text of one extra in pyproject.toml."""
    match = re.search(rf"^{name} = \[\n(.*?)^\]", PYPROJECT, re.M | re.S)
    assert match is not None
    return match.group(1)


def services() -> dict[str, Any]:
    """The compose file's services."""
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


def test_the_dockerfile_passes_its_linter() -> None:
    done = subprocess.run([tool("hadolint"), str(SOURCES / "deploy" / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_compose_file_keeps_to_the_specification() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_specification_s_schema_finds_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("shm_size: 1gb", "shm_sizes: 1gb"))
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(wrong)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "shm_sizes" in done.stdout


@pytest.mark.parametrize("profile", ["gpu", "cpu"])
def test_compose_itself_takes_the_file(profile: str) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("the docker client here has no compose")
    command = [docker, "compose", "--file", str(COMPOSE), "--profile", profile, "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "DOCKER_HOST": "unix:///none"})
    assert (done.returncode, done.stderr) == (0, "")


def test_only_the_service_for_gpus_asks_for_one() -> None:
    devices = services()["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
    assert "deploy" not in services()["cpu"]
    assert {name: service["profiles"] for name, service in services().items()} == {"gpu": ["gpu"], "cpu": ["cpu"]}


@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_a_service_is_offered_to_this_machine_only_unless_told(name: str) -> None:
    service = services()[name]
    assert all(port.startswith("${PRODUCT_TAGGER_ADDRESS:-127.0.0.1}:") for port in service["ports"])
    assert [port.rpartition(":")[2] for port in service["ports"]] == ["8000", "8001", "8002"]
    assert service["image"] == f"${{PRODUCT_TAGGER_IMAGE:-{NAME}}}" and service["user"] != "root"
    assert service["healthcheck"]["test"][-1] == "http://127.0.0.1:8000/v2/health/ready"


def test_the_image_runs_as_an_ordinary_user_and_tells_its_health() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["1000:1000"]
    assert re.search(r"^HEALTHCHECK .*\n.*/v2/health/ready", DOCKERFILE, re.M)
    assert re.findall(r"^ENV PRODUCT_TAGGER_HTTP_PORT=(.*)$", DOCKERFILE, re.M) == [str(ServingSettings().http_port)]


def test_the_triton_version_is_one_and_the_same_in_all_files() -> None:
    version = re.findall(r"^ARG TRITON_VERSION=(.*)$", DOCKERFILE, re.M)
    assert re.findall(r"^FROM (.*)$", DOCKERFILE, re.M) == ["nvcr.io/nvidia/tritonserver:${TRITON_VERSION}-py3"]
    assert NAME.endswith(f":triton-{version[0]}")
    assert f"tritonserver:{version[0]}-py3" in PAGE


def test_the_tensorrt_version_is_one_and_the_same_in_all_files() -> None:
    pinned = re.findall(rf"^{BINDINGS}==(.*)$", CONSTRAINTS, re.M)
    assert len(pinned) == 1 and f'"{BINDINGS}=={pinned[0]}"' in extra("container")
    libraries = pinned[0].rpartition(".")[0]
    assert f"TensorRT {libraries}," in DOCKERFILE and f"TensorRT {libraries}" in PAGE


def test_the_cuda_of_the_bindings_is_that_of_the_image_and_its_driver_is_known() -> None:
    match = re.search(r"CUDA (\d+),", DOCKERFILE)
    assert match is not None and f"tensorrt-cu{match.group(1)}-bindings" == BINDINGS
    assert int(match.group(1)) in MIN_DRIVERS


def test_the_image_installs_the_pinned_versions_and_no_second_server() -> None:
    assert DOCKERFILE.count("--constraint constraints.txt") == 2 and "'.[container]'" in DOCKERFILE
    for name in ("container", "bench", "export", "train", "serve", "catalog"):
        assert "pytriton" not in extra(name) and "bundled-server" not in extra(name)
    assert "nvidia-pytriton" in extra("bundled-server") and "bundled-server" in extra("dev")
    torch = importlib.metadata.version("torch").partition("+")[0]
    assert f'"torch=={torch}"' in extra("train") and f"torch=={torch}\n" in CONSTRAINTS


def test_the_image_gets_every_package_and_nothing_that_was_made() -> None:
    allowed = re.findall(r"^!(.*)$", (SOURCES / ".dockerignore").read_text(), re.M)
    assert tuple(allowed) == CONTENTS
    packages = {path.parent.name for path in SOURCES.glob("*/__init__.py")} - {"tests"}
    assert packages | {"client", "model_repository"} == {name for name in CONTENTS if (SOURCES / name).is_dir()}
    assert "build" not in allowed and ".venv" not in allowed


def unit() -> dict[str, list[str]]:
    """The settings of the systemd unit; a name may stand there several times."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_the_service_runs_the_same_command_as_the_container() -> None:
    (command,) = unit()["ExecStart"]
    assert command.partition("/bin/")[2] == "python -m serving run"
    assert "python -m serving run" in " ".join(services()["cpu"]["command"])
    assert 'CMD ["python", "-m", "serving", "run"' in DOCKERFILE


def test_the_service_has_the_time_that_an_orderly_end_takes() -> None:
    (seconds,) = unit()["TimeoutStopSec"]
    assert int(seconds) >= ServingSettings().stop_timeout_s + STOP_GRACE_S
    assert unit()["KillMode"] == ["mixed"], "only the supervising process is told to stop"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_mistake_in_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/srv/product-tagger/.venv/bin/python", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    assert UNIT.name not in done.stderr, done.stderr
