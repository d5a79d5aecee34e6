"""The model repository Triton is started on: a release's files, with the settings of tagger.yaml in the configurations.

A release stays as it is. Its files are linked into build/serving/<http_port>/model_repository; only each config.pbtxt
is written anew, through Triton's own protobuf schema.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from serving.errors import ServingError
from serving.releases import Release
from settings import ServingSettings
from steps import directory_files, staged_directory

CONFIG = "config.pbtxt"
CLASSIFIER = "classifier"
TENSORRT = "tensorrt"
"""The classifier's backend on a GPU, where the server itself runs it: no process of its own, no threads to divide."""
LEAST_INSTANCES = 2
"""Fewest classifier processes that `auto` starts, also on one core; `plan_processes` says why."""
LAST_PRIORITY = 1_000_000
"""Triton's priority of all classifier processes but the first.

Of the free ones Triton takes that with the fewest executions times its priority (rate_limiter.md of its documentation).
"""
GPU_LABELERS = 4
"""Most labeler processes beside a GPU."""


@dataclass(frozen=True)
class Processes:
    """How many Python processes serve each model, and the threads of one classifier.

    On processors the classifier does all; on a GPU it is no Python process, and has none of either.
    """

    tokenizers: int
    classifiers: int
    labelers: int
    threads: int

    @property
    def total(self) -> int:
        """All Python processes the server starts."""
        return self.tokenizers + self.classifiers + self.labelers

    def __str__(self) -> str:
        if not self.classifiers:
            return f"the classifier on the GPU, {_counted(self.labelers, 'labeler process', 'es')}"
        return f"{_counted(self.classifiers, 'classifier process', 'es')} with {_counted(self.threads, 'thread')} each"


def usable_cores() -> int:
    """Cores this process may use: its affinity, and the share of a container's control group."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # no control group, or an older kind
    return cores


def _counted(number: int, name: str, plural: str = "s") -> str:
    return f"{number} {name}{'' if number == 1 else plural}"


def plan_processes(settings: ServingSettings, cores: int, *, gpu: bool = False) -> Processes:
    """What `auto` means on a machine of so many cores.

    One classifier process a core, with one thread: on small sub-batches two processes do more than one process with
    two threads. There are at least two, since with one instance Triton's batcher misses requests that come just before
    it is free again (model_repository/classifier/config.pbtxt). Beside a GPU there is one tokenizer, however many
    cores: it pads what waits together to one length, and requests of several would take turns in the classifier's
    queue with different lengths, which cuts its batches up.
    """
    if gpu:
        return Processes(1, 0, min(GPU_LABELERS, max(1, cores // 4)), 0)
    if settings.instances == "auto":
        instances = max(LEAST_INSTANCES, cores if settings.threads == "auto" else cores // settings.threads)
    else:
        instances = settings.instances
    threads = max(1, cores // instances) if settings.threads == "auto" else settings.threads
    return Processes(0, instances, 0, threads)


def render_repository(release: Release, settings: ServingSettings, target: Path, cores: int | None = None) -> Processes:
    """Writes the repository for one server; what was there before is replaced.

    Args:
        release: Where the models come from.
        settings: Instances, threads, batch and queue.
        target: The directory to write.
        cores: For the settings that are `auto`; None for those of this machine.

    Raises:
        ServingError: A file of the release is not as it was made, or a configuration can't be read.
        DiskError: The disk is full, or the directory can't be written.
    """
    release.verify()
    processes = plan_processes(settings, cores or usable_cores(), gpu=is_gpu_repository(release.repository))
    files = directory_files(release.repository)  # the verified ones, and no others
    configurations = [path for path in files if path.relative_to(release.repository).parts[1:] == (CONFIG,)]
    with staged_directory(target) as staging:
        for source in files:
            if source not in configurations:
                place = staging / source.relative_to(release.repository)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(source.resolve())
        for source in configurations:
            config = read_config(source)
            apply_settings(config, settings, processes)
            folder = staging / source.parent.name
            (folder / "1").mkdir(parents=True, exist_ok=True)  # Triton wants a version's folder, also an ensemble's
            (folder / CONFIG).write_text(text_format.MessageToString(config, as_utf8=True), encoding="utf-8")
    return processes


def read_config(path: Path) -> model_config_pb2.ModelConfig:
    """Reads a config.pbtxt.

    Raises:
        ServingError: It isn't one; the message has the line.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())
    except (OSError, ValueError, text_format.ParseError) as error:
        raise ServingError(f"{path} is no Triton model configuration: {error}. Run `make export`.") from None


