"""A trained checkpoint in Python, for notebooks and scripts: predict, and evaluate on labelled products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from catalog.cleaning import clean_text
from catalog.heads import CATEGORY, TAG, DecisionRule
from catalog.languages import Languages
from catalog.prepared import Example
from catalog.readers import read_products
from product_tagger_files import Continuation, ReadOptions, Reject
from training.checkpoint import Checkpoint, read_checkpoint
from training.errors import TrainingError
from training.evaluation import by_language, category_table, summarize, tag_table


@dataclass(frozen=True)
class Prediction:
    """What a checkpoint says of one text.

    Attributes:
        category: id of the most probable category.
        confidence: its probability.
        categories: id → probability of the most probable categories, the most probable first.
        tags: id → probability of the tags that are given, the most probable first.
    """

    category: str
    confidence: float
    categories: Mapping[str, float]
    tags: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """How good a checkpoint is on labelled products.

    Attributes:
        figures: `products`, `category_accuracy`, `category_macro_f1`, `tag_micro_f1` … as in metrics.json.
        by_language: language → the same figures.
        categories: precision, recall, F1 and products of each category.
        tags: the same of each tag, with its threshold.
        left_out: reason → number of rows that could not be evaluated.
    """

    figures: Mapping[str, float]
    by_language: Mapping[str, Mapping[str, float]]
    categories: Sequence[Mapping[str, Any]]
    tags: Sequence[Mapping[str, Any]]
    left_out: Mapping[str, int]


class TaggingModel:
    """A trained checkpoint that answers texts as the server does: cleaned, cut and tagged by the same rules.

    It doesn't abstain: `serving.abstain_below` is a setting of the server.

    >>> from training import TaggingModel
    >>> model = TaggingModel.from_checkpoint("build/checkpoint")
    >>> answer, = model.predict(["New GREEN TEA, number 7"])
    >>> answer.category
    'food'
    >>> list(answer.tags)
    ['tea']
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Answer with a checkpoint that is loaded already; `from_checkpoint` loads one."""
        self._checkpoint = checkpoint
        self._layout = checkpoint.taxonomy.layout
        thresholds = dict(zip(checkpoint.taxonomy.tag_ids, checkpoint.thresholds.tolist(), strict=True))
        self._rule = DecisionRule.of(checkpoint.taxonomy.data, thresholds)

    @classmethod
    def from_checkpoint(cls, directory: str | Path = "build/checkpoint", device: str = "cpu") -> TaggingModel:
        """Load a checkpoint.

        Args:
            directory: what `make train` has written.
            device: where it computes: `cpu`, `cuda` ….

        Raises:
            TrainingError: There is no checkpoint, or it is damaged; `TaxonomyError` likewise.
        """
        checkpoint = read_checkpoint(Path(directory))
        torch.nn.Module.to(checkpoint.model, device)  # transformers' own `to` has no usable type
        return cls(checkpoint)

    @property
    def categories(self) -> tuple[str, ...]:
        """Ids of the categories, in the order of the first columns of `probabilities`.

        >>> TaggingModel.from_checkpoint("build/checkpoint").categories
        ('apparel', 'food', 'home')
        """
        return self._layout.labels[CATEGORY]

    @property
    def tags(self) -> tuple[str, ...]:
        """Ids of the tags, in the order of the other columns."""
        return self._layout.labels[TAG]

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the probability of every label, float32 [N, C + T].

        >>> TaggingModel.from_checkpoint("build/checkpoint").probabilities(["green tea", "cotton dress"]).shape
        (2, 6)

        Args:
            texts: N texts as a shop writes them; they are cleaned here.
        """
        return self._checkpoint.probabilities([clean_text(text) for text in texts])

    def predict(self, texts: Sequence[str], *, top: int = 5) -> list[Prediction]:
        """Return category and tags of every text, with probabilities.

        >>> model = TaggingModel.from_checkpoint("build/checkpoint")
        >>> [answer.category for answer in model.predict(["cotton dress", "wooden table"])]
        ['apparel', 'home']
        >>> len(model.predict(["cotton dress"], top=2)[0].categories)
        2

        Args:
            texts: N texts as a shop writes them.
            top: how many of the most probable categories are told, at least 1.
        """
        if isinstance(texts, str):
            raise TypeError("predict takes a list of texts; for a single one write predict([text])")
        probabilities = self.probabilities(texts)
        decided = self._rule.decide(probabilities)
        categories, tags = probabilities[:, self._layout.columns(CATEGORY)], probabilities[:, self._layout.columns(TAG)]
        answers = []
        for row in range(len(texts)):
            best = np.argsort(-categories[row], kind="stable")[: max(1, top)]
            given = sorted(np.flatnonzero(decided.tags[row]), key=lambda column: -tags[row, column])
            answers.append(
                Prediction(
                    category=self.categories[best[0]],
                    confidence=float(categories[row, best[0]]),
                    categories={self.categories[column]: float(categories[row, column]) for column in best},
                    tags={self.tags[column]: float(tags[row, column]) for column in given},
                )
            )
        return answers

    def evaluate(self, catalogue: str | Path, columns: Mapping[str, str] | None = None) -> Evaluation:
        """Compare the answers with the labels of a catalogue file.

        >>> model = TaggingModel.from_checkpoint("build/checkpoint")
        >>> evaluation = model.evaluate("shop.csv", {"title": "name"})
        >>> evaluation.figures["products"], evaluation.figures["category_accuracy"]
        (3.0, 1.0)
        >>> evaluation.left_out
        {'no category': 1}

        Args:
            catalogue: a file as `catalog.path` takes them: .jsonl, .csv, .tsv, .parquet.
            columns: product field → the shop's own column name, as in `catalog.columns`.

        Raises:
            CatalogError: The file can't be read.
            TrainingError: None of its rows has a category that the checkpoint knows.
        """
        examples, left_out = self._read(Path(catalogue), columns)
        if not examples:
            told = ", ".join(f"{count} × {reason}" for reason, count in left_out.items()) or "it is empty"
            raise TrainingError(f"{catalogue} has no product to evaluate on ({told}).")
        checkpoint = self._checkpoint
        answers = checkpoint.answers(examples)
        return Evaluation(
            figures=summarize(answers),
            by_language=by_language(answers),
            categories=category_table(answers, checkpoint.taxonomy),
            tags=tag_table(answers, checkpoint.taxonomy, checkpoint.thresholds),
            left_out=left_out,
        )

    def _read(self, path: Path, columns: Mapping[str, str] | None) -> tuple[list[Example], dict[str, int]]:
        """The products of a file whose category the checkpoint knows; tags that it doesn't know are dropped."""
        taxonomy, examples, left_out = self._checkpoint.taxonomy, [], Counter[str]()
        spoken = Languages()
        for _, product in read_products(path, ReadOptions(columns or {})):
            if product is None or isinstance(product, Continuation):
                continue
            if isinstance(product, Reject):
                left_out[product.reason] += 1
                continue
            category, text = taxonomy.find_category(product.category or ""), clean_text(product.raw_text)
            if category is None or not text:
                left_out["no text is left after cleaning" if category else "unknown category"] += 1
                continue
            tags = tuple(dict.fromkeys(tag for word in product.tags if (tag := taxonomy.find_tag(word))))
            spoken.add(text, product.lang)
            examples.append(Example(product.id, "", text, category, tags))
        codes = [spoken.codes[number] for number in spoken.decide()]
        return [replace(example, lang=code) for example, code in zip(examples, codes, strict=True)], dict(left_out)
