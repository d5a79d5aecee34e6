"""The names the code uses of TensorRT, held against the Python bindings of TensorRT 10, 11 and TensorRT for RTX.

The wheels of the bindings hold one extension module. It is linked with TensorRT's libraries, which are not to be had
everywhere; but its classes are all its own, so it is loaded with those links pointed elsewhere and asked for names.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Protocol

import pytest

from export.engines.plan import api

BINDINGS = ("tensorrt-cu12-bindings==10.3.0", "tensorrt-cu13-bindings==10.16.1.11", "tensorrt-cu13-bindings==11.2.1.2")
"""The oldest that is supported, the last before 11, and that of the container image."""
SYMBOLS = (b"getBuilderPluginRegistry", b"getNvOnnxParserVersion", b"getPluginRegistry", b"initLibNvInferPlugins")
"""What is called or looked up while the module is imported."""
LIST_NAMES = """
import importlib.util, json, os, sys
sys.setdlopenflags(os.RTLD_LAZY)  # what is missing is looked for when it is called, which it never is
spec = importlib.util.spec_from_file_location("tensorrt", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
names = {name: dir(getattr(module, name)) for name in dir(module) if isinstance(getattr(module, name), type)}
print(json.dumps({"": dir(module), "Severity": dir(module.ILogger.Severity), **names}))
"""
ADDED_BY_PYTHON = {"__version__"}
"""Names that the package adds to the extension module."""
USED = {name: kind for name, kind in vars(api).items() if inspect.isclass(kind) and Protocol in kind.__bases__}


def members(kind: type) -> set[str]:
    """Attributes and methods that a class of `api` declares."""
    own = {*kind.__annotations__, *(name for name, value in vars(kind).items() if inspect.isfunction(value))}
    return {name for name in own if not re.fullmatch(r"_.*|__(init|subclasshook|bool)__", name)} | (
        own & ADDED_BY_PYTHON
    )


def detached(module: bytes) -> bytes:
    """The extension module, linked with the mathematics library in place of TensorRT's."""
    for name in set(re.findall(rb"libnv\w+\.so\.\d+(?=\0)", module)):
        module = module.replace(name + b"\0", b"libm.so.6".ljust(len(name), b"\0") + b"\0")
    for name in SYMBOLS:
        module = module.replace(name + b"\0", b"cos".ljust(len(name), b"\0") + b"\0")
    return module


@pytest.fixture(params=BINDINGS)
def bindings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, list[str]]:
    """Class of TensorRT → its members; the module's own under the empty name."""
    folder = Path(request.config.cache.mkdir("tensorrt-bindings")) / f"{request.param}-py{sys.version_info.minor}"
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--dest", str(folder), request.param], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (tmp_path / "tensorrt.so").write_bytes(detached(archive.read("tensorrt_bindings/tensorrt.so")))
    command = [sys.executable, "-c", LIST_NAMES, str(tmp_path / "tensorrt.so")]
    names = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert isinstance(names, dict)
    return names


def test_every_name_in_use_is_in_tensorrt_10_and_11(bindings: dict[str, list[str]]) -> None:
    used = {name: members(kind) for name, kind in USED.items()}
    assert len(used) > 20 and "add_optimization_profile" in used["IBuilderConfig"]
    module = used.pop("TensorRT") - ADDED_BY_PYTHON
    assert module <= set(bindings[""]), sorted(module - set(bindings[""]))
    missing = {name: sorted(own - set(bindings.get(name, []))) for name, own in used.items()}
    assert not {name: names for name, names in missing.items() if names}


def test_every_name_in_use_is_in_tensorrt_for_rtx(verifier: api.TensorRT) -> None:
    for name, kind in USED.items():
        owner = {"TensorRT": verifier, "Severity": verifier.ILogger.Severity}.get(name) or getattr(verifier, name)
        assert members(kind) <= set(dir(owner)), name


def test_names_that_tensorrt_11_dropped_are_not_in_use() -> None:
    assert "FP16" not in {name for kind in USED.values() for name in members(kind)}
    assert "platform_has_fast_fp16" not in members(api.Builder)


@pytest.mark.parametrize("file", sorted(Path("export/engines/plan").glob("*.py")), ids=lambda path: path.name)
def test_tensorrt_is_imported_in_one_place_only(file: Path) -> None:
    imports = re.findall(r"^\s*(?:import|from)\s+(tensorrt\w*)", file.read_text(), re.MULTILINE)
    assert not imports
