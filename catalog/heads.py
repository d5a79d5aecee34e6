"""The heads of a model: what its columns stand for, how logits become probabilities, and what is answered.

    logits [N, C + T]  ─ activation ─▶  probabilities [N, C + T]  ─ decision ─▶  a category and tags for each product

Training, evaluation, the export's parity gate and the labeler in Triton share this file. It is copied into every
release, so it imports nothing of this project and runs with numpy alone. Another head is a further entry of `HEADS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Targets = Mapping["Head", Any]
"""Head → what is true of N products: int64 [N], or a sparse matrix, bool [N, labels], where any number of labels may be
right."""

SCORES = "SCORES"
"""The tensor with the probabilities of all heads, in the graph, in Triton and for clients."""
SOFTMAX = "softmax"
"""Exactly one label is right: the probabilities sum up to 1."""
SIGMOID = "sigmoid"
"""Any number of labels are right: each has a probability of its own."""


@dataclass(frozen=True)
class Head:
    """Labels that are predicted together.

    Attributes:
        name: Begins the names of its labels: `category` in `category/apparel`.
        labels: Key of its labels in taxonomy.json.
        targets: Attribute of an example that holds what is true.
        activation: `SOFTMAX` or `SIGMOID`.
    """

    name: str
    labels: str
    targets: str
    activation: str


CATEGORY = Head("category", labels="categories", targets="category", activation=SOFTMAX)
TAG = Head("tag", labels="tags", targets="tags", activation=SIGMOID)
HEADS = (CATEGORY, TAG)
"""All heads, in the order of their columns."""


class Labelled(Protocol):
    """A product with an id and, by the heads' `targets`, its labels."""

    @property
    def id(self) -> str:
        """The product's id."""


class UnknownLabel(ValueError):
    """A product has a label that the taxonomy does not list."""


@dataclass(frozen=True)
class Layout:
    """Which column of a model's output stands for which label.

    Attributes:
        labels: Head → ids of its labels, in the order of the columns.
        width: Number of columns.
    """

    labels: Mapping[Head, tuple[str, ...]]
    width: int = field(init=False, compare=False)
    _columns: Mapping[Head, slice] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Number the columns."""
        columns, end = {}, 0
        for head, ids in self.labels.items():
            columns[head] = slice(end, end + len(ids))
            end += len(ids)
        object.__setattr__(self, "width", end)
        object.__setattr__(self, "_columns", columns)

    @classmethod
    def of(cls, taxonomy: Mapping[str, Any]) -> Layout:
        """The layout of a model with this taxonomy.

        Args:
            taxonomy: What taxonomy.json holds.
        """
        return cls({head: tuple(label["id"] for label in taxonomy.get(head.labels, ())) for head in HEADS})

    @classmethod
    def of_names(cls, names: Iterable[str]) -> Layout:
        """The layout of a model whose columns have these names, as `id2label` of config.json gives them.

        Raises:
            ValueError: A name begins with no head's name, or stands before a name of an earlier head.
        """
        names = list(names)
        ids: dict[Head, list[str]] = {head: [] for head in HEADS}
        by_name = {head.name: head for head in HEADS}
        for name in names:
            head, slash, label = name.partition("/")
            if not slash or head not in by_name:
                raise ValueError(f"The model's output {name!r} is none of: {', '.join(f'{h}/…' for h in by_name)}")
            ids[by_name[head]].append(label)
        layout = cls({head: tuple(labels) for head, labels in ids.items()})
        if list(layout.names) != names:
            raise ValueError(f"The model's outputs are not in the order {', '.join(f'{h}/…' for h in by_name)}")
        return layout

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called: `category/apparel`, …, `tag/dress`, …."""
        return tuple(f"{head.name}/{label}" for head, ids in self.labels.items() for label in ids)

    def columns(self, head: Head) -> slice:
        """The columns of a head."""
        return self._columns[head]

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Apply the heads' activations to logits, float [N, width]; the result has the same shape."""
        import torch  # is no part of the server's environment, which gets probabilities

        parts = ((head, logits[:, columns]) for head, columns in self._columns.items())
        return torch.cat([p.softmax(dim=1) if head.activation == SOFTMAX else p.sigmoid() for head, p in parts], dim=1)

    def encode(self, examples: Sequence[Labelled]) -> Targets:
        """Turn the labels of examples into targets.

        A head of any number of labels leaves out labels that it does not know.

        Raises:
            UnknownLabel: A head with exactly one right label does not know an example's.
        """
        return {head: self._encode(head, examples) for head in self.labels}

    def _encode(self, head: Head, examples: Sequence[Labelled]) -> Any:
        numbers = {label: number for number, label in enumerate(self.labels[head])}
        if head.activation == SOFTMAX:
            for example in examples:
                if (label := getattr(example, head.targets)) not in numbers:
                    raise UnknownLabel(
                        f"Product {example.id!r} has the {head.name} {label!r}, which the taxonomy does not list"
                    )
            return np.array([numbers[getattr(example, head.targets)] for example in examples], dtype=np.int64)
        from scipy.sparse import csr_matrix  # is no part of the server's environment, which encodes nothing

        rows = [sorted({numbers[label] for label in getattr(e, head.targets) if label in numbers}) for e in examples]
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(ends[-1]))
        return csr_matrix((np.ones(len(columns), dtype=np.bool_), columns, ends), shape=(len(rows), len(numbers)))


