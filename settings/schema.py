"""Every setting of every stage: its type, range, default and meaning.

tagger.yaml is made of it, `python -m settings --defaults > tagger.yaml`; a test keeps the two in step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from settings.section import Port, Section, Seed, Share

PRODUCT_FIELDS = (
    "id", "group", "lang", "title", "description", "attributes", "category", "tags", "views", "clicks", "purchases",
)  # fmt: skip


class CatalogSettings(Section):
    """The products: where they are, how they are read and split."""

    path: str = "demo"
    """`demo` (the built-in catalogue), a file, or a stem. The stem `shop` finds shop.train.*, shop.validation.*,
    shop.test.*."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Product field → your column name, for instance {title: product_name}."""
    format: Literal["auto", "plain", "shopify", "woocommerce", "google-merchant", "magento"] = "auto"
    """Whose export the catalogue is. `auto`: recognised by the header. `plain`: the columns are the product's fields.
    `columns` goes before it."""
    taxonomy: Path | None = None
    """A taxonomy.yaml (ids, names, synonyms, parents), or a .txt of paths. null: derived from the training products."""
    encoding: str | None = None
    """Encoding of text files, such as gb18030 or cp1252. null: detected."""
    min_tag_products: Annotated[int, Field(ge=1)] = 10
    """A derived taxonomy leaves out tags that fewer training products carry."""
    max_reject_share: Share = 0.05
    """Largest share of unusable rows. With more, the run stops."""
    validation_share: Share = 0.1
    """Share of the products for the validation split, if the catalogue has none of its own."""
    test_share: Share = 0.1
    """Share of the products for the test split, if the catalogue has none of its own."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Number of rows to train on, drawn at random. The validation split shrinks by the same factor. null: all."""
    seed: Seed = 13
    """Random seed of splits and draws."""

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(columns) - set(PRODUCT_FIELDS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a product field; the fields are {', '.join(PRODUCT_FIELDS)}")
        return columns

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError as error:
            raise ValueError(f"there is no encoding {encoding!r}, such as utf-8, gb18030 or cp1252") from error
        return encoding


class TrainingSettings(Section):
    """Fine-tuning of BERT."""

    base: str = "auto"
    """`auto` (by the catalogue's languages), `english` (all-MiniLM-L6-v2), `multilingual` (multilingual-e5-small), a
    Hugging Face hub id, or a local directory."""
    base_vocabulary: Annotated[int, Field(ge=1)] | Literal["auto", "all"] = "auto"
    """Size of the base's vocabulary; tokens that the catalogue uses are always kept. `all`: not pruned. `auto`: 32000
    for multilingual-e5-small, all for others."""
    base_layers: list[Annotated[int, Field(ge=0)]] | Literal["auto", "all"] = "auto"
    """Layers of the base to keep, counted from 0. `auto`: every second one for multilingual-e5-small, all for others,
    and all where `minutes` is set."""
    pooling: Literal["auto", "mean", "cls"] = "auto"
    """`auto`: mean for sentence-transformers bases, cls for others."""
    max_length: Annotated[int, Field(ge=8)] = 96
    """Maximum number of tokens of a text, in training and serving. The rest is cut off."""
    recipe: Literal["auto", "fine-tuned", "frozen"] = "auto"
    """`fine-tuned`: the encoder learns, which takes minutes to hours. `frozen`: it stays as it is, under a fitted head.
    `auto`: frozen with fewer than two products a category, else both up to 20000 products: held-out products choose."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Time for making the base and fine-tuning it, in minutes. A step is measured on this machine; steps and trained
    layers are chosen to fit. null: no limit."""
    epochs: Annotated[int, Field(ge=1)] = 4
    """Largest number of epochs. Early stopping may end sooner."""
    min_steps: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Least number of optimizer steps: small catalogues train for more epochs. `auto`: 600 for multilingual-e5-small,
    300 for others."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Effective batch size, divided among processes under torchrun."""
    learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Peak learning rate of the encoder; it rises in the warm-up, then falls to 0. `auto`: 0.0002 for
    multilingual-e5-small with some of its layers, 0.0001 with all, 0.00015 for others."""
    head_learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Peak learning rate of the new linear head. `auto`: 0.002 for multilingual-e5-small, 0.001 for others."""
    dropout: Share | Literal["auto"] = "auto"
    """Dropout in the encoder and on the pooled vector. `auto`: 0.1, or 0 where `minutes` leaves time for fewer than
    three epochs."""
    token_dropout: Share | Literal["auto"] = "auto"
    """Share of the training texts' tokens that are hidden at random. `auto`: as `dropout`."""
    ngram_buckets: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Rows of the n-gram table for pairs of tokens. 0: no table. `auto`: 131072, or fewer, so that the table takes
    64 MiB at most."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bfloat16 autocast where the CPU or GPU computes in it, else float32."""
    early_stopping_patience: Annotated[int, Field(ge=0)] = 2
    """Evaluations without a better validation score before training stops. 0: no early stopping."""
    baseline: bool = True
    """Whether to fit a linear model (TF-IDF) on the same products for comparison. It is left out where it would need
    more than 2 GiB of memory or more than about ten minutes."""
    report_to: Literal["tensorboard", "wandb", "none"] = "tensorboard"
    """Where metrics are logged. `wandb` needs the package wandb and an account."""
    seed: Seed = 13
    """Random seed. The same seed gives the same model on the same machine."""


class TensorRTSettings(Section):
    """The TensorRT plan of TARGET=gpu."""

    length_buckets: list[Annotated[int, Field(ge=8)]] = Field(default_factory=lambda: [16, 32, 64, 128], min_length=1)
    """Lengths in tokens that texts are padded to, a profile each; cut off at the checkpoint's length."""
    optimization_level: Annotated[int, Field(ge=0, le=5)] = 3
    """TensorRT's builder optimization level: higher searches longer for faster kernels."""
    precision: Literal["auto", "direct", "autocast"] = "auto"
    """Conversion to FP16: `direct` by operator, `autocast` by NVIDIA ModelOpt, `auto` the first that passes the
    gate."""

    @field_validator("length_buckets")
    @classmethod
    def _ascending(cls, buckets: list[int]) -> list[int]:
        if buckets != sorted(set(buckets)):
            raise ValueError("the lengths must ascend, each once, for instance [16, 32, 64, 128]")
        return buckets


class ExportSettings(Section):
    """From the checkpoint to a release, and the limits of the parity gate."""

    parity_products: Annotated[int, Field(ge=1)] = 2000
    """Held-out products that the parity gate compares."""
    min_equal_categories_int8: Share = 0.995
    """INT8 graph: least share of products that keep the checkpoint's category."""
    max_f1_loss_int8: Share = 0.003
    """INT8 graph: largest loss of category macro-F1 and of tag micro-F1."""
    max_probability_difference_fp16: Annotated[float, Field(gt=0)] = 5e-3
    """FP16 graph and plan: largest difference of any probability from the checkpoint's."""
    min_equal_categories_fp16: Share = 0.999
    """FP16 graph and plan: least share of products that keep the checkpoint's category."""
    keep_releases: Annotated[int, Field(ge=1)] = 5
    """Releases to keep. Older ones are removed after an export, but never the served one."""
    tensorrt: TensorRTSettings = TensorRTSettings()


class ServingSettings(Section):
    """The Triton server."""

    address: str = "127.0.0.1"
    """127.0.0.1: this machine only. 0.0.0.0: all its networks."""
    http_port: Port = 8000
    """Port for HTTP. It also identifies a server among several."""
    grpc_port: Port = 8001
    """Port for gRPC."""
    metrics_port: Port = 8002
    """Port for Prometheus metrics."""
    instances: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Classifier instances. `auto`: a process a core, or for a GPU release what it was made with (two a GPU)."""
    threads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Threads of a classifier process. `auto`: cores ÷ instances."""
    max_batch_size: Annotated[int, Field(ge=1, le=1024)] = 64
    """Most texts in a request, and most texts that Triton joins into a batch."""
    queue_delay_us: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Longest wait for other requests to join a batch, in microseconds. `auto`: what the release says."""
    max_queue_size: Annotated[int, Field(ge=0)] = 2048
    """Longest queue. Further requests are refused at once with UNAVAILABLE. 0: no limit."""
    request_timeout_ms: Annotated[int, Field(ge=0)] = 10_000
    """Longest time in the queue. Then a request is refused, not computed. 0: no limit."""
    response_cache_mib: Annotated[int, Field(ge=0)] = 0
    """Memory for answers to repeated texts, in MiB. 0: no cache."""
    abstain_below: Share = 0.0
    """Least probability of a category. Below it CATEGORY is empty: the server abstains."""
    start_timeout_s: Annotated[int, Field(ge=1)] = 120
    """Time until the server has to be ready. Then it is ended, and the cause is told."""
    stop_timeout_s: Annotated[int, Field(ge=1)] = 30
    """Time for an orderly end. Then the server is killed."""


class GatewaySettings(Section):
    """The public door before Triton."""

    enabled: bool = True
    """Whether the gateway listens on the server's ports, and Triton on ports of its own that only the gateway asks.
    false: Triton itself."""
    keys_file: Path = Path("keys.json")
    """The keys' hashes, as `python -m gateway keys` writes them. Without the file only this machine is served, without
    keys."""
    tls_certificate: Path | None = None
    """Certificate chain in PEM for HTTPS and gRPC over TLS, read again when it has changed. null: no TLS."""
    tls_key: Path | None = None
    """Private key of `tls_certificate` in PEM."""
    access_log_mib: Annotated[int, Field(ge=0)] = 64
    """Most that the access log takes, in MiB. 0: no log."""

    @model_validator(mode="after")
    def _certificate_and_key(self) -> GatewaySettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are given together or not at all")
        return self


class Settings(Section):
    """The whole of tagger.yaml."""

    build_dir: Path = Path("build")
    """Directory of everything that is made."""
    catalog: CatalogSettings = CatalogSettings()
    training: TrainingSettings = TrainingSettings()
    export: ExportSettings = ExportSettings()
    serving: ServingSettings = ServingSettings()
    gateway: GatewaySettings = GatewaySettings()
