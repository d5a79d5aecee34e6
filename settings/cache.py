"""Where things that are fetched or made once are kept, for all build directories of a user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Tells the project's cache folder: $XDG_CACHE_HOME/product-tagger, or ~/.cache/product-tagger."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "product-tagger"