def is_gpu_repository(repository: Path) -> bool:
    """Whether the classifier of a model repository, a release's or a rendered one, runs on a GPU."""
    path = repository / CLASSIFIER / CONFIG
    return path.is_file() and read_config(path).backend == TENSORRT


def gpu_instances(release: Release, settings: ServingSettings) -> int:
    """Classifier instances on each GPU: what the setting says, or the release."""
    if settings.instances != "auto":
        return settings.instances
    config = read_config(release.repository / CLASSIFIER / CONFIG)
    return sum(max(1, group.count) for group in config.instance_group) or 1


def apply_settings(config: model_config_pb2.ModelConfig, settings: ServingSettings, processes: Processes) -> None:
    """Puts the settings into one model's configuration."""
    config.max_batch_size = settings.max_batch_size
    if config.platform == "ensemble":
        # An ensemble has no queue and no process of its own. Whole answers are kept, not those of its steps: a text
        # that is asked again then costs nothing but the look-up.
        config.response_cache.enable = settings.response_cache_mib > 0
        return
    batching = config.dynamic_batching
    if config.name == CLASSIFIER and settings.queue_delay_us != "auto":
        batching.max_queue_delay_microseconds = settings.queue_delay_us
    queue = batching.default_queue_policy
    queue.max_queue_size = settings.max_queue_size
    queue.default_timeout_microseconds = settings.request_timeout_ms * 1000
    queue.timeout_action = model_config_pb2.ModelQueuePolicy.REJECT
    # Triton prepares the next batch while one is computed only where no request can be refused or expire.
    queue.allow_timeout_override = bool(settings.max_queue_size or settings.request_timeout_ms)
    if config.backend == TENSORRT:
        _apply_to_plan(config, settings)
        return
    parameters = {
        "threads": str(processes.threads),
        "abstain_below": repr(settings.abstain_below),
    }
    for key, value in parameters.items():
        if key in config.parameters:
            config.parameters[key].string_value = value
    counts = {"tokenizer": processes.tokenizers, CLASSIFIER: processes.classifiers, "labeler": processes.labelers}
    if config.name in counts and config.backend == "python":
        _place_instances(config, counts[config.name])


def _place_instances(config: model_config_pb2.ModelConfig, count: int) -> None:
    """Has so many Python processes; of those that are free, Triton takes the first as long as it is free.

    In turns, each process would find that the other one's weights have taken its place in the processor's caches.
    """
    del config.instance_group[:]
    group = config.instance_group.add(count=1, kind=model_config_pb2.ModelInstanceGroup.KIND_CPU)
    group.rate_limiter.priority = 1
    if count > 1:
        group = config.instance_group.add(count=count - 1, kind=model_config_pb2.ModelInstanceGroup.KIND_CPU)
        group.rate_limiter.priority = LAST_PRIORITY


def _apply_to_plan(config: model_config_pb2.ModelConfig, settings: ServingSettings) -> None:
    """Puts the settings into the classifier of a GPU release; its profiles belong to the plan and stay."""
    if settings.instances != "auto":
        for group in config.instance_group:
            group.count = settings.instances
    # Triton refuses a preferred batch beyond the largest, and a CUDA graph of one would never be used.
    preferred = [size for size in config.dynamic_batching.preferred_batch_size if size <= settings.max_batch_size]
    config.dynamic_batching.preferred_batch_size[:] = preferred
    graphs = config.optimization.cuda.graph_spec
    kept = [graph for graph in graphs if graph.batch_size <= settings.max_batch_size]
    if len(kept) < len(graphs):
        del graphs[:]
        graphs.extend(kept)