class Decisions(NamedTuple):
    """What is answered for N products.

    Attributes:
        category: Number of the category, int64 [N]; C for an abstention.
        confidence: Probability of the best category, abstention or not, float32 [N].
        tags: Which tags are given, bool [N, T].
    """

    category: npt.NDArray[np.int64]
    confidence: Floats
    tags: Flags


@dataclass(frozen=True)
class DecisionRule:
    """How probabilities become a category and tags: the best category, and the tags over their thresholds.

    Attributes:
        layout: The columns of the probabilities.
        thresholds: The probability from which a tag is given, float32 [T].
        allowed: Which tag may go with which category, bool [C + 1, T]. The last row, for an abstention, allows all: no
            rule applies without a category.
        abstain_below: A less probable category is answered as an abstention.
    """

    layout: Layout
    thresholds: Floats
    allowed: Flags
    abstain_below: float = 0.0

    @classmethod
    def of(
        cls, taxonomy: Mapping[str, Any], thresholds: Mapping[str, float], abstain_below: float = 0.0
    ) -> DecisionRule:
        """The rule of a taxonomy.

        Args:
            taxonomy: What taxonomy.json holds.
            thresholds: Tag id → the probability from which it is given.
            abstain_below: A less probable category is answered as an abstention.

        Raises:
            ValueError: A tag has no threshold.
        """
        layout = Layout.of(taxonomy)
        categories, tags = layout.labels[CATEGORY], layout.labels[TAG]
        missing = [tag for tag in tags if tag not in thresholds]
        if missing:
            raise ValueError(f"thresholds.json has no threshold for the tag {missing[0]!r}, which is in taxonomy.json")
        allowed = np.ones((len(categories) + 1, len(tags)), dtype=np.bool_)
        rows = {category: row for row, category in enumerate(categories)}
        for column, tag in enumerate(taxonomy.get(TAG.labels, ())):
            if tag.get("categories"):
                allowed[:-1, column] = False
                allowed[[rows[category] for category in tag["categories"] if category in rows], column] = True
        return cls(layout, np.array([thresholds[tag] for tag in tags], dtype=np.float32), allowed, abstain_below)

    def decide(self, probabilities: Floats) -> Decisions:
        """Decide what is answered to probabilities, float32 [N, C + T]."""
        categories = probabilities[:, self.layout.columns(CATEGORY)]
        best = categories.argmax(axis=1)
        confidence = categories[np.arange(len(categories)), best]
        category = np.where(confidence < self.abstain_below, categories.shape[1], best)
        given = probabilities[:, self.layout.columns(TAG)] >= self.thresholds
        return Decisions(category, confidence, given & self.allowed[category])
