"""A release for GPUs on a machine that is played: what preflight says, and the configuration it is served with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from serving.__main__ import main
from serving.control import start
from serving.errors import ServingError
from serving.logs import failure_cause, is_serious, readable
from serving.preflight import Finding, examine
from serving.releases import current_release, write_manifest
from serving.repository import CONFIG, is_gpu_repository, plan_processes, read_config, render_repository
from settings import ServingSettings, Settings
from tests.serving.conftest import Place
from tests.serving.official import make_official
from tests.small_release import SOURCES, build_release, make_current

RELEASE = "20260101T000000Z-gpu-aaaaaaaa"
MEBIBYTE = 1 << 20
ENGINE: dict[str, Any] = {
    "name": "TensorRT FP16",
    "file": "model.plan",
    "bytes": 60 * MEBIBYTE,
    "tensorrt": "11.2.1.2",
    "cuda": "13.0",
    "gpu": "NVIDIA A10",
    "compute_capability": "8.6",
    "driver": "580.95",
    "max_batch_size": 64,
    "profiles": [
        {"length": length, "min_batch": 1, "opt_batch": 16, "max_batch": 64, "device_memory_bytes": length * MEBIBYTE}
        for length in (16, 32)
    ],
    "image": None,
}


class GpuMachine:
    """The official image on a machine with these GPUs, and a current release for them."""

    def __init__(self, root: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.place, self._patch = root, place, monkeypatch
        make_official(root / "tritonserver", root / "libraries", "11.2.1")
        monkeypatch.setattr("serving.triton.OFFICIAL", root / "tritonserver")
        monkeypatch.setenv("LD_LIBRARY_PATH", str(root / "libraries"))
        monkeypatch.setenv("PATH", str(root / "bin"), prepend=":")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        (root / "bin").mkdir()
        self.gpus("NVIDIA A10, 8.6, 580.95.05, 23028, 22500")
        self.release()

    def gpus(self, *rows: str) -> None:
        """What nvidia-smi lists; `$*` are its arguments."""
        program = self.root / "bin" / "nvidia-smi"
        lines = "\n".join(f"echo '{row}'" for row in rows)
        program.write_text(f"#!/bin/sh\necho \"$*\" >'{self.root}/asked'\n{lines}\n")
        program.chmod(0o755)

    def release(self, **engine: Any) -> Path:
        """The release, with these engine facts in place of the usual ones."""
        path = self.place.releases / RELEASE
        if not path.exists():
            build_release(self.place.releases, RELEASE, length_buckets=(8, 16))
            classifier = path / "model_repository" / "classifier"
            config = text_format.Parse(
                (SOURCES / "model_repository/classifier/configs/tensorrt.pbtxt").read_text(),
                model_config_pb2.ModelConfig(),
            )
            config.instance_group[0].profile[:] = ["0", "1"]
            for size in (1, 4, 8):
                graph = config.optimization.cuda.graph_spec.add(batch_size=size)
                graph.input["input_ids"].dim[:] = [16]
            (classifier / CONFIG).write_text(text_format.MessageToString(config))
            (classifier / "1" / "model.plan").write_bytes(b"plan")
            make_current(self.place.releases, RELEASE)
        facts = {key: value for key, value in {**ENGINE, **engine}.items() if value != "absent"}
        write_manifest(path, {"id": RELEASE, "target": "gpu", "engine": facts})
        return path

    def examine(self, **serving: Any) -> dict[str, Finding]:
        """The findings by check; of two with one name the last."""
        values = {**self.place.settings.serving.model_dump(), "instances": "auto", **serving}
        settings = Settings(build_dir=self.place.settings.build_dir, serving=ServingSettings.model_validate(values))
        return {finding.check: finding for finding in examine(settings)}

    def problem(self, check: str, **serving: Any) -> str:
        """The sentence of the one problem there is."""
        findings = self.examine(**serving)
        assert [name for name, finding in findings.items() if finding.outcome == "problem"] == [check]
        return findings[check].told


@pytest.fixture
def machine(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> GpuMachine:
    """The machine the release was made on."""
    return GpuMachine(tmp_path, place, monkeypatch)


def test_on_the_machine_it_was_made_on_all_is_in_order(machine: GpuMachine) -> None:
    findings = machine.examine()
    assert {name: finding.outcome for name, finding in findings.items()} == dict.fromkeys(
        [
            *("server", "release", "TensorRT", "batch", "GPU", "driver", "GPU memory"),
            *("access", "ports", "shared memory", "disk"),
        ],
        "ok",
    )
    assert findings["TensorRT"].told == "11.2.1, as the plan was built with"
    # The plan, two instances with two execution contexts of the larger profile's size, and CUDA itself.
    assert findings["GPU memory"].told == "22,500 MiB free on NVIDIA A10; about 688 MiB needed"


@pytest.mark.parametrize("model", ["tokenizer", "labeler"])
def test_a_release_without_a_step_around_the_plan_is_not_complete(machine: GpuMachine, model: str) -> None:
    (machine.release() / "model_repository" / model / CONFIG).unlink()
    assert f"is not as it was made: {model}/config.pbtxt is missing" in machine.problem("release")


def test_another_tensorrt_is_told_with_both_versions(machine: GpuMachine) -> None:
    for old in (machine.root / "libraries").iterdir():
        old.unlink()
    (machine.root / "libraries" / "libnvinfer.so.10.16.1").touch()
    (machine.root / "libraries" / "libnvinfer.so.10").symlink_to("libnvinfer.so.10.16.1")
    backend = machine.root / "tritonserver/backends/tensorrt/libtriton_tensorrt.so"
    backend.write_bytes(b"\x7fELF\0libnvinfer.so.10\0")
    assert machine.problem("TensorRT") == (
        f"The release {RELEASE} was built with TensorRT 11.2.1.2 for NVIDIA A10 (compute capability 8.6); this server "
        "has TensorRT 10.16.1: run `make export TARGET=gpu` in the image that serves it."
    )


def test_a_tensorrt_that_is_not_found_is_worth_a_note(machine: GpuMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    finding = machine.examine()["TensorRT"]
    assert finding.outcome == "note" and "was not found (libnvinfer.so)" in finding.told


def test_another_architecture_is_told_with_both_gpus(machine: GpuMachine) -> None:
    machine.gpus("NVIDIA H100 80GB HBM3, 9.0, 580.95.05, 81559, 81000")
    told = machine.problem("GPU")
    assert "for NVIDIA A10 (compute capability 8.6); this server has NVIDIA H100 80GB HBM3" in told
    assert told.endswith("(compute capability 9.0): run `make export TARGET=gpu` in the image that serves it.")


def test_one_of_several_gpus_that_does_not_fit_is_told(machine: GpuMachine) -> None:
    machine.gpus("NVIDIA A10, 8.6, 580.95, 23028, 22500", "Tesla T4, 7.5, 580.95, 15360, 15000")
    assert "this server has Tesla T4" in machine.problem("GPU") and "CUDA_VISIBLE_DEVICES" in machine.problem("GPU")


def test_only_the_gpus_that_the_server_may_see_are_looked_at(
    machine: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    machine.examine()
    assert (machine.root / "asked").read_text().startswith("--id=1 --query-gpu=name,compute_cap,driver_version,")


def test_another_gpu_of_the_same_architecture_is_worth_a_note(machine: GpuMachine) -> None:
    machine.gpus("NVIDIA RTX A4000, 8.6, 580.95, 16376, 16000")
    finding = machine.examine()["GPU"]
    assert finding.outcome == "note" and "built on NVIDIA A10 and runs on NVIDIA RTX A4000 too" in finding.told


@pytest.mark.parametrize(("cuda", "driver", "needed"), [("13.0", "570.124.06", 580), ("12.9", "470.82", 525)])
def test_a_driver_too_old_for_the_cuda_is_told(machine: GpuMachine, cuda: str, driver: str, needed: int) -> None:
    machine.release(cuda=cuda)
    machine.gpus(f"NVIDIA A10, 8.6, {driver}, 23028, 22500")
    told = machine.problem("driver")
    assert f"The driver {driver} is too old" in told and f"CUDA {cuda} and so driver {needed} or newer" in told


def test_an_older_driver_will_do_where_the_image_s_library_stands_in(
    machine: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.root / "compat" / "lib").mkdir(parents=True)
    (machine.root / "compat" / "lib" / "libcuda.so.1").touch()
    monkeypatch.setenv("_CUDA_COMPAT_PATH", str(machine.root / "compat"))
    machine.gpus("NVIDIA A10, 8.6, 535.183, 23028, 22500")
    assert machine.examine()["driver"].outcome == "note"


def test_too_little_gpu_memory_is_told_with_what_is_needed(machine: GpuMachine) -> None:
    machine.gpus("NVIDIA A10, 8.6, 580.95, 23028, 700")
    assert machine.examine()["GPU memory"].outcome == "ok"
    told = machine.problem("GPU memory", instances=4)
    assert "has 700 MiB of memory free" in told and "needs about 816 MiB (4 instances)" in told


def test_a_slice_of_a_gpu_does_not_tell_its_memory(machine: GpuMachine) -> None:
    machine.gpus("NVIDIA A10, 8.6, 580.95, [N/A], [N/A]")
    assert machine.examine()["GPU memory"].outcome == "note"


def test_batches_beyond_the_plan_s_are_told(machine: GpuMachine) -> None:
    told = machine.problem("batch", max_batch_size=128)
    assert "serving.max_batch_size is 128, and the plan of the release" in told and "set it to 64 or less" in told


def test_a_manifest_that_says_little_is_served_all_the_same(machine: GpuMachine) -> None:
    machine.release(**dict.fromkeys(ENGINE, "absent"))
    assert {finding.outcome for finding in machine.examine().values()} == {"ok", "note"}


def test_without_a_gpu_that_is_told_beside_what_else_is_wrong(machine: GpuMachine) -> None:
    program = machine.root / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'No devices were found'; exit 6\n")
    assert "nvidia-smi says: No devices were found. Install or reload" in machine.problem("GPU")


def test_a_server_without_the_tensorrt_backend_is_told(machine: GpuMachine) -> None:
    (machine.root / "tritonserver/backends/tensorrt/libtriton_tensorrt.so").unlink()
    assert "has no TensorRT backend" in machine.problem("release")


def test_the_bundled_server_refuses_it_in_one_sentence(machine: GpuMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.triton.OFFICIAL", machine.root / "nothing")
    told = machine.problem("release")
    assert "in the project's container only" in told and "`make serve TARGET=gpu`" in told
    with pytest.raises(ServingError, match="in the project's container only"):
        start(machine.place.settings)


def test_preflight_prints_every_check_and_its_exit_status_tells_of_problems(
    machine: GpuMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    serving = machine.place.settings.serving
    options = ["--set", f"build_dir={machine.place.settings.build_dir}"]
    for name in ("http_port", "grpc_port", "metrics_port"):
        options += ["--set", f"serving.{name}={getattr(serving, name)}"]
    assert main(["preflight", *options]) == 0
    assert capsys.readouterr().out.endswith("In order.\n")
    assert main(["preflight", *options, "--set", "serving.max_batch_size=65"]) == 1
    out = capsys.readouterr().out
    assert "problem  batch " in out and out.endswith("1 to be mended before the server can start.\n")
    assert main(["preflight", *options, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"check", "outcome", "told"} == set(rows[0]) and len(rows) == 11


def render(machine: GpuMachine, **serving: Any) -> model_config_pb2.ModelConfig:
    """The classifier's configuration as Triton gets it."""
    target = machine.root / "rendered"
    processes = render_repository(
        current_release(machine.place.releases), ServingSettings.model_validate(serving), target, cores=16
    )
    assert processes.classifiers == 0 and is_gpu_repository(target)
    assert (target / "classifier/1/model.plan").is_symlink()
    return read_config(target / "classifier" / CONFIG)


