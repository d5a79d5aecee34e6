"""Every setting of every stage: its type, range, default and meaning.

tagger.yaml is made of it, `python -m settings --defaults > tagger.yaml`; a test keeps the two in step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from settings.section import Port, Section, Seed, Share

PRODUCT_FIELDS = (
    "id", "lang", "title", "description", "attributes", "category", "tags", "views", "clicks", "purchases",
)  # fmt: skip


class CatalogSettings(Section):
    """Where the products come from and how they are read and split."""

    path: str = "demo"
    """`demo` (the built-in catalogue), a file, or a stem: `shop` finds shop.train.*, shop.validation.*, shop.test.*."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Product field → the shop's own column name, for instance {title: product_name}."""
    taxonomy: Path | None = None
    """A taxonomy.yaml with ids, display names and synonyms; without one it is derived from the catalogue."""
    min_tag_products: Annotated[int, Field(ge=1)] = 10
    """A tag that fewer training products carry is left out of a derived taxonomy (and counted in the summary)."""
    max_reject_share: Share = 0.05
    """More unusable rows than this share stop the run."""
    validation_share: Share = 0.1
    """Share of the products split off for validation, where the catalogue has no such part of its own."""
    test_share: Share = 0.1
    """The same for the test part."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Train on this many rows only, drawn at random by `seed`; the validation part shrinks by the same factor."""
    seed: Seed = 13
    """Another seed splits and draws other products."""

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(columns) - set(PRODUCT_FIELDS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a product field; the fields are {', '.join(PRODUCT_FIELDS)}")
        return columns


class TrainingSettings(Section):
    """How BERT is fine-tuned."""

    base: str = "auto"
    """`auto` (by the languages of the catalogue), `english` (all-MiniLM-L6-v2), `multilingual` (multilingual-e5-small),
    a Hugging Face hub id, or a local directory."""
    base_vocabulary: Annotated[int, Field(ge=1)] | Literal["auto", "all"] = "auto"
    """Tokens of the base's vocabulary to keep, and in any case those that the catalogue uses; `all` keeps all. `auto`:
    32000 for multilingual-e5-small, all for others."""
    base_layers: list[Annotated[int, Field(ge=0)]] | Literal["auto", "all"] = "auto"
    """Layers of the base to keep, counted from 0. `auto`: every second one for multilingual-e5-small, all for others;
    all where `minutes` is set, because they learn sooner than fewer layers that have to be healed."""
    pooling: Literal["auto", "mean", "cls"] = "auto"
    """`auto`: mean for sentence-transformers bases, cls for others."""
    max_length: Annotated[int, Field(ge=8)] = 96
    """Tokens a text is cut at, in training and in serving."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """How long making the base and fine-tuning it may take; null: no bound. A step's time is measured on this machine,
    and steps, and the layers that learn, are chosen so that the rate has come down to 0 when the time is over."""
    epochs: Annotated[int, Field(ge=1)] = 4
    """Most passes over the training products; early stopping, or `minutes`, may end sooner."""
    min_steps: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Small catalogues train for more epochs, until this many optimizer steps. `auto`: 600 for multilingual-e5-small,
    300 for others."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Effective batch: shared among the processes under torchrun."""
    learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Peak learning rate of the encoder; it rises during the warm-up and falls to 0 after it. `auto`: 0.0002 for
    multilingual-e5-small with some of its layers, 0.0001 with all, 0.00015 for others."""
    head_learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """The same for the new layer on top, which begins from nothing. `auto`: 0.002 for multilingual-e5-small, 0.001 for
    others."""
    dropout: Share | Literal["auto"] = "auto"
    """Share of the encoder's hidden numbers and of the pooled vector left out at random during training. `auto`: 0.1,
    and 0 where `minutes` leaves time for fewer than three epochs."""
    token_dropout: Share | Literal["auto"] = "auto"
    """Share of the training texts' tokens hidden at random: a product is learnt by more than one word of it. `auto`: as
    for `dropout`."""
    ngram_buckets: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Rows for pairs of tokens in the table of n-grams that stands beside the encoder; 0: no such table. `auto`: 32768,
    or none where the table would take more than 128 MiB."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bfloat16 autocast where the processor or GPU computes in it, else float32."""
    early_stopping_patience: Annotated[int, Field(ge=0)] = 2
    """Evaluations without a better validation score before training stops; 0 turns it off."""
    baseline: bool = True
    """Whether a linear model (TF-IDF) is fitted on the same products for comparison, once the checkpoint is there. It
    takes at most 2 GiB of memory, and is left out where it would need more."""
    report_to: Literal["tensorboard", "wandb", "none"] = "tensorboard"
    """Where the course of training is logged; `wandb` needs the package wandb and an account."""
    seed: Seed = 13
    """The same seed gives the same model, on the same machine."""


class TensorRTSettings(Section):
    """How the TensorRT plan of TARGET=gpu is built."""

    length_buckets: list[Annotated[int, Field(ge=8)]] = Field(default_factory=lambda: [16, 32, 64, 128], min_length=1)
    """Lengths that texts are padded to, in tokens, a profile each; cut off at the checkpoint's length."""
    optimization_level: Annotated[int, Field(ge=0, le=5)] = 3
    """How long to look for the quickest kernels: 0 hardly, 5 very long."""
    precision: Literal["auto", "direct", "autocast"] = "auto"
    """How the graph gets FP16: `direct` by operator, `autocast` by NVIDIA ModelOpt, `auto` the first that passes."""

    @field_validator("length_buckets")
    @classmethod
    def _ascending(cls, buckets: list[int]) -> list[int]:
        if buckets != sorted(set(buckets)):
            raise ValueError("the lengths must ascend, each once, for instance [16, 32, 64, 128]")
        return buckets


class ExportSettings(Section):
    """How the checkpoint becomes a release, and what it must hold on the way."""

    parity_products: Annotated[int, Field(ge=1)] = 2000
    """Held-out products the parity gate compares on."""
    min_equal_categories_int8: Share = 0.995
    """Share of the products for which the INT8 graph must name the checkpoint's category."""
    max_f1_loss_int8: Share = 0.003
    """Most the INT8 graph may lose of category macro-F1 and of tag micro-F1."""
    max_probability_difference_fp16: Annotated[float, Field(gt=0)] = 5e-3
    """How far a probability of the FP16 graph and of its TensorRT plan may be from the checkpoint's."""
    min_equal_categories_fp16: Share = 0.999
    """Share of the products for which they must name the checkpoint's category."""
    keep_releases: Annotated[int, Field(ge=1)] = 5
    """Older releases are removed after a successful export; the served one never is."""
    tensorrt: TensorRTSettings = TensorRTSettings()


class ServingSettings(Section):
    """How Triton is run."""

    address: str = "127.0.0.1"
    """Where the server listens: 127.0.0.1 for this machine only, 0.0.0.0 for all its networks."""
    http_port: Port = 8000
    """Port for HTTP; it also tells servers that run at once apart."""
    grpc_port: Port = 8001
    """Port for gRPC."""
    metrics_port: Port = 8002
    """Port for Prometheus."""
    instances: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Classifier instances; `auto`: a process a core, or what a release for GPUs was made with (two a GPU)."""
    threads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Threads of one classifier process; `auto`: cores ÷ instances."""
    max_batch_size: Annotated[int, Field(ge=1, le=1024)] = 64
    """Most texts in one request, and most rows Triton joins into one batch."""
    queue_delay_us: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """How long a request may wait for others to form a batch, in microseconds; `auto`: what the release says."""
    max_queue_size: Annotated[int, Field(ge=0)] = 2048
    """Requests waiting beyond this are refused at once with UNAVAILABLE; 0: no bound."""
    request_timeout_ms: Annotated[int, Field(ge=0)] = 10_000
    """A request that waited longer in the queue is refused, not computed; 0: no bound."""
    response_cache_mib: Annotated[int, Field(ge=0)] = 0
    """Memory in which answers are kept for texts that are asked again, in MiB; 0: every text is computed."""
    abstain_below: Share = 0.0
    """A category less probable than this is answered as abstention (an empty CATEGORY)."""
    start_timeout_s: Annotated[int, Field(ge=1)] = 120
    """A server that is not ready after so many seconds is ended, and the cause told."""
    stop_timeout_s: Annotated[int, Field(ge=1)] = 30
    """A server that does not end in order within so many seconds is killed."""


class Settings(Section):
    """The whole of tagger.yaml."""

    build_dir: Path = Path("build")
    """Where everything that is made goes."""
    catalog: CatalogSettings = CatalogSettings()
    training: TrainingSettings = TrainingSettings()
    export: ExportSettings = ExportSettings()
    serving: ServingSettings = ServingSettings()
