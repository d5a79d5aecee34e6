"""What has to be in order before Triton is started; each finding is one sentence with its mend.

`examine` looks at everything, `serving.preflight` on the command line prints it, and a start requires it.
"""

from __future__ import annotations

from serving.errors import ServingError
from serving.preflight.access import check_access
from serving.preflight.engine import check_target, gpu_checks
from serving.preflight.findings import Check, Finding, require, run_checks
from serving.preflight.machine import check_server
from serving.preflight.ports import check_ports
from serving.preflight.room import check_memory
from serving.preflight.storage import check_disk, check_shared_memory
from serving.releases import Release, current_release
from serving.repository import plan_processes, usable_cores
from serving.state import ServerFiles, running_state
from serving.triton import find_official
from settings import Settings

__all__ = ["Finding", "check_second", "examine", "examine_release", "require"]


def examine(settings: Settings) -> list[Finding]:
    """Looks at all that a start of these settings needs.

    A server of the same settings that runs already is no problem; what it holds is left out.
    """
    release: Release | None = None
    missing = ""
    try:
        release = current_release(settings.build_dir.resolve() / "releases")
    except ServingError as error:
        missing = str(error)
    files = ServerFiles.of(settings)
    running = running_state(files)
    # The process that is starting the server has none yet.
    busy = running is not None and running.server is not None
    findings = run_checks([("server", check_server)])
    findings += (
        [Finding("release", "problem", missing)] if release is None else examine_release(settings, release, busy)
    )
    planned = plan_processes(settings.serving, usable_cores(), gpu=release is not None and release.target == "gpu")
    checks: list[tuple[str, Check]] = []
    if busy and running is not None:
        told = f"this project's server listens on them (process {running.supervisor.pid})"
        checks.append(("ports", lambda: told))
    else:
        checks += [
            ("access", lambda: check_access(settings)),
            ("ports", lambda: check_ports(settings.serving)),
            ("shared memory", lambda: check_shared_memory(planned, settings.serving.max_batch_size)),
        ]
    checks.append(("disk", lambda: check_disk(files.directory)))
    return findings + run_checks(checks)


def examine_release(settings: Settings, release: Release, busy: bool = False) -> list[Finding]:
    """Looks at whether a release can be served here.

    Args:
        settings: Batch and instances.
        release: The release.
        busy: Whether the server that will serve it runs already, with its part of the GPU's memory.
    """

    def check_release() -> str:
        release.verify()
        return check_target(release)

    findings = run_checks([("release", check_release)])
    triton = find_official()
    if release.target == "gpu" and triton is not None and findings[0].outcome != "problem":
        findings += run_checks(gpu_checks(release, settings.serving, triton, busy=busy))
    return findings


def check_second(settings: Settings, release: Release, leader: int) -> list[Finding]:
    """Looks at whether a second Triton has room beside the one that runs.

    Args:
        settings: Batch and instances.
        release: What the second one would serve.
        leader: The process of the first one.
    """
    planned = plan_processes(settings.serving, usable_cores(), gpu=release.target == "gpu")
    checks: list[tuple[str, Check]] = [
        ("memory", lambda: check_memory(leader)),
        ("shared memory", lambda: check_shared_memory(planned, settings.serving.max_batch_size)),
    ]
    gpu = examine_release(settings, release) if release.target == "gpu" else []
    return [*run_checks(checks), *gpu]
