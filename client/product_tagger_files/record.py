"""The product record: what one row of a catalogue says, and the text that is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Product:
    """One product as the shop wrote it: nothing cleaned, nothing mapped.

    Attributes:
        id: Unique within the catalogue.
        group: Names the parent product that variants (colour, size) share; None where the row does not say.
        lang: `en` or `zh`; None where the row does not say.
        title: May be empty when the description isn't.
        description: May be empty when the title isn't.
        attributes: Name → value, in the row's order.
        category: The shop's word for it; None in a row without a label.
        tags: The shop's words for them, in the row's order.
        views: How often the product was shown; None where unknown. Likewise `clicks` and `purchases`.
    """

    id: str
    group: str | None = None
    lang: str | None = None
    title: str = ""
    description: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    category: str | None = None
    tags: tuple[str, ...] = ()
    views: float | None = None
    clicks: float | None = None
    purchases: float | None = None

    @property
    def raw_text(self) -> str:
        """The text training starts from, and what a client sends to the server as TEXT."""
        return raw_text(self.title, self.description, self.attributes)


def raw_text(title: str = "", description: str = "", attributes: Mapping[str, str] | None = None) -> str:
    """Joins what is known of a product into one text: title, description, then one `key: value` line per attribute.

    Args:
        title: May be empty.
        description: May be empty.
        attributes: Name → value; an attribute with an empty value is left out.

    Returns:
        The non-empty parts, one below the other. Empty when every part is.
    """
    lines = [part for part in (title, description) if part.strip()]
    lines += [f"{key}: {value}" for key, value in (attributes or {}).items() if value.strip()]
    return "\n".join(lines)
