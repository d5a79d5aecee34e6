"""What stands in the way of the container, as sentences for the person at the terminal."""

from __future__ import annotations

from steps import ProductTaggerError


class DeployError(ProductTaggerError):
    """Something can't be done; the message says what is wrong and what to do."""


class Missing(DeployError):
    """This machine lacks something that the container needs; the message says what, and how to get it."""
