"""What all sections of tagger.yaml have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What every source of chance takes: NumPy, PyTorch, scikit-learn."""
Port = Annotated[int, Field(ge=1, le=65535)]
Protocol = Literal["grpc", "http"]


class Section(BaseModel):
    """A section of tagger.yaml: immutable once read, and no key that isn't declared here."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