def test_the_plan_keeps_its_instances_profiles_and_delay_unless_told(machine: GpuMachine) -> None:
    config = render(machine)
    group = config.instance_group[0]
    assert len(config.instance_group) == 1 and group.kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    assert (group.count, list(group.profile)) == (2, ["0", "1"])
    assert config.dynamic_batching.max_queue_delay_microseconds == 200
    assert list(config.dynamic_batching.preferred_batch_size) == [8, 16, 32, 64]
    assert len(config.optimization.cuda.graph_spec) == 3 and not config.parameters
    assert config.backend == "tensorrt" and config.default_model_filename == "model.plan"


def test_the_settings_change_the_plan_s_instances_delay_and_queue(machine: GpuMachine) -> None:
    config = render(machine, instances=3, threads=5, queue_delay_us=7, max_queue_size=11)
    assert config.instance_group[0].count == 3 and list(config.instance_group[0].profile) == ["0", "1"]
    assert config.dynamic_batching.max_queue_delay_microseconds == 7
    assert config.dynamic_batching.default_queue_policy.max_queue_size == 11
    assert not config.parameters, "threads are for processors"


def test_batches_and_graphs_beyond_the_largest_batch_are_left_out(machine: GpuMachine) -> None:
    config = render(machine, max_batch_size=4)
    assert config.max_batch_size == 4 and list(config.dynamic_batching.preferred_batch_size) == []
    assert [graph.batch_size for graph in config.optimization.cuda.graph_spec] == [1, 4]
    assert list(config.optimization.cuda.graph_spec[1].input["input_ids"].dim) == [16]


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (8, 2), (64, 4)])
def test_beside_a_gpu_there_is_one_tokenizer_and_the_labelers_grow_with_the_cores(cores: int, expected: int) -> None:
    planned = plan_processes(ServingSettings(), cores, gpu=True)
    assert (planned.tokenizers, planned.classifiers, planned.labelers, planned.total) == (1, 0, expected, 1 + expected)
    assert str(planned).startswith("the classifier on the GPU")


def test_what_the_log_says_of_cuda_matters_with_a_gpu() -> None:
    line = 'E1123 21:12:09.3 20276 model.cc:1] "CUDA error: out of memory"'
    assert readable(line) is None and readable(line, gpu=True) == line
    assert not is_serious(line) and is_serious(line, gpu=True)
    assert "CUDA error: out of memory" in failure_cause(line, gpu=True)
