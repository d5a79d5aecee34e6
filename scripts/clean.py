"""`make clean`: stops the servers of the build directory and removes it, if it is one that this project has made."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from serving.control import stop
from serving.state import running_servers
from settings import Settings, add_settings_options, load_settings
from steps import ProductTaggerError, run_command

MADE = frozenset(
    {
        "base", "catalog", "catalog-rejects.jsonl", "checkpoint", "demo", "demo-catalogue", "demo.yaml", "engines",
        "onnx", "quality", "releases", "reports", "serving", "training",
    }
)  # fmt: skip
"""What the stages leave at the top of a build directory."""
LOCK = re.compile(r"\.(.+)\.lock")
STAGING = re.compile(r"\.(.+)\.(?:new|old)")
"""What a killed run may leave beside an output."""


class NotOurs(ProductTaggerError):
    """The directory holds something that this project hasn't made, so it is not removed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Removes the build directory; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="make clean", description=__doc__)
    options = add_settings_options(parser).parse_args(arguments)
    return run_command(lambda: _clean(load_settings(options.config, options.set)), stopped="Interrupted.")


def _clean(settings: Settings) -> int:
    build = settings.build_dir
    if not build.exists():
        return 0
    check_made_here(build)
    for _, state in running_servers(build):
        ports = {"http_port": state.http_port, "grpc_port": state.grpc_port, "metrics_port": state.metrics_port}
        stop(settings.model_copy(update={"serving": settings.serving.model_copy(update=ports)}))
    for entry in build.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if not build.is_symlink():  # a link to another disk is a person's own
        build.rmdir()
    return 0


def check_made_here(build: Path) -> None:
    """Passes where a directory is a build directory and nothing else.

    Every entry must be one that a stage makes: by its name, or by the lock that stages leave beside their outputs. At
    least one such lock must be there, unless the directory is empty.

    Raises:
        NotOurs: It isn't so.
    """
    if not build.is_dir():
        raise NotOurs(f"{build} is no directory, so it is not removed. Name the build directory with BUILD=DIR.")
    place = build.resolve()
    if any(own == place or place in own.parents for own in (Path.cwd(), Path(__file__).resolve(), Path.home())):
        raise NotOurs(
            f"{build} holds this project, the current folder or a home directory, so it is not removed. "
            "Name the build directory with BUILD=DIR."
        )
    names = sorted(entry.name for entry in place.iterdir())
    locks = {found[1] for name in names if (found := LOCK.fullmatch(name))}
    servers = list(place.glob("serving/*/.server.lock"))
    strange = [name for name in names if not _made(name, MADE | locks)]
    if strange or (names and not locks and not servers):
        raise NotOurs(
            f"{build} is not removed, for it holds {[*strange, *names][0]}, which this project did not make. "
            "Move that away, or remove the directory by hand."
        )


def _made(name: str, known: frozenset[str]) -> bool:
    staging = STAGING.fullmatch(name)
    return name in known or bool(LOCK.fullmatch(name)) or (staging is not None and staging[1] in known)


if __name__ == "__main__":
    sys.exit(main())
