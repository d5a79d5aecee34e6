"""What callers send as JSON, and how it becomes a text."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import BadText, Problem
from product_tagger_files.record import raw_text

MAX_CHARACTERS = 65_536
"""Of a text a server reads so many characters; one more is sent, from which it sees that the text was cut."""
MAX_VALUES = 20_000
"""Most JSON values of a request: a parser needs a hundred bytes for one of two."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.S)


class Product(BaseModel):
    """One product: its text as it is, or its fields."""

    model_config = ConfigDict(extra="forbid")
    text: str = ""
    """Title, description and `key: value` lines, one below the other. Given alone."""
    title: str = ""
    description: str = ""
    attributes: Annotated[dict[str, str], Field(max_length=1000)] = Field(default_factory=dict)
    lang: str | None = None
    """Language of the display names, such as zh."""

    def encoded(self) -> bytes:
        """The text for the engine.

        Raises:
            BadText: It is blank, holds a NUL, or both `text` and fields are given.
        """
        fields = raw_text(self.title, self.description, self.attributes)
        if self.text and fields:
            raise BadText("give either `text`, or `title`, `description` and `attributes`, not both")
        text = (self.text or fields)[: MAX_CHARACTERS + 1]
        if not text.strip():
            raise BadText("the text is empty or blank; send the product's title, description or both")
        if "\0" in text:
            raise BadText(f"the text holds a NUL character (at character {text.index(chr(0))}); remove it")
        return text.encode("utf-8")


class Batch(BaseModel):
    """Several products."""

    model_config = ConfigDict(extra="forbid")
    products: Annotated[list[Product], Field(min_length=1)]


def check_values(body: bytes) -> None:
    """Refuses JSON of more values than a request may have, before it is parsed.

    Raises:
        Problem: 413.
    """
    if len(body) > 4 * MAX_VALUES:
        frame = _STRING.sub(b"", body)
        if sum(map(frame.count, (b"[", b"{", b","))) > MAX_VALUES:
            raise Problem(413, f"The JSON holds more than {MAX_VALUES:,} values. Send fewer at a time.")


def parse(body: bytes, *, batch: bool) -> Batch:
    """The products of a request; the parser's depth is bounded, and so is what it can be made to keep.

    Raises:
        Problem: 400 for what is no JSON, 422 for JSON of another form.
    """
    check_values(body)
    try:
        return Batch.model_validate_json(body) if batch else Batch(products=[Product.model_validate_json(body)])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "json_invalid":
            raise Problem(400, f"The body is no JSON that can be read: {first['msg']}.") from None
        raise Problem(422, f"`{place or 'the body'}`: {first['msg']}.") from None
