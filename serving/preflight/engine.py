"""Whether this server and these GPUs can run the TensorRT plan of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.errors import ServingError
from serving.preflight.findings import Check, Note
from serving.preflight.gpu import Gpu, find_gpus
from serving.preflight.libraries import forward_compatible, has_tensorrt, tensorrt_version
from serving.releases import Release
from serving.repository import gpu_instances
from serving.triton import Triton, find_official
from settings import ServingSettings

MIN_DRIVERS = {12: 525, 13: 580}
"""CUDA major version → the first driver that runs what is built for it (NVIDIA's CUDA Compatibility, table 1)."""
CONTEXT_MIB = 500
"""What CUDA and TensorRT themselves take of a GPU's memory for one process, about."""
MEBIBYTE = 1 << 20
AGAIN = "run `make export TARGET=gpu` in the image that serves it"


def check_target(release: Release) -> str:
    """Checks that the server that is there can run what the release was exported for.

    Raises:
        ServingError: It can't; nothing else of the release need be looked at then.
    """
    if release.target in ("", "cpu"):
        return f"{release.id}, for CPUs"
    if release.target != "gpu":
        raise ServingError(
            f"The release {release.id} was exported with TARGET={release.target}, which no server here can run. "
            "Export one that can be served: `make export`."
        )
    official = find_official()
    if official is None:
        raise ServingError(
            f"The release {release.id} was exported with TARGET=gpu: it runs on an NVIDIA GPU in the project's "
            "container only, and this is the bundled server, which has no TensorRT. Run `make serve TARGET=gpu`, or "
            "make a release for this machine with `make export TARGET=cpu`."
        )
    if not has_tensorrt(official):
        raise ServingError(
            f"The Triton server in {official.executable.parents[1]} has no TensorRT backend, which the release "
            f"{release.id} needs: use the project's image (`make image`)."
        )
    return f"{release.id}, for GPUs"


@dataclass(frozen=True)
class Plan:
    """What the manifest says of a release's engine; what it doesn't say isn't checked."""

    release: Release

    @property
    def facts(self) -> Mapping[str, Any]:
        """The manifest's `engine`."""
        facts = self.release.manifest.get("engine")
        return facts if isinstance(facts, dict) else {}

    def text(self, key: str) -> str:
        """A fact as text; empty where there is none."""
        value = self.facts.get(key)
        return "" if value is None else str(value)

    def number(self, key: str) -> int:
        """A fact as a number; 0 where there is none."""
        value = self.facts.get(key)
        return value if isinstance(value, int) else 0

    @property
    def built(self) -> str:
        """What it was built with and for, for a sentence."""
        told = f"The release {self.release.id} was built with TensorRT {self.text('tensorrt') or '(unknown)'}"
        if self.text("gpu"):
            told += f" for {self.text('gpu')}"
        if self.text("compute_capability"):
            told += f" (compute capability {self.text('compute_capability')})"
        return told

    @property
    def context_bytes(self) -> int:
        """GPU memory of one instance beside the plan: an execution context for every profile.

        Triton's backend makes them all with TensorRT's static allocation, which takes for each what the largest needs.
        """
        profiles = self.facts.get("profiles")
        told = [profile.get("device_memory_bytes") for profile in profiles or () if isinstance(profile, dict)]
        sizes = [size for size in told if isinstance(size, int)]
        return len(sizes) * max(sizes, default=0)


def gpu_checks(
    release: Release, settings: ServingSettings, triton: Triton, *, busy: bool = False
) -> list[tuple[str, Check]]:
    """The checks of a GPU release; the GPUs are asked once.

    Args:
        release: One with target `gpu`.
        settings: Batch and instances.
        triton: The server, with its TensorRT backend.
        busy: Whether a server of these settings holds its part of the GPU's memory already.

    Returns:
        The checks by name. They are for the machine that serves: without a GPU all but two are left out.
    """
    plan = Plan(release)
    checks: list[tuple[str, Check]] = [
        ("TensorRT", lambda: check_tensorrt(plan, tensorrt_version(triton))),
        ("batch", lambda: check_batch(plan, settings)),
    ]
    try:
        gpus = find_gpus()
    except ServingError as error:
        missing = str(error)

        def no_gpu() -> str:
            raise ServingError(missing)

        return [*checks, ("GPU", no_gpu)]
    checks += [("GPU", lambda: check_gpus(plan, gpus)), ("driver", lambda: check_driver(plan, gpus))]
    if not busy:
        checks.append(("GPU memory", lambda: check_memory(plan, gpus, gpu_instances(release, settings))))
    return checks


def check_tensorrt(plan: Plan, version: str | None) -> str | Note:
    """Checks that the server has the TensorRT that the plan was built with: a plan fits no other.

    Args:
        plan: The release's.
        version: The server's, such as `11.2.1`; None where it isn't known.

    Raises:
        ServingError: It has another.
    """
    built = plan.text("tensorrt")
    if version is None:
        return Note(
            "the server's TensorRT was not found (libnvinfer.so); whether it fits shows when Triton loads the plan"
        )
    if not built:
        return Note(f"{version}; the manifest does not say what the plan was built with")
    # The library's file has three numbers, the manifest may have four.
    there, wanted = version.split("."), built.split(".")
    common = min(len(there), len(wanted), 3)
    if there[:common] != wanted[:common]:
        raise ServingError(f"{plan.built}; this server has TensorRT {version}: {AGAIN}.")
    return f"{version}, as the plan was built with"


def check_gpus(plan: Plan, gpus: Sequence[Gpu]) -> str | Note:
    """Checks that all GPUs are of the architecture that the plan was built for.

    Raises:
        ServingError: One isn't.
    """
    capability, name = plan.text("compute_capability"), plan.text("gpu")
    for gpu in gpus:
        if capability and gpu.compute_capability != capability:
            others = " (CUDA_VISIBLE_DEVICES leaves GPUs out)" if len(gpus) > 1 else ""
            raise ServingError(
                f"{plan.built}; this server has {gpu.name} (compute capability {gpu.compute_capability}): "
                f"{AGAIN}{others}."
            )
    told = ", ".join(f"{gpu.name} (compute capability {gpu.compute_capability})" for gpu in gpus)
    strangers = sorted({gpu.name for gpu in gpus if name and gpu.name != name})
    if strangers:
        return Note(
            f"the plan was built on {name} and runs on {', '.join(strangers)} too, but its kernels were chosen for the "
            f"former: {AGAIN}, on this machine"
        )
    return told


def check_driver(plan: Plan, gpus: Sequence[Gpu]) -> str | Note:
    """Checks that the driver runs programs of the CUDA that TensorRT was built for.

    Raises:
        ServingError: It is too old.
    """
    driver = gpus[0].driver
    cuda = plan.text("cuda")
    major, number = cuda.partition(".")[0], driver.partition(".")[0]
    wanted = MIN_DRIVERS.get(int(major)) if major.isdigit() else None
    if wanted is None or not number.isdigit():
        return Note(f"{driver}; which one is needed is not known (the manifest's CUDA: {cuda or 'none'})")
    if int(number) >= wanted:
        return f"{driver}, at least {wanted} for CUDA {cuda}"
    if forward_compatible():
        return Note(f"{driver} is older than {wanted} (CUDA {cuda}); the image's compatibility library stands in")
    raise ServingError(
        f"The driver {driver} is too old for the release {plan.release.id}, which needs CUDA {cuda} and so driver "
        f"{wanted} or newer: install one, https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/."
    )


def check_memory(plan: Plan, gpus: Sequence[Gpu], instances: int) -> str | Note:
    """Checks that each GPU has room for the plan, its instances and CUDA.

    Args:
        plan: The release's.
        gpus: All that will be used; each holds all instances.
        instances: Classifier instances on each GPU.

    Raises:
        ServingError: One has too little.
    """
    needed = (plan.number("bytes") + instances * plan.context_bytes) / MEBIBYTE + CONTEXT_MIB
    told = []
    for gpu in gpus:
        if gpu.free_mib is None:
            return Note(f"the driver does not tell how much is free on {gpu.name}; about {needed:,.0f} MiB are needed")
        if gpu.free_mib < needed:
            raise ServingError(
                f"{gpu.name} has {gpu.free_mib:,} MiB of memory free, and the release {plan.release.id} needs about "
                f"{needed:,.0f} MiB ({instances} instances): end what else uses the GPU (`nvidia-smi` lists it), or "
                "lower serving.instances."
            )
        told.append(f"{gpu.free_mib:,} MiB free on {gpu.name}")
    return f"{', '.join(told)}; about {needed:,.0f} MiB needed"


def check_batch(plan: Plan, settings: ServingSettings) -> str:
    """Checks that the plan computes batches as large as the server makes.

    Raises:
        ServingError: It doesn't.
    """
    largest = plan.number("max_batch_size")
    if largest and settings.max_batch_size > largest:
        raise ServingError(
            f"serving.max_batch_size is {settings.max_batch_size}, and the plan of the release {plan.release.id} "
            f"computes {largest} texts at most: set it to {largest} or less, or {AGAIN}."
        )
    return f"up to {settings.max_batch_size} texts" + (f", and the plan computes {largest}" if largest else "")
