"""The base of all errors that are told to a person as a sentence."""

from __future__ import annotations


class ProductTaggerError(Exception):
    """Something can't be done; the message says what is wrong, where, and what to do.

    Every command prints it without a traceback and ends with exit status 1.
    """


class Busy(ProductTaggerError):
    """Another process is writing the same output now."""


class DiskError(ProductTaggerError):
    """The disk is full, or a path can't be read or written."""
