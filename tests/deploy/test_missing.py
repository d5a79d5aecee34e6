"""What a machine lacks is told in one sentence with its mend, and nothing is started."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Machine


def said(machine: Machine, *arguments: str) -> str:
    """The one sentence with which a command fails."""
    done = machine.deploy(*arguments)
    assert done.returncode == 1 and done.stdout == "" and machine.record == []
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_without_a_gpu_that_is_said_first(machine: Machine) -> None:
    assert "error: There is no NVIDIA GPU here, or no driver for it" in said(machine.with_docker(), "serve")


def test_a_driver_that_does_not_answer_is_quoted(machine: Machine) -> None:
    machine.programs["nvidia-smi"] = "echo 'NVIDIA-SMI has failed.'; exit 9"
    assert "nvidia-smi says: NVIDIA-SMI has failed. Install or reload the driver" in said(machine, "serve")


@pytest.mark.parametrize("command", ["serve", "image"])
def test_without_docker_the_page_that_installs_it_is_named(machine: Machine, command: str) -> None:
    assert "Docker is not installed (there is no command docker): install it, https://docs.docker.com" in said(
        machine.with_gpu(), command
    )


@pytest.mark.parametrize("command", ["serve", "image"])
def test_an_engine_that_does_not_answer_is_to_be_started(machine: Machine, command: str) -> None:
    machine.with_gpu().programs["docker"] = "echo 'Cannot connect to the Docker daemon.' >&2; exit 1"
    sentence = said(machine, command)
    assert "does not answer (Cannot connect to the Docker daemon): start it, with `sudo systemctl start" in sentence


def test_a_user_who_may_not_use_docker_is_told_how_to_get_the_right(machine: Machine) -> None:
    machine.with_gpu().programs["docker"] = "echo 'permission denied while trying to connect' >&2; exit 1"
    assert "`sudo usermod -aG docker $USER`" in said(machine, "serve")


def test_docker_without_nvidia_s_runtime_is_told_with_the_toolkit(machine: Machine) -> None:
    sentence = said(machine.with_gpu().with_docker({"Runtimes": {"runc": {}}}), "serve")
    assert "install the NVIDIA Container Toolkit (https://docs.nvidia.com/" in sentence
    assert "`sudo nvidia-ctk runtime configure --runtime=docker" in sentence


@pytest.mark.parametrize("command", ["serve", "export", "bench"])
def test_without_the_image_the_command_that_builds_it_is_named(machine: Machine, command: str) -> None:
    machine.with_gpu().with_docker()
    machine.programs["docker"] = machine.programs["docker"].replace("image) echo", "image) exit 1; echo")
    assert "There is no image product-tagger:triton-26.08 on this machine: build it with `make image`." in said(
        machine, command
    )


def test_serving_needs_a_release(machine: Machine) -> None:
    assert "There is no release in" in said(machine.with_gpu().with_docker(), "serve")


def test_a_release_for_processors_is_not_served_on_the_gpu(machine: Machine) -> None:
    machine.with_gpu().with_docker().with_release("cpu")
    assert "is for TARGET=cpu: make one with `make export TARGET=gpu`" in said(machine, "serve")


def test_without_keys_the_server_in_a_container_is_not_started(machine: Machine) -> None:
    machine.with_gpu().with_docker().with_release()
    (machine.root / "build" / "keys.json").unlink()
    assert "Make one with `python -m gateway keys add NAME --set gateway.keys_file=build/keys.json`" in said(
        machine, "serve"
    )
    machine.settings.append("gateway.enabled=false")
    assert machine.deploy("serve").returncode == 0


def test_a_wrong_setting_is_told_before_anything_runs(machine: Machine) -> None:
    assert "unknown key `serving.http_prt`" in said(
        machine.with_gpu().with_docker(), "serve", "--set", "serving.http_prt=1"
    )


@pytest.mark.parametrize("given", [[], ["--force"]])
def test_the_export_goes_on_without_the_container_after_one_line_that_says_why(
    machine: Machine, given: list[str]
) -> None:
    # It then fails for want of a checkpoint, or of TensorRT: what matters is that it is the export that says so.
    done = machine.deploy("export", *given)
    first, *rest = done.stderr.splitlines()
    assert first.startswith("Without the container, on this machine as it is: There is no NVIDIA GPU here")
    assert rest and done.returncode not in (0, 2)


def test_a_build_directory_that_can_not_be_made_is_told(machine: Machine) -> None:
    (machine.root / "build").touch()
    assert "build can't be used: File exists. Check the path" in said(machine.with_gpu().with_docker(), "export")
