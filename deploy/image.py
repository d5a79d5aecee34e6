"""The project's image: its name, what it is built from, and the command that builds it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.docker import Docker
from deploy.errors import DeployError
from steps import files_digest

CHECKOUT = Path(__file__).resolve().parents[1]
DOCKERFILE = Path("deploy") / "Dockerfile"
NAME = "product-tagger:triton-26.08"
NAME_VARIABLE = "PRODUCT_TAGGER_IMAGE"
"""Names another image than `NAME`; in a container it says which one that runs in."""
SOURCE_LABEL = "product-tagger.source"
CONTENTS = (
    "catalog", "client", "demo", "deploy", "export", "gateway", "loadtest", "model_repository", "quality", "serving",
    "settings", "steps", "training", "pyproject.toml", "constraints.txt", "README.md",
)  # fmt: skip
"""What .dockerignore lets into the image."""
_NO_CODE = ("README.md", "deploy/compose.yaml", "deploy/.env")


def image_name() -> str:
    """The image that is built and run."""
    return os.environ.get(NAME_VARIABLE) or NAME


def build_command(docker: Docker, image: str, checkout: Path = CHECKOUT) -> list[str]:
    """The command that builds the image.

    Raises:
        DeployError: The checkout has no Dockerfile: this is an installed package.
    """
    if not (checkout / DOCKERFILE).is_file():
        raise DeployError(f"{checkout / DOCKERFILE} is missing: run `make image` in a checkout of the project.")
    return [
        docker.program,
        "build",
        "--file", str(checkout / DOCKERFILE),
        "--tag", image,
        "--build-arg", f"IMAGE={image}",
        "--build-arg", f"SOURCE_DIGEST={source_digest(checkout)}",
        "--build-arg", f"COMMIT={commit(checkout)}",
        str(checkout),
    ]  # fmt: skip


def source_digest(checkout: Path = CHECKOUT) -> str:
    """SHA-256 over all files that decide what is in the image; an image has that of its sources as a label."""
    return files_digest(_files(checkout), checkout)


def commit(checkout: Path = CHECKOUT) -> str:
    """The checkout's commit, with `-dirty` where tracked files have been changed since; empty outside git.

    The image has no history, and the manifest of a release made in it names the commit all the same.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def is_stale(labels: dict[str, str], checkout: Path = CHECKOUT) -> bool:
    """Whether an image was built from other sources than the checkout's; never of an installed package."""
    return (checkout / DOCKERFILE).is_file() and labels.get(SOURCE_LABEL) != source_digest(checkout)


def _files(checkout: Path) -> Iterator[Path]:
    for name in CONTENTS:
        place = checkout / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            relative = path.relative_to(checkout)
            if path.is_file() and "__pycache__" not in relative.parts and relative.as_posix() not in _NO_CODE:
                yield path
