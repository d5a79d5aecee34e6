"""What can stop a training run; every message is a sentence with its mend."""

from __future__ import annotations

from steps import ProductTaggerError


class TrainingError(ProductTaggerError):
    """Training can't be done; the message says what is wrong, where, and what to do."""
