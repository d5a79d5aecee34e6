"""What the image's own check finds, played with an /opt/tritonserver of the tests'."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from deploy.contents import check_bindings, examine_image
from serving.errors import ServingError
from serving.triton import Triton
from tests.serving.official import make_official


@pytest.fixture
def triton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Triton:
    """The image's server, with TensorRT 11.2.1."""
    made = make_official(tmp_path / "tritonserver", tmp_path / "libraries", "11.2.1")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "libraries"))
    return made


def with_bindings(monkeypatch: pytest.MonkeyPatch, version: str, problem: str = "") -> None:
    """Plays TensorRT for Python."""
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)

    def load(name: str) -> ModuleType:
        if problem:
            raise ImportError(problem)
        return sys

    monkeypatch.setattr("importlib.import_module", load)


def test_bindings_of_the_libraries_version_pass(triton: Triton, monkeypatch: pytest.MonkeyPatch) -> None:
    with_bindings(monkeypatch, "11.2.1.2")
    assert check_bindings(triton) == "11.2.1; Python's 11.2.1.2"


def test_bindings_of_another_version_are_refused(triton: Triton, monkeypatch: pytest.MonkeyPatch) -> None:
    with_bindings(monkeypatch, "11.3.0.1")
    with pytest.raises(ServingError, match=r"has TensorRT 11\.2\.1, and .* is 11\.3\.0\.1: set it to 11\.2\.1\.\* in"):
        check_bindings(triton)


def test_a_driver_that_is_missing_while_the_image_is_built_is_no_mistake(
    triton: Triton, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bindings(monkeypatch, "11.2.1.2", "libcuda.so.1: cannot open shared object file")
    assert "there is no driver here" in check_bindings(triton)


def test_bindings_that_do_not_load_are_refused(triton: Triton, monkeypatch: pytest.MonkeyPatch) -> None:
    with_bindings(monkeypatch, "11.2.1.2", "libnvonnxparser.so.11: cannot open shared object file")
    with pytest.raises(ServingError, match=r"does not load in this image: libnvonnxparser\.so\.11"):
        check_bindings(triton)


def test_outside_a_triton_image_that_is_all_there_is_to_say() -> None:
    findings = examine_image()
    assert [finding.outcome for finding in findings] == ["problem"] and "no Triton image" in findings[0].told


def test_the_environment_of_developers_is_no_image_because_of_its_own_server(
    triton: Triton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.triton.OFFICIAL", triton.executable.parents[1])
    told = {finding.check: finding.told for finding in examine_image()}
    assert "The package nvidia-pytriton is installed" in told["packages"]
