"""What docker is asked to run, and what of it comes back."""

from __future__ import annotations

import itertools
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.image import CHECKOUT, commit, source_digest
from serving.processes import wait_until
from tests.deploy.conftest import Machine

IMAGE = "product-tagger:triton-26.08"


def after(record: list[str], option: str) -> list[str]:
    """The values of an option that may be repeated."""
    return [value for name, value in itertools.pairwise(record) if name == option]


def test_the_export_runs_in_the_container_with_the_build_directory_and_the_configuration(machine: Machine) -> None:
    (machine.root / "tagger.yaml").write_text("catalog:\n  path: /nowhere/shop.csv\n")
    machine.settings.append("export.keep_releases=2")
    done = machine.with_gpu().with_docker().deploy("export", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    record = machine.record
    options, command = record[: record.index(IMAGE)], record[record.index(IMAGE) + 1 :]
    assert options[:5] == ["run", "--rm", "--init", "--gpus", "all"]
    assert after(options, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert after(options, "--shm-size") == ["1g"]
    assert after(options, "--mount") == [
        f"type=bind,source={machine.root}/build,target=/workspace/build",
        f"type=bind,source={machine.root}/tagger.yaml,target=/workspace/tagger.yaml,readonly",
    ]
    assert after(options, "--env") == [f"PRODUCT_TAGGER_IMAGE={IMAGE}"]
    assert "--no-healthcheck" in options and "--publish" not in options and "--tty" not in options
    assert command == [
        "python", "-m", "export", "--target", "gpu", "--force", "--config", "/workspace/tagger.yaml",
        "--set", "export.keep_releases=2", "--set", "build_dir=/workspace/build",
    ]  # fmt: skip
    assert (machine.root / "build").is_dir(), "made by the user, not by docker for root"


def test_the_benchmark_runs_in_the_container_too(machine: Machine) -> None:
    assert machine.with_gpu().with_docker().deploy("bench", "--batches", "1", "8").returncode == 0
    command = machine.record[machine.record.index(IMAGE) + 1 :]
    assert command == ["python", "-m", "loadtest.engines", "--batches", "1", "8", "--set", "build_dir=/workspace/build"]


def test_the_server_s_ports_are_offered_to_this_machine_only(machine: Machine) -> None:
    machine.with_gpu().with_docker().with_release()
    assert machine.deploy("serve").returncode == 0
    ports = [one.partition("=")[2] for one in machine.settings]
    assert after(machine.record, "--publish") == [f"127.0.0.1:{port}:{port}" for port in ports]
    assert f"PRODUCT_TAGGER_HTTP_PORT={ports[0]}" in after(machine.record, "--env")
    assert after(machine.record, "--stop-timeout") == ["45"]
    command = machine.record[machine.record.index(IMAGE) + 1 :]
    assert command[:4] == ["python", "-m", "serving", "run"]
    assert command[-2:] == ["--set", "serving.address=0.0.0.0"], "the last one wins, in the container"


def test_the_server_s_ports_are_offered_where_the_settings_say(machine: Machine) -> None:
    machine.with_gpu().with_docker().with_release().settings.append("serving.address=0.0.0.0")
    assert machine.deploy("serve").returncode == 0
    assert all(port.startswith("0.0.0.0:") for port in after(machine.record, "--publish"))


def test_another_build_directory_configuration_and_image_are_used(machine: Machine) -> None:
    (machine.root / "shop.yaml").write_text("{}\n")
    machine.settings.append("build_dir=other,place")
    machine.with_gpu().with_docker().deploy("export", "--config", "shop.yaml", "--image", "mine:1")
    assert after(machine.record, "--mount") == [
        f'type=bind,"source={machine.root}/other,place",target=/workspace/build',
        f"type=bind,source={machine.root}/shop.yaml,target=/workspace/tagger.yaml,readonly",
    ]
    assert "mine:1" in machine.record and "PRODUCT_TAGGER_IMAGE=mine:1" in machine.record
    assert after(machine.record, "--set")[-1] == "build_dir=/workspace/build"


def test_gpus_that_docker_knows_as_devices_are_named_as_such(machine: Machine) -> None:
    devices = [{"Source": "cdi", "ID": "nvidia.com/gpu=all"}]
    machine.with_gpu().with_docker({"Runtimes": {"runc": {}}, "DiscoveredDevices": devices}).deploy("export")
    assert after(machine.record, "--device") == ["nvidia.com/gpu=all"] and "--gpus" not in machine.record


@pytest.mark.parametrize("status", [0, 3, 125])
def test_the_exit_status_is_the_container_s(machine: Machine, status: int) -> None:
    assert machine.with_gpu().with_docker(run=f"exit {status}").deploy("export").returncode == status


def test_ctrl_c_reaches_the_container(machine: Machine) -> None:
    waits = f"trap 'exit 42' INT; : >'{machine.root}/waits'; while :; do sleep 0.05; done"
    machine.with_gpu().with_docker(run=waits)
    with subprocess.Popen(machine.command("export"), env=machine.environment(), cwd=machine.root) as process:
        try:
            assert wait_until((machine.root / "waits").exists, 30)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 42
        finally:
            process.kill()


def test_a_person_at_a_terminal_gets_one_in_the_container(machine: Machine) -> None:
    machine.with_gpu().with_docker()
    ours, theirs = pty.openpty()
    try:
        environment = machine.environment()
        done = subprocess.run(
            machine.command("export"), env=environment, cwd=machine.root, stdin=theirs, stdout=theirs, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0 and machine.record[3:5] == ["--interactive", "--tty"]


def test_an_image_of_other_sources_is_used_and_told(machine: Machine) -> None:
    done = machine.with_gpu().with_docker(labels={}).deploy("export")
    assert done.returncode == 0 and "renew it with `make image`" in done.stderr and machine.record


def test_the_image_is_built_from_this_checkout(machine: Machine) -> None:
    assert machine.with_docker().deploy("image").returncode == 0
    record = machine.record
    assert record[0] == "build" and record[-1] == str(CHECKOUT)
    assert after(record, "--file") == [str(CHECKOUT / "deploy" / "Dockerfile")] and after(record, "--tag") == [IMAGE]
    *arguments, told = after(record, "--build-arg")
    assert arguments == [f"IMAGE={IMAGE}", f"SOURCE_DIGEST={source_digest()}"] and told.startswith("COMMIT=")


def test_the_commit_is_told_with_what_was_changed_since(tmp_path: Path) -> None:
    def git(*command: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    assert commit(tmp_path) == ""
    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message", "one")
    head = git("rev-parse", "HEAD").strip()
    assert commit(tmp_path) == head
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{head}-dirty"


def test_the_sources_digest_changes_with_the_code_and_not_with_what_it_leaves_behind(tmp_path: Path) -> None:
    code = tmp_path / "serving" / "code.py"
    code.parent.mkdir()
    code.write_text("one")
    before = source_digest(tmp_path)
    (tmp_path / "serving" / "__pycache__").mkdir()
    (tmp_path / "serving" / "__pycache__" / "code.pyc").write_text("compiled")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "model.onnx").write_text("weights")
    assert source_digest(tmp_path) == before
    code.write_text("two")
    assert source_digest(tmp_path) != before
