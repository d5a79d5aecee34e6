"""What the client hands back: plain, immutable values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a product.

    Attributes:
        name: The tag's id in the taxonomy.
        score: Its probability, 0 to 1.
    """

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class TaggedProduct:
    """The answer to one text.

    Attributes:
        category: The category's id; None when the server abstained, that is, found no category probable enough.
        category_score: Probability of the most probable category, 0 to 1, given also when the server abstained.
        tags: Highest score first; may be empty.
        truncated: Whether the text was longer than the model reads, so that its end was left out.
    """

    category: str | None
    category_score: float
    tags: tuple[Tag, ...]
    truncated: bool
