"""What the client hands back: plain, immutable values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of a product.

    Attributes:
        name: The tag's id in the taxonomy.
        score: Its probability, 0 to 1.
        display_name: What it is called in the client's language; its id where no language was asked for or the server
            knows no name.
    """

    name: str
    score: float
    display_name: str = ""

    def __post_init__(self) -> None:
        """Lets the id stand for a name that isn't given."""
        object.__setattr__(self, "display_name", self.display_name or self.name)


@dataclass(frozen=True, slots=True)
class TaggedProduct:
    """The answer to one text.

    Attributes:
        category: The category's id; None when the server abstained, that is, found no category probable enough.
        category_score: Probability of the most probable category, 0 to 1, given also when the server abstained.
        tags: Highest score first; may be empty.
        truncated: Whether the text was longer than the server or its model reads, so that its end was left out.
        category_display_name: What the category is called in the client's language; as with tags, else its id.
    """

    category: str | None
    category_score: float
    tags: tuple[Tag, ...]
    truncated: bool
    category_display_name: str | None = None

    def __post_init__(self) -> None:
        """Lets the id stand for a name that isn't given."""
        object.__setattr__(self, "category_display_name", self.category_display_name or self.category)
